/** The optimizers on the backends that only a browser has, against their float64 twins. */
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { subjects } from '../../../lib/test/optimizers/subjects';
import { isOff, type Course } from '../../../lib/test/optimizers/trajectories';
import { launchChromium, swiftShader } from '../../reports/chromium';
import { executable } from './support';

/** A page's program, with all that it imports. */
async function bundle(entry: string): Promise<string> {
  const { build } = await import('vite');
  const built = await build({
    configFile: false,
    logLevel: 'error',
    build: { write: false, minify: false, lib: { entry, formats: ['iife'], name: 'page' } },
  });
  const [output] = [built].flat();
  if (!output || !('output' in output)) throw new Error('Nothing was built.');
  return output.output[0].code;
}

describe.skipIf(!executable).each(['webgl', 'webgpu'])('on the backend %s in a browser', (backend) => {
  let browser: Browser;
  let page: Page;
  /** Why nothing can be tested here. */
  let missing: string | undefined;

  beforeAll(async () => {
    browser = await launchChromium(executable!, swiftShader);
    page = await browser.newPage();
    // WebGPU is for secure addresses; nothing leaves the machine.
    await page.route('**', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
    await page.goto('https://localhost/');
    const hasAdapter = 'navigator.gpu ? navigator.gpu.requestAdapter().then(Boolean) : false';
    if (backend === 'webgpu' && !(await page.evaluate<boolean>(hasAdapter))) {
      missing = `SKIPPED: ${executable} has no WebGPU, with SwiftShader either; nothing is tested on it.`;
      console.warn(missing);
      return;
    }
    await page.addScriptTag({ content: await bundle(join(__dirname, 'backends.page.ts')) });
    expect(await page.evaluate(`page.use('${backend}')`)).toBe(backend);
  }, 120_000);

  afterAll(() => browser?.close());

  it.for(subjects)('$name follows its twin', { timeout: 300_000 }, async ({ name, variants }, { skip }) => {
    skip(missing !== undefined, missing);
    const courses = await page.evaluate<Course[]>(`page.followAll('${name}', 30)`);
    expect(courses.length).toBe(8 * variants.length);
    expect(courses.filter(isOff)).toEqual([]);
  });

  it('a NaN in a gradient shows', { timeout: 120_000 }, async ({ skip }) => {
    skip(missing !== undefined, missing);
    expect(await page.evaluate<string[]>('page.showingNaN()')).toEqual(subjects.map(({ name }) => name));
  });
});
