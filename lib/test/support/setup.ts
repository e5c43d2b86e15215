import '../../src/runtime/environment';

// What a test finds must not depend on what was run before it.
process.env.LIANDAN_CACHE ??= 'off';
