import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { findChromium, installChromium } from '../../reports/chromium';

export const root = resolve(__dirname, '..', '..', '..');
export const fixtures = join(root, 'tools', 'test', 'fixtures');
export const python = join(root, '.venv', 'bin', 'python');

/** The browser of these tests; without one they are skipped, and say so. */
export const executable = findChromium();
if (!executable)
  console.warn(`SKIPPED: no Chromium was found, nothing is tested in a browser. ${installChromium}`);

/** Runs a Python program of tools/; an exit code other than the expected one throws with what the tool printed. */
export function tool(name: string, ...args: string[]): string {
  return execFileSync(python, [join(root, 'tools', name), ...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: 120_000,
  });
}

/** A folder that is removed when the tests of a file have ended. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'liandan-browser-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A page, and everything that went wrong in it: errors on its console, exceptions, requests beyond local files. */
export interface Watched {
  page: Page;
  complaints: string[];
}

/** Opens a page in a context that has no network at all. */
export async function openOffline(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({ ...options, offline: true });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  await page.route(/^(?!file:|data:|blob:)/, (route) => {
    complaints.push(`request: ${route.request().url()}`);
    return route.abort();
  });
  await page.goto(url);
  await page.evaluate('window.reportReady');
  return { page, complaints };
}
