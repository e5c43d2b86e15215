import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import { maskTokens, type MaskingOptions } from '../../src/data';
import { random, tf } from '../../src/runtime';

const [size, vocabulary, maskId] = [40_000, 500, 500];
// Ids 0 and 1 are padding and unknown, every tenth token.
const original = Int32Array.from({ length: size }, (_, i) => (i % 10 === 0 ? i % 2 : 2 + (i % 498)));
const tokens = tf.tensor2d(original, [size / 40, 40], 'int32');

function mask(options: Partial<MaskingOptions> = {}) {
  const { inputs, chosen } = maskTokens(tokens, {
    random: random(5),
    maskId,
    vocabulary,
    firstId: 2,
    ...options,
  });
  expect([inputs.dtype, chosen.dtype]).toEqual(['int32', 'float32']);
  expect([inputs.shape, chosen.shape]).toEqual([tokens.shape, tokens.shape]);
  const [ids, flags] = [inputs.dataSync(), chosen.dataSync()];
  tf.dispose([inputs, chosen]);
  return { ids, flags };
}

const portion = (of: ArrayLike<number>, holds: (value: number, i: number) => boolean) =>
  Array.from(of).filter(holds).length / of.length;

describe('maskTokens', () => {
  it('chooses 15 % of the words and hides them in BERT’s proportions', () => {
    const { ids, flags } = mask();
    const words = 0.9 * size;
    const chosen = portion(flags, (flag) => flag === 1) * size;
    // Standard deviations: √(0.15 · 0.85 / 36,000) = 0.0019, of 5,400 chosen ones at most 0.0055
    expect(Math.abs(chosen / words - 0.15)).toBeLessThan(0.01);
    const masked = portion(ids, (id) => id === maskId) * size;
    const replaced = portion(ids, (id, i) => id !== maskId && id !== original[i]) * size;
    expect(Math.abs(masked / chosen - 0.8)).toBeLessThan(0.025);
    expect(Math.abs(replaced / chosen - 0.1)).toBeLessThan(0.02);
  });

  it('changes only what it chose, never a reserved id, and draws words only', () => {
    const { ids, flags } = mask({ rate: 0.5, masked: 0.3, replaced: 0.6 });
    ids.forEach((id, i) => {
      if (flags[i] === 0) expect(id).toBe(original[i]);
      if (original[i]! < 2) expect(flags[i]).toBe(0);
      else expect(id).toBeGreaterThanOrEqual(2);
    });
  });

  it('can mask all that it chooses, and nothing', () => {
    const all = mask({ masked: 1, replaced: 0 });
    all.ids.forEach((id, i) => expect(id).toBe(all.flags[i] === 1 ? maskId : original[i]));
    expect(portion(mask({ rate: 0 }).flags, (flag) => flag === 1)).toBe(0);
  });

  it('draws anew at each call of a compiled step, the same as eagerly', () => {
    const calls = (compiled: boolean) => {
      const stream = random(9);
      const eager = (x: tf.Tensor) =>
        maskTokens(x, { random: stream, maskId, vocabulary, firstId: 2 }).inputs;
      const step = compiled ? compile(eager, { xla: false }) : eager;
      return [1, 2].map(() => Array.from(step(tokens).dataSync()));
    };
    const compiled = calls(true);
    expect(compiled).toEqual(calls(false));
    expect(compiled[0]).not.toEqual(compiled[1]);
  });

  it('leaves no tensor behind but its result', () => {
    const before = tf.memory().numTensors;
    tf.dispose(Object.values(maskTokens(tokens, { random: random(1), maskId, vocabulary })));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says which portion is wrong', () => {
    expect(() => mask({ rate: 1.5 })).toThrow('rate lies between 0 and 1, but is 1.5');
    expect(() => mask({ masked: 0.8, replaced: 0.3 })).toThrow('masked + replaced lies between');
  });
});
