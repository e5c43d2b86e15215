/** Prints a report as PDF: `node tools/dist/reports/print_pdf.js report.html report.pdf`. */
import { renameSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findChromium, installChromium, launchChromium } from './chromium';

/** Width in CSS pixels of the printed area of an A4 page, so that figures are drawn at the size at which they are printed. */
const PRINTED_WIDTH = 680;

async function printPdf(page: string, target: string): Promise<void> {
  const executable = findChromium();
  if (!executable) throw new Error(`A PDF is printed by Chromium, and none was found. ${installChromium}`);
  const browser = await launchChromium(executable);
  try {
    const context = await browser.newContext({
      viewport: { width: PRINTED_WIDTH, height: 960 },
      offline: true,
    });
    const tab = await context.newPage();
    await tab.emulateMedia({ media: 'print' });
    await tab.goto(pathToFileURL(resolve(page)).href);
    await tab.evaluate('window.reportReady');
    await tab.pdf({
      path: `${target}.partial`,
      format: 'A4',
      printBackground: true,
      preferCSSPageSize: true,
      outline: true,
      tagged: true,
    });
    renameSync(`${target}.partial`, target);
  } finally {
    await browser.close();
  }
}

const [page, target] = process.argv.slice(2);
if (!page || !target) throw new Error('usage: print_pdf.js report.html report.pdf');
printPdf(page, target).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
