import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../../reports/chromium';
import { executable, temporaryFolder, tool } from './support';

const pages = ['90-attacks.html', '90-attacks.slides.html', 'index.html'];

/** Links that execute, as a browser reads them: it skips white space in addresses. */
const executingLinks = `[...document.querySelectorAll('a, area')].filter((link) =>
  /^(javascript|data):/i.test((link.getAttribute('href') ?? link.getAttribute('xlink:href') ?? '').replace(/\\s/g, '')))`;

describe.skipIf(!executable)('what a foreign notebook tries in a report', () => {
  const { path: safe, remove: removeSafe } = temporaryFolder();
  const { path: raw, remove: removeRaw } = temporaryFolder();
  const arrived: string[] = [];
  const server = createServer((socket) => {
    socket.on('data', (data) => arrived.push(data.toString().split('\r\n')[0]!));
    socket.on('error', () => undefined);
  });
  let browser: Browser;

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(JSON.parse(tool(join('test', 'attacks.py'), safe, address))).toEqual({ attempts: 75 });
    tool(join('test', 'attacks.py'), raw, address, '--raw');
    browser = await launchChromium(executable!);
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    server.close();
    removeSafe();
    removeRaw();
  });

  async function open(file: string) {
    arrived.length = 0;
    const context = await browser.newContext();
    const page = await context.newPage();
    const url = pathToFileURL(file).href;
    await page.goto(url);
    await page.waitForFunction('window.reportReady', undefined, { timeout: 30_000 });
    await page.evaluate('window.reportReady');
    const links = await page.evaluate<number>(`${executingLinks}.length`);
    await page.evaluate(
      `${executingLinks}.forEach((link) => link.dispatchEvent(new MouseEvent('click', { bubbles: true })))`,
    );
    await page.waitForTimeout(1500);
    const seen = {
      executed: await page.evaluate<string[]>('[...new Set(window.hits ?? [])]'),
      polluted: await page.evaluate<unknown>('({}).polluted ?? null'),
      drawn: await page.locator('figure.plot svg.main-svg').count(),
      broken: await page.locator('figure.plot .canvas.broken').count(),
      links,
      stayed: page.url().split('#')[0] === url && context.pages().length === 1,
      arrived: [...arrived],
    };
    await context.close();
    return seen;
  }

  it.each(pages)('executes nothing and fetches nothing in %s', async (name) => {
    expect(await open(join(safe, name))).toMatchObject({
      executed: [],
      arrived: [],
      stayed: true,
      links: 0,
      polluted: null,
    });
  });

  it.each(pages)('is stopped by the security policy alone in %s', async (name) => {
    expect(await open(join(raw, name))).toMatchObject({ executed: [], arrived: [], stayed: true });
  });

  it('leaves the figures that can be drawn, and the page around one that cannot', async () => {
    const { drawn, broken } = await open(join(safe, '90-attacks.html'));
    expect(drawn).toBeGreaterThanOrEqual(6);
    expect(broken).toBeLessThanOrEqual(2);
  });

  it('would execute without sanitizer and policy', async () => {
    const page = readFileSync(join(raw, '90-attacks.html'), 'utf8');
    // Without the attempt to leave the page, which would hide the others.
    const unprotected = page
      .replace(/<meta[^>]*Content-Security-Policy[^>]*>/, '')
      .replaceAll('location = address', 'address');
    writeFileSync(join(raw, 'open.html'), unprotected);
    const context = await browser.newContext();
    const tab = await context.newPage();
    await tab.goto(pathToFileURL(join(raw, 'open.html')).href);
    await tab.waitForTimeout(1000);
    const hits = await tab.evaluate<string[]>('[...new Set(window.hits ?? [])]');
    expect(hits.length).toBeGreaterThan(10);
    await context.close();
  });
});
