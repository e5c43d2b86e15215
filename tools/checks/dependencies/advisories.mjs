import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockedPackages } from './lockfiles.mjs';

/**
 * @typedef {{ package: string, introduced: string, fixed: string | null, severity: string, id: string }} Advisory
 * @typedef {import('./lockfiles.mjs').Package} Package
 * @typedef {{ package: string, version: string, severity: string, id: string, development: boolean }} Finding
 */

const serious = ['high', 'critical'];

/** Negative where version a comes before b. @param {string} a @param {string} b */
function compare(a, b) {
  const [left, right] = [a, b].map((version) =>
    version.split(/[.+-]/).map((part) => Number.parseInt(part, 10) || 0),
  );
  for (let i = 0; i < 4; i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Which packages the advisories of a snapshot are about.
 *
 * @param {Package[]} packages
 * @param {Record<'npm' | 'pypi', Advisory[]>} snapshot
 * @returns {Finding[]}
 */
export const findings = (packages, snapshot) =>
  packages.flatMap(({ registry, name, version, development }) =>
    snapshot[registry]
      .filter(
        ({ package: about, introduced, fixed }) =>
          about === name &&
          compare(version, introduced) >= 0 &&
          (fixed === null || compare(version, fixed) < 0),
      )
      .map(({ severity, id }) => ({ package: name, version, severity, id, development })),
  );

/** What the npm registry knows; undefined where it does not say. @param {string} root @returns {Finding[] | undefined} */
function askRegistry(root) {
  const { stdout } = spawnSync('npm', ['audit', '--json', '--audit'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  });
  try {
    /** @type {{ vulnerabilities?: Record<string, { severity: string, range: string, via: (string | { url: string })[] }> }} */
    const report = JSON.parse(stdout);
    if (!report.vulnerabilities) return undefined;
    const development = new Map(lockedPackages(root).map((entry) => [entry.name, entry.development]));
    return Object.entries(report.vulnerabilities).map(([name, { severity, range, via }]) => ({
      package: name,
      version: range,
      severity,
      id: via.map((cause) => (typeof cause === 'string' ? cause : cause.url)).join(', '),
      development: development.get(name) ?? false,
    }));
  } catch {
    return undefined;
  }
}

/**
 * Compares the lockfiles with the snapshot beside this file and, where it answers, with the npm registry. A serious finding
 * in what runs (not only in development) fails.
 *
 * @param {string} root
 * @returns {number} exit code
 */
export function checkAdvisories(root) {
  /** @type {Record<'npm' | 'pypi', Advisory[]> & { date: string }} */
  const snapshot = JSON.parse(
    readFileSync(join(root, 'tools', 'checks', 'dependencies', 'snapshot.json'), 'utf8'),
  );
  const packages = lockedPackages(root);
  const online = askRegistry(root);
  const found = [...findings(packages, snapshot), ...(online ?? [])];
  for (const { package: name, version, severity, id, development } of found)
    console.log(
      `${severity.padEnd(8)} ${name} ${version}  ${id}${development ? '  (development only)' : ''}`,
    );
  const grave = found.filter(({ severity, development }) => serious.includes(severity) && !development);
  console.log(
    `${packages.length} packages, ${found.length} advisories, ${grave.length} serious ones at run time ` +
      `(snapshot of ${snapshot.date}${online ? ' and the npm registry' : '; the npm registry does not answer'})`,
  );
  return grave.length > 0 ? 1 : 0;
}
