import { join } from 'node:path';
import { main, root, run, setup } from '../setup/setup.mjs';

// The reference of the library's public interface, into reports/api.
await main(async () => {
  await setup();
  const typedoc = join(root, 'node_modules', 'typedoc', 'bin', 'typedoc');
  return run(process.execPath, [typedoc, '--options', join(root, 'tools', 'docs', 'typedoc.config.mjs')]);
});
