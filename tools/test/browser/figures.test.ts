import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { heatMap, lineChart, trajectories, withSlider, type Figure } from '../../../lib/src/plots';
import { launchChromium } from '../../reports/chromium';
import { executable, openOffline, root, temporaryFolder } from './support';

const alt = 'A figure whose parts must not cover each other.';
const curve = (p: number) => [1, 2, 3, 4].map((x) => x ** p);
const series = (p: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `exponent ${p} and ${i} tenths`, y: curve(p + i / 10) }));
const matrix = (rows: number, columns: number) =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => Math.sin(i * j) / 3));
const long = 'Weights in the second moment after ten thousand steps, by the age of their gradients';

const figures: Record<string, Figure> = {
  'a slider with a long title, a legend and seeds': withSlider({
    parameter: 'initial learning rate α₀',
    values: [1, 2, 3],
    alt,
    figure: (p) =>
      lineChart({
        title: p === 3 ? `${long}, at the last position` : 'Short',
        series: [...series(p, 4), { name: 'seeds', seeds: [curve(p), curve(p + 0.2)] }],
        x: 'step of a very long training run that goes on and on and on',
        y: 'loss',
        alt,
      }),
  }),
  'a legend of eight beside the plot': lineChart({ title: long, series: series(1, 8), x: 'x', y: 'y', alt }),
  'a legend without a title': lineChart({ series: series(1, 4), x: 'x', y: 'y', alt }),
  'neither title nor legend': lineChart({ series: series(1, 1), x: 'x', y: 'y', alt }),
  'three heat maps': heatMap({
    title: long,
    panels: ['C', 'row × column sums', 'singular vectors'].map((title) => ({
      title,
      values: matrix(12, 16),
    })),
    x: 'output of the layer',
    y: 'input of the layer',
    color: 'log₂(approximation / C)',
    alt,
  }),
  'a heat map with names and numbers': heatMap({
    panels: [{ values: matrix(3, 9) }],
    columns: Array.from({ length: 9 }, (_, i) => `learning rate ${i}`),
    rows: ['Lion', 'AdamW with decay', 'Tiger'],
    digits: 4,
    x: 'setting',
    y: 'optimizer',
    color: 'accuracy',
    alt,
  }),
  'heat maps with a slider': withSlider({
    parameter: 'λ',
    values: [1, 2],
    alt,
    figure: (k) =>
      heatMap({
        panels: ['a', 'b'].map((title) => ({ title: `${title} at ${k}`, values: matrix(4 * k, 4) })),
        x: 'x',
        y: 'y',
        color: { title: 'value', range: [-1, 1] },
        alt,
      }),
  }),
  'paths in a landscape': trajectories({
    title: 'A narrow bowl',
    f: (x, y) => (x * x + 50 * y * y) / 2,
    paths: [
      {
        name: 'Lion',
        points: [
          [-1.8, 0.7],
          [0, 0],
        ],
      },
    ],
    x: { title: 'θ₁', range: [-2, 1.1] },
    y: { title: 'θ₂', range: [-0.5, 0.9] },
    alt,
  }),
};

/** A page like a report, with these figures only. */
function page(): string {
  const templates = join(root, 'tools', 'reports', 'templates', 'liandan');
  const read = (...path: string[]) => readFileSync(join(...path), 'utf8');
  const json = (value: unknown) => JSON.stringify(value).replaceAll('<', '\\u003c');
  const shown = Object.values(figures).map(
    (figure) =>
      `<figure class="plot"><div class="canvas"></div><script type="application/json">${json(figure)}</script></figure>`,
  );
  const scripts = [
    read(root, 'node_modules', 'plotly.js', 'plotly-cartesian.min.js'),
    read(templates, 'figures.js'),
    read(templates, 'column.js'),
    "window.reportReady = Promise.all([...document.querySelectorAll('figure.plot')].map((one) => draw(one, inColumn)));",
  ];
  return (
    '<!DOCTYPE html><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">' +
    `<style>${read(templates, 'cells.css')}${read(templates, 'report.css')}</style><main>${shown.join('')}</main>` +
    scripts.map((script) => `<script>${script}</script>`).join('')
  );
}

interface Box {
  name: string;
  left: number;
  right: number;
  top: number;
  bottom: number;
  /** Whether its box is larger than what it covers. */
  isSlanted: boolean;
}

/** The parts of a figure that a reader sees, each with its place. */
const partsOf = (page: Page, index: number) =>
  page.evaluate<Box[]>(`(() => {
    const figure = document.querySelectorAll('figure.plot')[${index}];
    const kinds = {
      figure: '.canvas', title: '.gtitle', legend: '.legend', slider: '.slider-container', tools: '.modebar-group',
      plot: '.nsewdrag', scale: '.cbfills', 'name of the scale': '.cbtitle text, [class$=title-cb] text',
      heading: '.annotation-text', 'x title': 'text[class*=xtitle]', 'y title': 'text[class*=ytitle]',
      'x label': '.xaxislayer-above text, .xaxislayer-below text', 'y label': '.yaxislayer-above text, .yaxislayer-below text',
    };
    return Object.entries(kinds).flatMap(([name, selector]) =>
      [...figure.querySelectorAll(selector)].map((part) => {
        const { left, right, top, bottom } = part.getBoundingClientRect();
        const isSlanted = /rotate\\(-?[1-9]/.test(part.getAttribute('transform')) && !/rotate\\(-?90/.test(part.getAttribute('transform'));
        return { name, left, right, top, bottom, isSlanted };
      }).filter(({ left, right, top, bottom }) => right > left && bottom > top));
  })()`);

/** Pairs of parts that cover each other by more than a line's antialiasing, and parts that leave the figure. */
function collisions(parts: readonly Box[]): string[] {
  const [canvas, ...rest] = parts;
  const slack = 1.5;
  const covers = (a: Box, b: Box) =>
    !(a.isSlanted && b.isSlanted) &&
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > slack;
  const outside = rest.filter(
    ({ left, right, top, bottom }) =>
      left < canvas!.left - slack ||
      right > canvas!.right + slack ||
      top < canvas!.top - slack ||
      bottom > canvas!.bottom + slack,
  );
  return [
    ...outside.map(({ name }) => `${name} leaves the figure`),
    ...rest.flatMap((a, i) =>
      rest.slice(i + 1).flatMap((b) => (covers(a, b) ? [`${a.name} and ${b.name}`] : [])),
    ),
  ];
}

describe.skipIf(!executable)('the parts of a figure do not cover each other', () => {
  const { path: folder, remove } = temporaryFolder();
  const file = join(folder, 'figures.html');
  let browser: Browser;

  beforeAll(async () => {
    writeFileSync(file, page());
    browser = await launchChromium(executable!);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    remove();
  });

  const names = Object.keys(figures);
  const found = async (page: Page) => {
    const all: Record<string, string[]> = {};
    for (const [index, name] of names.entries()) {
      const parts = await partsOf(page, index);
      expect(parts.some((part) => part.name === 'plot')).toBe(true);
      const wrong = collisions(parts);
      if (wrong.length > 0) all[name] = wrong;
    }
    return all;
  };

  it.each([
    ['on a phone', 390],
    ['on a small phone', 340],
    ['on a tablet', 700],
    ['on a desktop', 1280],
  ])('%s, whatever the position of a slider', async (_, width) => {
    const { page, complaints } = await openOffline(browser, pathToFileURL(file).href, {
      viewport: { width, height: 900 },
    });
    expect(await found(page)).toEqual({});
    const sliders = page.locator('.slider-container');
    expect(await sliders.count()).toBe(2);
    for (const slider of await sliders.all())
      await slider.locator('.slider-tick-rect').last().click({ force: true });
    await page.waitForTimeout(400);
    // Lines of a title are elements of their own, without blanks between them.
    const title = (await page.locator('.gtitle').first().textContent()) ?? '';
    expect(title.replaceAll(/\s/g, '')).toMatch(/,atthelastposition$/);
    expect(await found(page)).toEqual({});
    expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('on a phone that is turned', async () => {
    const { page } = await openOffline(browser, pathToFileURL(file).href, {
      viewport: { width: 844, height: 390 },
    });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.waitForTimeout(1500);
    expect(await found(page)).toEqual({});
    await page.context().close();
  });

  it('the tool bar stands above legend and plot, and not on a phone', async () => {
    const { page } = await openOffline(browser, pathToFileURL(file).href, {
      viewport: { width: 1280, height: 900 },
    });
    for (const [index, name] of names.entries()) {
      await page.locator('.nsewdrag').nth(index).hover({ force: true });
      const tools = (await partsOf(page, index)).find((part) => part.name === 'tools');
      expect(tools, name).toBeDefined();
    }
    await page.setViewportSize({ width: 390, height: 844 });
    await page.waitForTimeout(1500);
    expect(await page.locator('.modebar-group').count()).toBe(0);
    await page.context().close();
  });

  it('numbers that do not fit their cells are left out', async () => {
    const { page } = await openOffline(browser, pathToFileURL(file).href, {
      viewport: { width: 390, height: 844 },
    });
    const numbers = page
      .locator('figure.plot')
      .nth(names.indexOf('a heat map with names and numbers'))
      .locator('.heatmap-label');
    expect(await numbers.count()).toBe(0);
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.waitForTimeout(1500);
    expect(await numbers.count()).toBe(27);
    await page.context().close();
  });
});
