import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../../chromium';
import { executable, fixtures, python, root, temporaryFolder } from './support';

const IDLE = '.jp-Notebook-ExecutionIndicator[data-status="idle"]';
const NOTEBOOKS = ['01-sample.ipynb', '03-thrown-error.ipynb'];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Starts the server of `npm run lab`; gives the address that it prints. */
async function startLab(folder: string): Promise<{ server: ChildProcess; address: URL }> {
  const args = ['--no-browser', '--port', String(await freePort()), `--ServerApp.root_dir=${folder}`];
  const server = spawn(python, [join(root, 'tools', 'lab.py'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: server.stdout })) {
    const found = /runs at (http:\S+)/.exec(line);
    if (found) return { server, address: new URL(found[1]!) };
  }
  throw new Error('JupyterLab ended without printing its address');
}

describe.skipIf(!executable)('the notebooks in JupyterLab', () => {
  const { path: folder, remove } = temporaryFolder();
  const exceptions: string[] = [];
  const outside: string[] = [];
  let server: ChildProcess;
  let address: URL;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    for (const name of NOTEBOOKS) copyFileSync(join(fixtures, name), join(folder, name));
    [{ server, address }, browser] = await Promise.all([startLab(folder), launchChromium(executable!)]);
    page = await browser.newPage({ viewport: { width: 1300, height: 2400 } });
    page.on('pageerror', (error) => exceptions.push(error.message));
    await page.route(
      (url) => url.protocol.startsWith('http') && url.host !== address.host,
      (route) => {
        outside.push(route.request().url());
        return route.abort();
      },
    );
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    if (server && server.exitCode === null) {
      server.kill('SIGINT');
      await once(server, 'exit');
    }
    remove();
  }, 60_000);

  async function ask<T>(path: string): Promise<T> {
    const answer = await fetch(`${address.origin}/api/${path}${address.search}`);
    return (await answer.json()) as T;
  }

  interface Session {
    path: string;
    kernel: { execution_state: string; connections: number };
  }

  /** Opens a notebook in a workspace of its own and waits until its kernel is connected. */
  async function open(name: string): Promise<Locator> {
    await page.goto(
      `${address.origin}/lab/workspaces/${name.slice(0, 2)}/tree/${name}${address.search}&reset`,
    );
    const notebook = page.locator('.jp-NotebookPanel:visible');
    await notebook.locator('.jp-Notebook .jp-Cell').first().waitFor({ timeout: 60_000 });
    // Before it connects, JupyterLab shows the kernel as idle for a moment: the server knows better.
    const isConnected = async () =>
      (await ask<Session[]>('sessions')).some(
        ({ path, kernel }) => path === name && kernel.execution_state === 'idle' && kernel.connections > 0,
      );
    await expect.poll(isConnected, { timeout: 60_000, interval: 200 }).toBe(true);
    await notebook.locator(IDLE).waitFor({ timeout: 60_000 });
    return notebook;
  }

  async function runAll(notebook: Locator): Promise<void> {
    await notebook.locator('.jp-Cell').first().click();
    await page.locator('.lm-MenuBar-item', { hasText: /^Run$/ }).click();
    await page.locator('.lm-Menu-itemLabel', { hasText: /^Run All Cells$/ }).click();
  }

  it('Run All numbers the cells, shows progress while it happens, then plots', async () => {
    const notebook = await open('01-sample.ipynb');
    await runAll(notebook);
    const bar = notebook.locator('.jp-OutputArea-output progress');
    await bar.waitFor({ timeout: 60_000 });
    const seen = new Set<string | null>();
    while (!seen.has('20')) {
      seen.add(await bar.getAttribute('value'));
      await page.waitForTimeout(30);
    }
    expect(seen.size).toBeGreaterThan(4);
    await notebook.locator('.js-plotly-plot .scatterlayer .trace').first().waitFor({ timeout: 30_000 });
    await notebook.locator('.js-plotly-plot .barlayer .point').first().waitFor({ timeout: 30_000 });
    const prompts = notebook.locator('.jp-CodeCell .jp-InputPrompt');
    await expect.poll(() => prompts.last().innerText(), { timeout: 30_000 }).toBe('[11]:');
    expect(await prompts.allInnerTexts()).toEqual(
      Array.from({ length: 11 }, (_, index) => `[${index + 1}]:`),
    );
  }, 180_000);

  it('completes names and explains them', async () => {
    const notebook = page.locator('.jp-NotebookPanel:visible');
    await notebook.locator('.jp-CodeCell').last().locator('.cm-content').click();
    await page.keyboard.press('Escape');
    await page.keyboard.press('b');
    await page.keyboard.press('Enter');
    await page.keyboard.type('speeds.red');
    const candidate = page.locator('.jp-Completer-item', { hasText: 'reduceRight' }).first();
    // JupyterLab drops an answer that takes longer than a second, which happens on a busy machine.
    for (let attempt = 0; attempt < 5 && !(await candidate.isVisible()); attempt++) {
      await page.keyboard.press('Tab');
      await candidate.waitFor({ timeout: 4000 }).catch(() => undefined);
    }
    await candidate.click({ timeout: 5000 });
    const editor = notebook.locator('.jp-Cell.jp-mod-active .cm-content');
    await expect.poll(() => editor.innerText(), { timeout: 20_000 }).toBe('speeds.reduceRight');
    await page.keyboard.press('Shift+Tab');
    const tooltip = page.locator('.jp-Tooltip');
    await tooltip.waitFor({ timeout: 20_000 });
    expect(await tooltip.innerText()).toContain('Float64Array');
    await page.keyboard.press('Escape');
  }, 90_000);

  it('shows an error with the line that threw it, and what led there', async () => {
    const notebook = await open('03-thrown-error.ipynb');
    await runAll(notebook);
    const error = notebook.locator('[data-mime-type="application/vnd.jupyter.stderr"]');
    await error.waitFor({ timeout: 60_000 });
    const text = await error.innerText();
    expect(text).toContain('RangeError: cannot invert 0; expected any other number');
    expect(text).toMatch(/→\s*2\s+if \(x === 0\) throw new RangeError/);
    expect(text).toMatch(/In\[2\]:2:\d+/);
    expect(await notebook.locator('.jp-CodeCell .jp-InputPrompt').allInnerTexts()).toEqual(['[1]:', '[2]:']);
  }, 120_000);

  it('asks for nothing from elsewhere, and prompts for nothing', async () => {
    expect(await page.locator('.jp-Dialog, .jp-toastContainer .Toastify__toast').count()).toBe(0);
    expect(outside).toEqual([]);
    expect(exceptions).toEqual([]);
  });

  it('needs its token, and listens on this machine only', async () => {
    expect((await fetch(`${address.origin}/api/contents`)).status).toBe(403);
    expect((await fetch(`${address.origin}/api/contents${address.search}`)).status).toBe(200);
    expect(address.hostname).toBe('127.0.0.1');
    const { kernelspecs } = await ask<{ kernelspecs: Record<string, unknown> }>('kernelspecs');
    expect(Object.keys(kernelspecs)).toEqual(['liandan']);
  });

  it('stops cleanly on Ctrl-C', async () => {
    server.kill('SIGINT');
    const [code] = (await once(server, 'exit')) as [number | null];
    expect(code).toBe(0);
  }, 30_000);
});
