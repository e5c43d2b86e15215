import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { live, liveFigure, liveText, progress } from '../../src/notebook';
import { formatDuration, progressBundle } from '../../src/notebook/progress';
import { lineChart } from '../../src/plots';
import { useFakeKernel } from './fakeKernel';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a live display', () => {
  const kernel = useFakeKernel();
  const texts = (): unknown[] => kernel().shown.map(({ data }) => data['text/plain']);

  it('shows the first state at once and replaces it under one identifier', () => {
    const line = liveText();
    line.update('one');
    vi.advanceTimersByTime(200);
    line.update('two');
    const [first, second] = kernel().shown.map(({ options }) => options!);
    expect(texts()).toEqual(['one', 'two']);
    expect([first!.update, second!.update]).toEqual([false, true]);
    expect(second!.displayId).toBe(first!.displayId);
  });

  it('updates at most once per interval, with the latest state', () => {
    const render = vi.fn((step: number) => ({ 'text/plain': String(step) }));
    const counter = live(render, { interval: 50 });
    for (let step = 0; step < 1000; step++) {
      counter.update(step);
      vi.advanceTimersByTime(1);
    }
    expect(kernel().shown.length).toBeGreaterThanOrEqual(19);
    expect(kernel().shown.length).toBeLessThanOrEqual(21);
    // States that are not shown cost nothing.
    expect(render).toHaveBeenCalledTimes(kernel().shown.length);
  });

  it('brings the last state of a loop that stopped without a word', () => {
    const line = liveText();
    line.update('one');
    line.update('two');
    line.update('three');
    expect(texts()).toEqual(['one']);
    vi.advanceTimersByTime(100);
    expect(texts()).toEqual(['one', 'three']);
    vi.advanceTimersByTime(1000);
    expect(texts()).toHaveLength(2);
  });

  it('finishes at once, with the state that waits or a given one', () => {
    const line = liveText();
    line.update('one');
    line.update('two');
    line.finish();
    expect(texts()).toEqual(['one', 'two']);
    line.finish('three');
    vi.advanceTimersByTime(1000);
    expect(texts()).toEqual(['one', 'two', 'three']);
  });

  it('tells two displays apart', () => {
    liveText().update('a');
    liveText().update('b');
    const [a, b] = kernel().shown.map(({ options }) => options!.displayId);
    expect(a).not.toBe(b);
  });

  it('escapes text for HTML', () => {
    liveText().update('loss < 0.5 & falling');
    expect(kernel().last('text/html')).toContain('loss &lt; 0.5 &amp; falling');
  });

  it('can be a figure', () => {
    const alt = 'Training loss so far, one line.';
    const figure = liveFigure({ id: 'live-loss' });
    figure.update(lineChart({ series: [{ name: 'a', y: [1, 2] }], x: 'step', y: 'loss', alt }));
    expect(kernel().shown[0]).toMatchObject({
      data: { 'text/plain': alt },
      options: { update: false, metadata: { liandan: { figure: 'live-loss', alt } } },
    });
  });

  it('makes a figure anew, in a place of the same height, because its renderer ignores updates', () => {
    const alt = 'Training loss so far, one line.';
    const figure = liveFigure();
    const chart = (y: number[]) =>
      lineChart({ series: [{ name: 'a', y }], x: 'step', y: 'loss', alt, height: 300 });
    figure.update(chart([1, 2]));
    figure.finish(chart([1, 2, 3]));
    const [first, between, last] = kernel().shown;
    expect(kernel().shown).toHaveLength(3);
    expect(between!.data['text/html']).toContain('height: 300px');
    expect([between!.options, last!.options]).toMatchObject([
      { update: true, displayId: first!.options!.displayId },
      { update: true, displayId: first!.options!.displayId },
    ]);
    expect(last!.data['application/vnd.plotly.v1+json']).toMatchObject({ data: [{ y: [1, 2, 3] }] });
  });
});

describe('progress', () => {
  const kernel = useFakeKernel();

  it('shows a bar for people and a line for everything else', () => {
    const bundle = progressBundle(
      'Lion <seed 0>',
      { step: 640, steps: 1250, loss: 0.31249, metrics: { accuracy: 0.95 } },
      3.2,
    );
    expect(bundle['text/plain']).toBe(
      'Lion <seed 0>: step 640 of 1250 · loss 0.312 · accuracy 0.95 · 200 steps/s · 3.0 s left',
    );
    expect(bundle['text/html']).toContain(
      '<label>Lion &lt;seed 0&gt; <progress value="640" max="1250"></progress></label>',
    );
  });

  it('prefers the rate and the remaining time that the loop measured', () => {
    const state = { step: 10, steps: 20, stepsPerSecond: 4, secondsRemaining: 2.5 };
    expect(progressBundle('a', state, 100)['text/plain']).toBe('a: step 10 of 20 · 4 steps/s · 2.5 s left');
  });

  it('says that it is done as soon as the last step is', () => {
    const report = progress('Lion');
    report({ step: 1, steps: 3 });
    report({ step: 2, steps: 3 });
    vi.advanceTimersByTime(20);
    report({ step: 3, steps: 3, loss: 0.1 });
    expect(kernel().shown).toHaveLength(2);
    expect(kernel().last('text/plain')).toMatch(/^Lion: step 3 of 3 · loss 0.1 · .* · done in 0\.0 s$/);
  });

  it('does not divide by zero before the first step', () => {
    expect(progressBundle('a', { step: 0, steps: 5 }, 0)['text/plain']).toBe('a: step 0 of 5');
  });

  it.each([
    [0.04, '0.0 s'],
    [9.94, '9.9 s'],
    [38.4, '38 s'],
    [59.7, '1 min 00 s'],
    [185, '3 min 05 s'],
    [7810, '2 h 10 min'],
  ])('writes %d seconds as %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

it('outside a notebook lines are printed every two seconds, and the last one', () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const report = progress('Lion');
  for (let step = 1; step <= 500; step++) {
    report({ step, steps: 500 });
    vi.advanceTimersByTime(10);
  }
  expect(log.mock.calls.length).toBe(4);
  expect(log.mock.calls.at(-1)![0]).toMatch(/step 500 of 500/);
  log.mockRestore();
});
