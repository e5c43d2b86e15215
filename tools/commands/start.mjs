import { readArguments, runAndReport, running } from './running.mjs';
import { main, setup } from '../setup/setup.mjs';

// Sets up what is missing, runs the notebooks, builds their reports, says where to look.
await main(async () => {
  const usage =
    'npm start [-- 05 …] [--profile lesson|full] [--jobs N] [--again] [--solutions] [--cell-timeout SECONDS]';
  const args = readArguments(usage, { ...running, solutions: { type: 'boolean' } });
  await setup();
  return runAndReport(args);
});
