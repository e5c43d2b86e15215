import { describe, expect, it } from 'vitest';
import {
  characterVocabulary,
  encodeTexts,
  frequencyGroups,
  loadTangPoems,
  nextTokenExamples,
  tokenCounts,
  zipf,
} from '../../src/data';

describe('tokenCounts', () => {
  it('counts each id', () => expect([...tokenCounts([0, 2, 2], 4)]).toEqual([1, 0, 2, 0]));

  it('names an id that does not exist', () => {
    expect(() => tokenCounts([0, 4], 4)).toThrow('ids 0 … 3, but token 1 of the text is 4');
  });
});

describe('frequencyGroups', () => {
  it('has groups of nearly equal size by falling frequency, ties by id', () => {
    expect(frequencyGroups([5, 1, 1, 9, 0, 7, 1], 3)).toEqual([[3, 5], [0, 1, 2], [6, 4]]);
    const sizes = frequencyGroups(new Int32Array(1003)).map((group) => group.length);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(1003);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  });

  it('refuses more groups than tokens', () => {
    expect(() => frequencyGroups([1, 2], 3)).toThrow('2 tokens make 1 to 2 groups, but 3');
  });
});

describe('zipf', () => {
  it('has probabilities proportional to rank^−s', () => {
    const { probabilities, entropy } = zipf({ size: 4, exponent: 2 });
    const total = 1 + 1 / 4 + 1 / 9 + 1 / 16;
    [1, 1 / 4, 1 / 9, 1 / 16].forEach((w, i) => expect(probabilities[i]).toBeCloseTo(w / total, 12));
    expect(entropy).toBeGreaterThan(0);
    expect(zipf({ size: 8, exponent: 0 }).entropy).toBeCloseTo(Math.log(8), 12);
  });

  it('draws tokens in these proportions, the same for the same seed', () => {
    const law = zipf({ size: 1000, exponent: 1.2 });
    const drawn = law.draw(200_000, 3);
    const counts = tokenCounts(drawn, 1000);
    for (const rank of [0, 1, 9, 99]) {
      const p = law.probabilities[rank]!;
      expect(Math.abs(counts[rank]! / 200_000 - p)).toBeLessThan(5 * Math.sqrt(p / 200_000));
    }
    expect(law.draw(200_000, 3)).toEqual(drawn);
    expect(law.draw(200_000, 4)).not.toEqual(drawn);
  });

  it('refuses an empty vocabulary', () => expect(() => zipf({ size: 0 })).toThrow('got 0 and 1'));
});

describe('nextTokenExamples', () => {
  it('pairs each token with the one after it, across sequences too', () => {
    const { inputs, next } = nextTokenExamples(Int32Array.of(1, 2, 3, 4, 5, 6), { length: 2 });
    expect(inputs.arraySync()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(next.arraySync()).toEqual([
      [2, 3],
      [4, 5],
    ]);
    expect(nextTokenExamples(Int32Array.of(1, 2, 3, 4, 5), { length: 2, count: 1 }).inputs.shape).toEqual([
      1, 2,
    ]);
  });

  it('refuses what does not fill a sequence', () => {
    expect(() => nextTokenExamples(Int32Array.of(1, 2), { length: 2 })).toThrow('from 1 to 1');
  });
});

describe('the Tang poems', () => {
  it('are as SOURCES.md says, and their vocabulary loses nothing', () => {
    const poems = loadTangPoems();
    expect(poems.length).toBe(36_404);
    const vocabulary = characterVocabulary(poems, { size: 7000 });
    expect(vocabulary.size).toBe(6855 + 2);
    const tokens = encodeTexts(poems, vocabulary);
    expect(vocabulary.decode(tokens.subarray(0, Array.from(poems[0]!).length))).toBe(poems[0]);
    const counts = tokenCounts(tokens, vocabulary.size);
    expect([...counts].filter((count) => count === 1).length).toBe(1108);
    expect([counts[0], counts[1]]).toEqual([0, 0]);
    expect(tokens.length / 1e6).toBeCloseTo(1.62, 2);
  });
});
