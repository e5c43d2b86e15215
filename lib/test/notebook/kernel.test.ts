import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  byProfile,
  cellSignal,
  display,
  kernelBridge,
  markdown,
  profile,
  resumable,
  tick,
} from '../../src/notebook';
import { useFakeKernel } from './fakeKernel';

describe('in a notebook', () => {
  const kernel = useFakeKernel();

  it('outputs go to the kernel with their options', () => {
    display({ 'text/plain': 'a' }, { displayId: 'x', update: true, metadata: { m: 1 } });
    expect(kernel().shown).toEqual([
      { data: { 'text/plain': 'a' }, options: { displayId: 'x', update: true, metadata: { m: 1 } } },
    ]);
  });

  it('markdown has a plain text too', () => {
    markdown('**b**');
    expect(kernel().shown[0]!.data).toEqual({ 'text/markdown': '**b**', 'text/plain': '**b**' });
  });

  it('an interrupt reaches loops through the signal and tick', async () => {
    expect(cellSignal()).toBe(kernel().signal);
    await expect(tick()).resolves.toBeUndefined();
    const interrupt = Object.assign(new Error('interrupted'), { name: 'KeyboardInterrupt' });
    const next = tick();
    kernel().cell.abort(interrupt);
    await expect(next).rejects.toBe(interrupt);
  });
});

describe('outside a notebook', () => {
  it('there is no bridge, and nothing aborts', async () => {
    expect(kernelBridge()).toBeUndefined();
    expect(cellSignal().aborted).toBe(false);
    await expect(tick()).resolves.toBeUndefined();
  });

  it('the text of an output is printed', () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    display({ 'text/html': '<b>a</b>', 'text/plain': 'a' });
    display({ 'image/png': 'iVBO' });
    expect(log.mock.calls).toEqual([['a'], ['(an output of type image/png)']]);
    log.mockRestore();
  });
});

describe('profile', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('is lesson unless LIANDAN_PROFILE says full', () => {
    vi.stubEnv('LIANDAN_PROFILE', undefined);
    expect(profile()).toBe('lesson');
    vi.stubEnv('LIANDAN_PROFILE', '');
    expect(byProfile({ lesson: 10, full: 50 })).toBe(10);
    vi.stubEnv('LIANDAN_PROFILE', 'full');
    expect(byProfile({ lesson: 10, full: 50 })).toBe(50);
  });

  it('keeps experiments of the full profile in the checkout', () => {
    vi.stubEnv('LIANDAN_ROOT', '/checkout');
    expect(resumable('05-rates')).toEqual({});
    vi.stubEnv('LIANDAN_PROFILE', 'full');
    expect(resumable('05-rates')).toEqual({
      checkpoint: { file: '/checkout/.liandan/runs/05-rates.safetensors', isTemporary: true },
      resume: true,
    });
  });

  it('refuses any other value', () => {
    vi.stubEnv('LIANDAN_PROFILE', 'Full');
    expect(() => profile()).toThrow(
      'LIANDAN_PROFILE is "Full"; set it to lesson or full, or leave it out for lesson.',
    );
  });
});

it('waiting in tick lets other work run', async () => {
  const order: string[] = [];
  setImmediate(() => order.push('message'));
  await tick();
  order.push('loop');
  expect(order).toEqual(['message', 'loop']);
});
