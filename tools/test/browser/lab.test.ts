import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from './lab';
import { executable, fixtures, temporaryFolder } from './support';

const NOTEBOOKS = ['01-sample.ipynb', '03-thrown-error.ipynb'];

describe.skipIf(!executable)('the notebooks in JupyterLab', () => {
  const { path: folder, remove } = temporaryFolder();
  let lab: Lab;
  let page: Page;

  beforeAll(async () => {
    for (const name of NOTEBOOKS) copyFileSync(join(fixtures, name), join(folder, name));
    lab = await Lab.start(folder);
    ({ page } = lab);
  }, 120_000);

  afterAll(async () => {
    await lab?.stop();
    remove();
  }, 60_000);

  const open = (name: string): Promise<Locator> => lab.open(name);
  const runAll = (): Promise<void> => lab.runAll();

  it('Run All numbers the cells, shows progress while it happens, then plots', async () => {
    const notebook = await open('01-sample.ipynb');
    await runAll();
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
    await expect.poll(() => prompts.last().innerText(), { timeout: 30_000 }).toBe('[12]:');
    expect(await prompts.allInnerTexts()).toEqual(
      Array.from({ length: 12 }, (_, index) => `[${index + 1}]:`),
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
    await runAll();
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
    expect(lab.outside).toEqual([]);
    expect(lab.exceptions).toEqual([]);
  });

  it('needs its token, and listens on this machine only', async () => {
    expect((await fetch(`${lab.address.origin}/api/contents`)).status).toBe(403);
    expect((await fetch(`${lab.address.origin}/api/contents${lab.address.search}`)).status).toBe(200);
    expect(lab.address.hostname).toBe('127.0.0.1');
    const { kernelspecs } = await lab.ask<{ kernelspecs: Record<string, unknown> }>('kernelspecs');
    expect(Object.keys(kernelspecs)).toEqual(['liandan']);
  });

  it('stops cleanly on Ctrl-C', async () => {
    lab.server.kill('SIGINT');
    const [code] = (await once(lab.server, 'exit')) as [number | null];
    expect(code).toBe(0);
  }, 30_000);
});
