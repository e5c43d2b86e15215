import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from './lab';
import { executable, temporaryFolder } from './support';

const NOTEBOOKS = ['live-figure.ipynb', 'kernel.ipynb'];

describe.skipIf(!executable)('the kernel in JupyterLab', () => {
  const { path: folder, remove } = temporaryFolder();
  let lab: Lab;

  beforeAll(async () => {
    for (const name of NOTEBOOKS) copyFileSync(join(__dirname, 'notebooks', name), join(folder, name));
    lab = await Lab.start(folder);
  }, 120_000);

  afterAll(async () => {
    await lab?.stop();
    remove();
  }, 60_000);

  const points = () => lab.cell(1).locator('.js-plotly-plot .scatterlayer .points path').count();

  it('draws a live figure again while its cell runs, and keeps the last state', async () => {
    await lab.open('live-figure.ipynb');
    await lab.runAll();
    await lab.cell(1).locator('.js-plotly-plot .points path').first().waitFor({ timeout: 60_000 });
    const seen = new Set<number>();
    while ((await lab.prompts())[2] !== '[3]:') {
      seen.add(await points());
      await lab.page.waitForTimeout(100);
    }
    seen.delete(0);
    expect(seen.size).toBeGreaterThan(4);
    await expect.poll(points, { timeout: 10_000 }).toBe(12);
    expect(await lab.cell(1).locator('.js-plotly-plot').count()).toBe(1);
  }, 240_000);

  it('keeps the figure readable in the dark theme', async () => {
    await lab.menu(/^Settings$/, /^Theme$/);
    await lab.page.locator('.lm-Menu-itemLabel', { hasText: /^JupyterLab Dark$/ }).click();
    const isDark = lab.page.locator('body[data-jp-theme-light="false"]');
    await isDark.waitFor({ state: 'attached', timeout: 20_000 });
    const brightness = async (selector: string, style: string) => {
      const element = `document.querySelector('.jp-CodeCell ${selector}')`;
      const color = await lab.page.evaluate<string>(`getComputedStyle(${element}).${style}`);
      const [red, green, blue] = /(\d+), (\d+), (\d+)/.exec(color)!.slice(1).map(Number);
      return (0.2126 * red! + 0.7152 * green! + 0.0722 * blue!) / 255;
    };
    const paper = await brightness('.main-svg', 'backgroundColor');
    const contrast = Math.abs(paper - (await brightness('.xtick text', 'fill')));
    expect(contrast).toBeGreaterThan(0.5);
    await lab.menu(/^Settings$/, /^Theme$/);
    await lab.page.locator('.lm-Menu-itemLabel', { hasText: /^JupyterLab Light$/ }).click();
  }, 60_000);

  it('has the last state of the figure in what JupyterLab saves and exports', async () => {
    await lab.page.keyboard.press('Control+s');
    const saved = () => readFileSync(join(folder, 'live-figure.ipynb'), 'utf8');
    await expect
      .poll(saved, { timeout: 20_000 })
      .toContain('a falling curve of loss with 12 points'.slice(2));
    await expect.poll(saved, { timeout: 20_000 }).toContain('image/png');
    const { origin, search } = lab.address;
    const page = await fetch(`${origin}/nbconvert/html/live-figure.ipynb${search}`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('data:image/png;base64,');
  }, 60_000);

  it('stops a loop that Interrupt finds, and the cells that wait behind it', async () => {
    await lab.open('kernel.ipynb');
    await lab.runCell(0);
    await lab.runCell(1);
    await lab
      .cell(1)
      .locator('.jp-OutputArea-output', { hasText: 'spinning' })
      .first()
      .waitFor({ timeout: 30_000 });
    await lab.runCell(2);
    await lab.menu(/^Kernel$/, /^Interrupt Kernel$/);
    await lab
      .cell(1)
      .locator('.jp-OutputArea-output', { hasText: 'KeyboardInterrupt' })
      .first()
      .waitFor({ timeout: 5000 });
    await lab.isIdle();
    expect(await lab.cell(2).locator('.jp-OutputArea-output').count()).toBe(0);
  }, 90_000);

  async function type(text: string): Promise<void> {
    await lab.cell(4).locator('.cm-content').click();
    await lab.page.keyboard.press('Control+a');
    await lab.page.keyboard.press('Delete');
    await lab.page.keyboard.type(text);
  }

  it('shows the signature inside a call, and completes, while a cell keeps the kernel busy', async () => {
    await lab.runCell(1);
    await expect.poll(() => lab.status, { timeout: 20_000 }).toBe('busy');
    await type('applyStep(');
    await lab.page.keyboard.press('Shift+Tab');
    const tooltip = lab.page.locator('.jp-Tooltip');
    await tooltip.waitFor({ timeout: 10_000 });
    // The tooltip is there before its text.
    const text = () => tooltip.innerText();
    await expect
      .poll(text, { timeout: 10_000 })
      .toContain('applyStep(gradient: number[], rate: number): number');
    await expect.poll(text, { timeout: 10_000 }).toContain('Applies one step; see rate.');
    await lab.page.keyboard.press('Escape');
    await type('applySt');
    await lab.page.keyboard.press('Tab');
    // The only match is inserted at once, or offered where JupyterLab has more to say about the place.
    const offered = lab.page.locator('.jp-Completer-item', { hasText: 'applyStep' }).first();
    const editor = lab.cell(4).locator('.cm-content');
    const isCompleted = async () => {
      if (await offered.isVisible()) await offered.click();
      return editor.innerText();
    };
    await expect.poll(isCompleted, { timeout: 10_000 }).toBe('applyStep');
    await lab.menu(/^Kernel$/, /^Interrupt Kernel$/);
    await lab.isIdle();
  }, 90_000);

  it('starts again after two restarts in quick succession', async () => {
    await type('6 * 7');
    const restart = async () => {
      await lab.menu(/^Kernel$/, /^Restart Kernel…?$/);
      await lab.confirmDialog();
    };
    await restart();
    await lab.page.waitForTimeout(600);
    await restart();
    await lab.isIdle(30_000);
    await lab.runCell(4);
    await lab
      .cell(4)
      .locator('.jp-OutputArea-output', { hasText: '42' })
      .first()
      .waitFor({ timeout: 30_000 });
  }, 120_000);

  it('shows what a cell printed before and after the page was lost for a while', async () => {
    await lab.runCell(3);
    await lab
      .cell(3)
      .locator('.jp-OutputArea-output', { hasText: 'tick 1' })
      .first()
      .waitFor({ timeout: 30_000 });
    // JupyterLab says that it lost the server, sooner or later; what a student does then is to close that.
    const lost = lab.page.locator('dialog', { hasText: 'Server Connection Error' });
    await lab.page.addLocatorHandler(lost, () => lost.locator('button.jp-Dialog-button').last().click());
    await lab.context.setOffline(true);
    await lab.page.waitForTimeout(2000);
    await lab.context.setOffline(false);
    const output = lab.cell(3).locator('.jp-OutputArea-output').first();
    await expect.poll(() => output.innerText(), { timeout: 30_000 }).toContain('tick 11');
    const lines = (await output.innerText()).trim().split('\n');
    expect(lines).toEqual(Array.from({ length: 12 }, (_, index) => `tick ${index}`));
  }, 90_000);

  it('runs all cells after a restart, and shows where an interrupt ended that', async () => {
    // What earlier runs left would look like the beginning of this one.
    await lab.menu(/^Edit$/, /^Clear Outputs of All Cells$/);
    await expect.poll(async () => new Set(await lab.prompts())).toEqual(new Set(['[ ]:']));
    await lab.menu(/^Kernel$/, /^Restart Kernel and Run All Cells…?$/);
    await lab.confirmDialog();
    await lab
      .cell(1)
      .locator('.jp-OutputArea-output', { hasText: 'spinning' })
      .first()
      .waitFor({ timeout: 60_000 });
    await lab.menu(/^Kernel$/, /^Interrupt Kernel$/);
    await lab.isIdle();
    const expected = ['[1]:', '[2]:', '[ ]:', '[ ]:'];
    await expect.poll(async () => (await lab.prompts()).slice(0, 4), { timeout: 10_000 }).toEqual(expected);
  }, 120_000);

  it('has caused no exception and no request to elsewhere', () => {
    // JupyterLab's own words when it restarts a kernel that it is still getting to know.
    const ours = lab.exceptions.filter((message) => !message.startsWith('Canceled future'));
    expect(ours).toEqual([]);
    expect(lab.outside).toEqual([]);
  });
});
