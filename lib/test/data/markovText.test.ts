import { describe, expect, it } from 'vitest';
import { markovText } from '../../src/data';

describe('markovText', () => {
  const language = markovText({ states: 50, firstId: 3, seed: 4 });

  it('lets each token be followed by its successors in the given proportions', () => {
    const [count, length] = [400, 30];
    const texts = language.draw({ count, length, seed: 1 });
    expect([texts.dtype, ...texts.shape]).toEqual(['int32', count, length]);
    const places = [0, 0, 0, 0];
    for (const text of texts.arraySync()) {
      text.slice(1).forEach((token, i) => {
        const place = language.successors[text[i]! - 3]!.indexOf(token);
        expect(place).toBeGreaterThanOrEqual(0);
        places[place]! += 1;
      });
    }
    texts.dispose();
    const pairs = count * (length - 1);
    // √(0.24 / 11,600) = 0.0045
    [0.6, 0.2, 0.15, 0.05].forEach((p, i) => expect(Math.abs(places[i]! / pairs - p)).toBeLessThan(0.02));
  });

  it('has distinct successors, and all its ids lie in the range', () => {
    for (const next of language.successors) {
      expect(new Set(next).size).toBe(4);
      expect(next.every((id) => id >= 3 && id < 53)).toBe(true);
    }
    const starts = language.draw({ count: 3000, length: 1 });
    expect(new Set(starts.dataSync()).size).toBe(50);
    starts.dispose();
  });

  it('is fixed by its seed, and its texts by theirs', () => {
    expect(markovText({ states: 50, firstId: 3, seed: 4 }).successors).toEqual(language.successors);
    expect(markovText({ states: 50, firstId: 3, seed: 5 }).successors).not.toEqual(language.successors);
    const draw = (seed: number) => Array.from(language.draw({ count: 2, length: 9, seed }).dataSync());
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('knows the best possible loss', () => {
    expect(markovText({ states: 9, probabilities: [0.5, 0.5] }).entropy).toBeCloseTo(Math.log(2), 12);
    expect(markovText({ states: 9, probabilities: [1, 0] }).entropy).toBeCloseTo(0, 12);
  });

  it('says what is wrong', () => {
    expect(() => markovText({ states: 9, probabilities: [0.5, 0.4] })).toThrow('these sum to 0.9');
    expect(() => markovText({ states: 9, probabilities: [1.5, -0.5] })).toThrow('these hold -0.5');
    expect(() => markovText({ states: 3 })).toThrow('4 successors of each token');
    expect(() => language.draw({ count: 0, length: 3 })).toThrow('got 0 × 3');
  });
});
