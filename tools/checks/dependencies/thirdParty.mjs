import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockedPackages } from './lockfiles.mjs';

/** Packages whose own description leaves their licence out. @type {Record<string, string>} */
const undeclared = { 'typed-function': 'MIT' };

/** What reports contain, and so pass on. */
const redistributed = ['mathjax', 'plotly.js', 'reveal.js'];

/** Licences of the Python packages, as their own descriptions name them. @param {string} root @returns {Record<string, string>} */
export const pythonLicences = (root) =>
  JSON.parse(readFileSync(join(root, 'tools', 'checks', 'dependencies', 'python-licences.json'), 'utf8'));

/**
 * The same, asked of what is installed in `.venv`; what is not (it belongs to other platforms) stays as it was.
 *
 * @param {string} root
 */
export function readPythonLicences(root) {
  const script = `
import importlib.metadata, json, re
found = {}
for path in (None, [${JSON.stringify(join(root, '.venv', 'tensorflow'))}]):
    for package in importlib.metadata.distributions(**({"path": path} if path else {})):
        data = package.metadata
        classified = [line.split(" :: ")[-1] for line in data.get_all("Classifier") or [] if line.startswith("License ::")]
        licence = data["License-Expression"] or ", ".join(classified) or (data["License"] or "").split("\\n")[0]
        found[re.sub("[-_.]+", "-", data["Name"]).lower()] = licence.replace("OSI Approved", "").strip() or "not declared"
print(json.dumps(found))`;
  const { stdout } = spawnSync(join(root, '.venv', 'bin', 'python'), ['-E', '-s', '-c', script], {
    encoding: 'utf8',
  });
  const installed = JSON.parse(stdout);
  const names = new Set(
    lockedPackages(root)
      .filter(({ registry }) => registry === 'pypi')
      .map(({ name }) => name),
  );
  const known = { ...pythonLicences(root), ...installed };
  return Object.fromEntries(
    [...names].sort().map((name) => [name, known[name] ?? 'of another platform, not looked up']),
  );
}

/** @param {import('./lockfiles.mjs').Package[]} packages */
function byLicence(packages) {
  /** @type {Map<string, string[]>} */
  const groups = new Map();
  for (const { licence = 'not declared', name, version } of packages)
    groups.set(licence, [...(groups.get(licence) ?? []), `${name} ${version}`]);
  const lines = [...groups].sort(([a, x], [b, y]) => y.length - x.length || a.localeCompare(b, 'en'));
  return lines
    .map(([licence, names]) => `- **${licence}** (${names.length}): ${names.join(', ')}`)
    .join('\n');
}

/** The text of THIRD_PARTY.md. @param {string} root */
export function thirdParty(root) {
  const python = pythonLicences(root);
  const packages = lockedPackages(root).map((entry) => ({
    ...entry,
    licence:
      entry.registry === 'npm'
        ? (entry.licence ?? undeclared[entry.name] ?? 'not declared')
        : (python[entry.name] ?? 'not declared'),
  }));
  const npm = packages.filter(({ registry }) => registry === 'npm');
  const texts = redistributed.map((name) => {
    const folder = join(root, 'node_modules', name);
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return `### ${name} ${version} (${license})\n\n\`\`\`\n${readFileSync(join(folder, 'LICENSE'), 'utf8').trim()}\n\`\`\``;
  });
  return `# Software of others

Written by \`npm run dependencies -- --write\` from the lockfiles. What set-up installs is downloaded from npm and PyPI and not
part of this repository; where the data comes from stands in [data/SOURCES.md](data/SOURCES.md).

## npm, at run time

${byLicence(npm.filter(({ development }) => !development))}

## npm, for development

${byLicence(npm.filter(({ development }) => development))}

## Python

${byLicence(packages.filter(({ registry }) => registry === 'pypi'))}

## What reports contain

Reports carry the code of these packages, and their licences with it.

${texts.join('\n\n')}
`;
}
