import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A package as a lockfile pins it.
 *
 * @typedef {{ registry: 'npm' | 'pypi', name: string, version: string, licence?: string, development: boolean }} Package
 */

const pythonLockfiles = [
  'requirements.txt',
  ...['tensorflow', 'tensorflow-cpu', 'tensorflow-gpu'].map((name) => `tools/setup/requirements/${name}.txt`),
];

/** Every package that set-up installs from a registry. @param {string} root @returns {Package[]} */
export function lockedPackages(root) {
  /** @type {{ packages: Record<string, { name?: string, version?: string, license?: string, link?: boolean, dev?: boolean }> }} */
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const npm = Object.entries(lock.packages).flatMap(([path, { name, version, license, link, dev }]) => {
    const at = path.lastIndexOf('node_modules/');
    if (at < 0 || link || version === undefined) return [];
    return [
      {
        registry: /** @type {const} */ ('npm'),
        name: name ?? path.slice(at + 'node_modules/'.length),
        version,
        ...(license && { licence: license }),
        development: dev === true,
      },
    ];
  });
  const python = pythonLockfiles.flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/^([\w.-]+)==([\w.]+)/gm)].map(
      ([, name = '', version = '']) => ({
        registry: /** @type {const} */ ('pypi'),
        name: name.toLowerCase(),
        version,
        development: false,
      }),
    ),
  );
  const unique = new Map(
    [...npm, ...python].map((entry) => [`${entry.registry} ${entry.name} ${entry.version}`, entry]),
  );
  return [...unique.values()].sort(
    (a, b) => a.name.localeCompare(b.name, 'en') || a.version.localeCompare(b.version, 'en'),
  );
}
