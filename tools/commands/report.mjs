import { readArguments, runAndReport, running } from './running.mjs';
import { main, setup } from '../setup/setup.mjs';

// Builds reports in another form or language: npm run report -- 05 --lang zh --to slides
await main(async () => {
  const usage =
    'npm run report -- [05 …] [--to html|slides|pdf] [--lang en|zh] [--profile lesson|full] [--jobs N] [--again] ' +
    '[--cell-timeout SECONDS]';
  const args = readArguments(usage, {
    ...running,
    to: { type: 'string', accepts: ['html', 'slides', 'pdf'] },
    lang: { type: 'string', accepts: ['en', 'zh'] },
  });
  await setup();
  return runAndReport(args);
});
