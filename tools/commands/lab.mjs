import { join } from 'node:path';
import { isolated, main, python, root, run, setup } from '../setup/setup.mjs';

// Opens the notebooks in JupyterLab. Arguments are JupyterLab's own: npm run lab -- --no-browser --port 8899
await main(async () => {
  await setup();
  return run(python, [...isolated, join(root, 'tools', 'reports', 'lab.py'), ...process.argv.slice(2)]);
});
