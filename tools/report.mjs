import { readArguments, report } from './reports.mjs';
import { main, setup } from './setup.mjs';

// Builds reports in another form or language: npm run report -- 05 --lang zh --to slides
await main(async () => {
  const usage = 'npm run report -- [05 …] [--to html|slides|pdf] [--lang en|zh] [--again]';
  const { prefixes, values } = readArguments(usage, {
    to: { type: 'string', default: 'html' },
    lang: { type: 'string', default: 'en' },
    again: { type: 'boolean', default: false },
  });
  await setup();
  return report(prefixes, ['--to', String(values.to), '--lang', String(values.lang)], values.again === true);
});
