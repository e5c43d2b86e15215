interface NodeModules {
  'node:crypto': typeof import('node:crypto');
  'node:fs/promises': typeof import('node:fs/promises');
  'node:path': typeof import('node:path');
}

/**
 * A module of Node.js, asked for when it is used: what a browser can import imports none.
 *
 * @throws Error where there is no Node.js, or none that can be asked.
 */
export function nodeModule<Name extends keyof NodeModules>(name: Name): NodeModules[Name] {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  const found = process?.getBuiltinModule?.(name);
  if (!found) throw new Error('Files are written and read in Node.js 20.16 or later only.');
  return found as NodeModules[Name];
}
