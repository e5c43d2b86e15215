/**
 * Which claims of the articles are covered by a test or by a check in a notebook. `node tools/dist/checks/claims/claims.js` lists
 * them; exit code 1 where an article has a notebook but a claim that nothing covers, or where something is named after a
 * claim that is in no list.
 */
import { resolve } from 'node:path';
import { problemsOf, readEvidence, type Evidence } from './evidence';

/** The places that cover one claim, files once each: `lib/test/optimizers/lion.test.ts:61, notebooks/05-lion.ipynb cells 3 4`. */
function placesOf(id: string, evidence: readonly Evidence[]): string {
  const cells = new Map<string, Set<number>>();
  for (const { place } of evidence.filter((one) => one.id === id)) {
    const numbers = cells.get(place.file) ?? new Set();
    if (place.cell !== undefined) numbers.add(place.cell);
    cells.set(place.file, numbers);
  }
  return [...cells]
    .map(([file, numbers]) => (numbers.size > 0 ? `${file} In[${[...numbers].join(', ')}]` : file))
    .join(', ');
}

function main(root: string): number {
  const { articles, evidence, notebooks } = readEvidence(root);
  for (const { notebook, source, claims, experiments } of articles) {
    console.log(`\n${notebook}  ${source}${notebooks.has(notebook) ? '' : '  (no notebook yet)'}`);
    for (const [id, text] of Object.entries({ ...claims, ...experiments })) {
      const places = placesOf(id, evidence);
      const sign = places ? '✓' : id in claims ? '✗' : '·';
      console.log(`${sign} ${id.padEnd(6)} ${text}${places ? `\n         ${places}` : ''}`);
    }
  }
  const problems = problemsOf(articles, evidence, notebooks);
  console.log();
  for (const problem of problems) console.error(problem);
  const ids = articles.flatMap(({ claims }) => Object.keys(claims));
  const covered = new Set(evidence.map(({ id }) => id));
  console.log(
    `${ids.filter((id) => covered.has(id)).length} of ${ids.length} claims covered, ${problems.length} problems`,
  );
  return problems.length > 0 ? 1 : 0;
}

process.exitCode = main(resolve(__dirname, '..', '..', '..', '..'));
