import '../../src/runtime/environment';
