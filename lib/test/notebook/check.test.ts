import { describe, expect, it, vi } from 'vitest';
import { check, checks, type CheckOptions, type CheckResult } from '../../src/notebook';
import { useFakeKernel } from './fakeKernel';

const mime = 'application/vnd.liandan.check+json';
const words = { claim: 'The RMS on noise is √((1−β₁)/(1+β₁))', source: 'derivation' };

describe('check', () => {
  const kernel = useFakeKernel();
  const run = (options: Partial<CheckOptions>, id = 'LI-5'): CheckResult => {
    check(id, { ...words, ...options } as CheckOptions);
    kernel().executionCount += 1000;
    return kernel().last(mime) as CheckResult;
  };

  it('shows and records the outcome', () => {
    const result = run({ value: 0.2287, interval: [0.224, 0.235] }, 'LI-5/beta0.9');
    expect(result).toEqual({
      id: 'LI-5/beta0.9',
      ...words,
      value: 0.2287,
      interval: [0.224, 0.235],
      passed: true,
    });
    expect(checks().find(({ id }) => id === 'LI-5/beta0.9')).toEqual(result);
    expect(kernel().last('text/plain')).toBe(
      '✓ LI-5/beta0.9 · The RMS on noise is √((1−β₁)/(1+β₁)) · 0.2287 ∈ [0.224, 0.235]',
    );
  });

  it.each([
    [{ value: 42, equals: 42 }, '= 42'],
    [{ value: 3, interval: { min: 2 } }, '3 ≥ 2'],
    [{ value: 3, interval: { max: 4 } }, '3 ≤ 4'],
  ])('writes the verdict on %o in a line', (options, verdict) => {
    run(options);
    expect(kernel().last('text/plain')).toBe(`✓ LI-5 · ${words.claim} · ${verdict}`);
    expect(kernel().last('text/html')).toContain(` · ${verdict}</div>`);
  });

  it.each([
    [1, true],
    [2, true],
    [1 - 1e-15, false],
    [2 + 1e-15, false],
    [NaN, false],
    [Infinity, false],
  ])('of the interval from 1 to 2 gives %d → %s', (value, passed) => {
    expect(run({ value, interval: [1, 2] }).passed).toBe(passed);
  });

  it('has intervals with one end', () => {
    expect(run({ value: 5, interval: { min: 5 } })).toMatchObject({ interval: [5, null], passed: true });
    expect(run({ value: 4.99, interval: { min: 5 } }).passed).toBe(false);
    expect(run({ value: -1e300, interval: { max: 5 } })).toMatchObject({ interval: [null, 5], passed: true });
    expect(run({ value: NaN, interval: { max: 5 } }).passed).toBe(false);
    expect(run({ value: Infinity, interval: { min: 5 } }).passed).toBe(false);
    expect(run({ value: 5, interval: [-Infinity, 5] })).toMatchObject({ interval: [null, 5], passed: true });
  });

  it('compares exactly', () => {
    expect(run({ value: 235146, equals: 235146 })).toMatchObject({
      interval: [235146, 235146],
      passed: true,
    });
    expect(run({ value: 235146 + 1e-9, equals: 235146 }).passed).toBe(false);
    expect(run({ value: 0, equals: -0 }).passed).toBe(true);
  });

  it('does not throw where the value misses, and says so without colour and with the source', () => {
    run({ value: 3, interval: [1, 2] });
    expect(kernel().last('text/plain')).toBe(
      `✗ LI-5 failed: ${words.claim}\n  measured 3, accepted [1, 2] (derivation)`,
    );
    expect(kernel().last('text/html')).toContain('✗ LI-5 failed');
    expect(kernel().last('text/html')).toContain('class="liandan-check liandan-check-failed"');
  });

  it('writes a value that JSON lacks as text', () => {
    run({ value: NaN, interval: [0, 1] });
    expect(kernel().last(mime)).toMatchObject({ value: 'NaN', passed: false });
  });

  it('shows the digits that decide', () => {
    run({ value: 0.24000001, interval: [0.22, 0.24] });
    expect(kernel().last('text/plain')).toContain('measured 0.24000001, accepted [0.22, 0.24]');
  });

  it('escapes claim and source', () => {
    run({ value: 1, equals: 1, claim: 'a < b' });
    expect(kernel().last('text/html')).toContain('a &lt; b');
    run({ value: 1, equals: 2, claim: 'a < b', source: '"x"' });
    expect(kernel().last('text/html')).toContain('a &lt; b');
    expect(kernel().last('text/html')).toContain('&quot;x&quot;');
  });

  it('replaces the result when a cell runs again, but refuses one identifier twice in a cell', () => {
    run({ value: 3, interval: [1, 2] }, 'LI-6');
    run({ value: 1.5, interval: [1, 2] }, 'LI-6');
    expect(checks().filter(({ id }) => id === 'LI-6')).toMatchObject([{ value: 1.5, passed: true }]);
    const same = { ...words, value: 1, equals: 1 };
    check('LI-7', same);
    expect(() => check('LI-7', same)).toThrow(/LI-7 appears twice in this cell; .* LI-7\/case1/);
  });

  it.each(['LI-5', 'LI-5/beta0.9', 'LI-L2', 'AF-10/rank-1/seed0'])('accepts the identifier %s', (id) => {
    expect(run({ value: 1, equals: 1 }, id).id).toBe(id);
  });

  it.each(['', 'LI5', 'li-5', 'LI-', 'LI-5/', 'LI-5 beta', 'LI-5/ß'])('refuses the identifier "%s"', (id) => {
    expect(() => run({ value: 1, equals: 1 }, id)).toThrow(/identified by its claim, e\.g\. LI-5/);
  });

  it.each([
    ['no claim', { claim: '', value: 1, equals: 1 }, /needs a claim, a text, got ""/],
    ['no source', { source: undefined, value: 1, equals: 1 }, /needs a source, a text, got undefined/],
    ['no number', { value: '1', equals: 1 }, /value of check LI-5 must be a number, got "1"/],
    ['no expectation', { value: 1 }, /needs either an interval or equals/],
    ['two expectations', { value: 1, equals: 1, interval: [0, 1] }, /needs either an interval or equals/],
    ['ends in the wrong order', { value: 1, interval: [2, 1] }, /not above its upper end.* got \[2, 1\]/],
    ['NaN as an end', { value: 1, interval: [NaN, 1] }, /got \[NaN, 1\]/],
    ['no end', { value: 1, interval: {} }, /at least one of them finite/],
  ])('refuses %s', (_, options, message) => {
    expect(() => run(options as unknown as CheckOptions)).toThrow(message);
    expect(kernel().shown).toEqual([]);
  });
});

it('check prints its line outside a notebook', () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  check('LI-9', { ...words, value: 4.005e-5, interval: { min: 4e-5 } });
  expect(log.mock.calls[0]![0]).toMatch(/^✓ LI-9 · The RMS .* · 4.005e−5 ≥ 4e−5$/);
  log.mockRestore();
});

describe('appendix', () => {
  const kernel = useFakeKernel();
  const appendixMime = 'application/vnd.liandan.appendix+json';
  const shown = async (...options: Partial<CheckOptions>[]): Promise<Record<string, unknown>> => {
    // A fresh module has no checks yet.
    vi.resetModules();
    const notebook = await import('../../src/notebook/index.js');
    options.forEach((option, i) => notebook.check(`LI-${i + 1}`, { ...words, ...option } as CheckOptions));
    notebook.appendix();
    return kernel().shown.at(-1)!.data;
  };

  it('folds a table of all checks with claim, value, interval and source', async () => {
    const data = await shown({ value: 0.5, interval: [0, 1] }, { value: 7, equals: 7, source: '§2 <b>' });
    expect(data[appendixMime]).toEqual({ checks: ['LI-1', 'LI-2'] });
    const html = data['text/html'] as string;
    expect(html).toMatch(/^<details class="liandan-appendix"><summary>Checks of this run: 2 of 2 passed</);
    for (const part of [words.claim, '[0, 1]', '>0.5<', '>= 7<', '>derivation<', '§2 &lt;b&gt;', '>LI-2<'])
      expect(html).toContain(part);
    expect(String(data['text/plain']).split('\n')).toHaveLength(5);
  });

  it('is open and says so where a check failed', async () => {
    const data = await shown({ value: 0.5, interval: [0, 1] }, { value: 7, equals: 8 });
    expect(data['text/html']).toMatch(/^<details class="liandan-appendix" open>.*1 of 2 passed/);
    expect(data['text/html']).toContain('✗ failed');
  });

  it('says that nothing was checked', async () => {
    expect((await shown())['text/plain']).toBe('No check has been made yet.');
  });

  it('has all rows of a long lesson', async () => {
    const many = Array.from({ length: 80 }, (_, i) => ({ value: i, equals: i }));
    expect((await shown(...many))['text/html']).toContain('>LI-80<');
  });
});
