import { readArguments, runAndReport } from './reports.mjs';
import { main, setup } from './setup.mjs';

// Sets up what is missing, runs the notebooks, builds their reports, says where to look.
await main(async () => {
  const { prefixes, values } = readArguments('npm start [-- 05 …] [--profile lesson|full] [--solutions]', {
    profile: { type: 'string' },
    solutions: { type: 'boolean' },
  });
  await setup();
  return runAndReport(prefixes, [
    ...(values.profile ? ['--profile', String(values.profile)] : []),
    ...(values.solutions ? ['--solutions'] : []),
  ]);
});
