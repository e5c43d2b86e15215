import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../../reports/chromium';
import { executable, fixtures, openOffline, temporaryFolder, tool } from './support';

const screens = [
  { name: 'desktop', viewport: { width: 1400, height: 900 } },
  { name: 'tablet', viewport: { width: 820, height: 1100 } },
  { name: 'phone', viewport: { width: 360, height: 740 } },
];

describe.skipIf(!executable)('a report opened with the network off', () => {
  const { path: reports, remove } = temporaryFolder();
  const address = (name: string) => pathToFileURL(join(reports, name)).href;
  let browser: Browser;

  beforeAll(async () => {
    const folders = ['--notebooks', fixtures, '--reports', reports];
    tool('reports/run_notebooks.py', '01', ...folders);
    for (const form of [['--lang', 'zh'], ['--to', 'slides'], ['--to', 'pdf'], []])
      tool('reports/build_reports.py', '01', ...folders, ...form);
    browser = await launchChromium(executable!);
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    remove();
  });

  const overflow = (page: Page) => page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');

  it.each(screens)('shows figures and formulas and fits a $name', async ({ viewport }) => {
    const { page, complaints } = await openOffline(browser, address('01-sample.html'), { viewport });
    const figures = page.locator('figure.plot');
    expect(await figures.count()).toBe(2);
    expect(await figures.filter({ has: page.locator('svg.main-svg') }).count()).toBe(2);
    expect(await figures.nth(0).locator('.scatterlayer .trace path.js-line').count()).toBe(2);
    expect(await figures.nth(1).locator('.barlayer .point path').count()).toBe(10);
    expect(await page.locator('mjx-container').count()).toBe(7);
    expect(await page.locator('[data-mml-node="merror"]').count()).toBe(0);
    expect(await overflow(page)).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('gives each figure a text alternative, and answers the pointer', async () => {
    const { page } = await openOffline(browser, address('01-sample.html'), screens[0]);
    const figure = page.locator('figure.plot').first();
    const plot = figure.locator('.canvas');
    expect(await plot.getAttribute('role')).toBe('img');
    expect(await plot.getAttribute('aria-label')).toBe('Figure 1');
    const described = await plot.getAttribute('aria-describedby');
    expect(await page.locator(`[id="${described}"]`).innerText()).toBe(
      'Figure 1. Line plot: the speed grows in proportion to time, its square faster and faster.',
    );
    await figure.locator('.nsewdrag').hover();
    await figure.locator('.hoverlayer .hovertext').first().waitFor({ timeout: 10_000 });
    expect(await figure.locator('.modebar-btn[data-title*="Share"]').count()).toBe(0);
    await page.context().close();
  });

  it('lists its checks, says where it ran, and hides its code', async () => {
    const { page } = await openOffline(browser, address('01-sample.html'), screens[0]);
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
    const margin = page.locator('.check.passed');
    expect(await margin.allInnerTexts()).toEqual([
      expect.stringMatching(/^✓ FB-1 · the mean of .* · 0\.33333 ∈ \[0\.333, 0\.334\]$/),
      expect.stringMatching(/^✓ FB-2 · .* ≥ 1$/),
    ]);
    // The table lies folded; the link in the head unfolds it.
    expect(await page.locator('table.checks').isVisible()).toBe(false);
    await page.getByRole('link', { name: '2 of 2 checks passed' }).click();
    const rows = page.locator('table.checks tbody tr.passed');
    expect(await rows.locator('a').allInnerTexts()).toEqual(['FB-1', 'FB-2']);
    for (const part of ['.source', '.number', '.interval']) {
      for (const cell of await rows.locator(part).all()) {
        expect(await cell.isVisible()).toBe(true);
        expect(await cell.innerText()).not.toBe('');
      }
    }
    // Nothing is cut off at the side.
    const table = (await page.locator('table.checks').boundingBox())!;
    const section = (await page.locator('#checks').boundingBox())!;
    expect(table.x + table.width).toBeLessThanOrEqual(section.x + section.width);
    expect(await page.locator('nav.contents a').allInnerTexts()).toEqual([
      'Derivation',
      'The fall',
      'Numbers',
    ]);
    expect(await page.locator('footer').innerText()).toMatch(/Node\.js\s+v\d/);
    const listing = page.locator('details.input pre').first();
    expect(await listing.locator('span.kd').first().innerText()).toBe('interface');
    await page.getByRole('button', { name: 'Hide code' }).click();
    expect(await listing.isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Show code' }).click();
    expect(await listing.isVisible()).toBe(true);
    await page.context().close();
  });

  it('prints all of its code, with figures as wide as the paper', async () => {
    const { page } = await openOffline(browser, address('01-sample.html'), {
      viewport: { width: 680, height: 960 },
    });
    await page.getByRole('button', { name: 'Hide code' }).click();
    await page.emulateMedia({ media: 'print' });
    await page.evaluate("dispatchEvent(new Event('beforeprint'))");
    expect(await page.locator('details.input pre').first().isVisible()).toBe(true);
    expect(await page.getByRole('button').count()).toBe(0);
    expect(await overflow(page)).toBe(0);
    await page.context().close();
    const pdf = readFileSync(join(reports, '01-sample.pdf'), 'latin1');
    expect(pdf.slice(0, 5)).toBe('%PDF-');
    expect(pdf).toContain('/StructTreeRoot');
  });

  it('exists in Chinese', async () => {
    const { page, complaints } = await openOffline(browser, address('01-sample.zh.html'), screens[0]);
    expect(await page.locator('html').getAttribute('lang')).toBe('zh');
    expect(await page.locator('h1').innerText()).toContain('落体');
    expect(await page.locator('.appendix summary').innerText()).toBe('本次运行的检验: 2 项检验通过 2 项');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('exists as slides that draw a figure when it is reached', async () => {
    const { page, complaints } = await openOffline(browser, address('01-sample.slides.html'), {
      viewport: { width: 1280, height: 800 },
    });
    expect(await page.locator('section.present h1').isVisible()).toBe(true);
    expect(await page.locator('svg.main-svg').count()).toBe(0);
    const drawn = page.locator('section.present section.present figure.plot svg.main-svg').first();
    for (let slide = 0; slide < 12 && !(await drawn.isVisible()); slide++) {
      await page.keyboard.press('Space');
      await page.waitForTimeout(250);
    }
    expect(await drawn.isVisible()).toBe(true);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it.each(screens)('is reached from an index that fits a $name', async ({ viewport }) => {
    const { page, complaints } = await openOffline(browser, address('index.html'), { viewport });
    expect(await page.locator('.card.passed .verdict').innerText()).toBe('✓ 2 of 2 checks passed');
    expect(await page.locator('.card svg.main-svg').first().isVisible()).toBe(true);
    const links = await page.locator('a[href]').all();
    const targets = await Promise.all(links.map(async (link) => (await link.getAttribute('href')) ?? ''));
    expect(targets).toContain('01-sample.slides.html');
    expect(targets.filter((target) => !existsSync(join(reports, target.replace(/#.*/, ''))))).toEqual([]);
    expect(await overflow(page)).toBe(0);
    await page.getByRole('link', { name: 'A falling ball' }).first().click();
    expect(await page.title()).toContain('A falling ball');
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
