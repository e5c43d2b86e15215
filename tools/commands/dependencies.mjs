import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkAdvisories } from '../checks/dependencies/advisories.mjs';
import { readPythonLicences, thirdParty } from '../checks/dependencies/thirdParty.mjs';
import { main, root, setup } from '../setup/setup.mjs';

// npm run dependencies: is anything in the lockfiles known to be vulnerable? With --write it also writes THIRD_PARTY.md.
await main(async () => {
  const { values } = parseArgs({ options: { write: { type: 'boolean' } } });
  if (values.write) {
    await setup();
    const licences = `${JSON.stringify(readPythonLicences(root), null, 2)}\n`;
    writeFileSync(join(root, 'tools', 'checks', 'dependencies', 'python-licences.json'), licences);
    writeFileSync(join(root, 'THIRD_PARTY.md'), thirdParty(root));
  }
  return checkAdvisories(root);
});
