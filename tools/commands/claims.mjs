import { join } from 'node:path';
import { main, root, run, setup } from '../setup/setup.mjs';

// Which test or notebook check covers each claim of the articles.
await main(async () => {
  await setup();
  return run(process.execPath, [join(root, 'tools', 'dist', 'checks', 'claims', 'claims.js')]);
});
