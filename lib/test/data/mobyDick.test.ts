import { describe, expect, it } from 'vitest';
import { loadMobyDick } from '../../src/data';

describe('loadMobyDick', () => {
  it('is the whole book', () => {
    const text = loadMobyDick();
    expect(text.length).toBeGreaterThan(1_190_000);
    expect(text).toContain('Call me Ishmael.');
    expect(text.slice(0, 10)).toBe('ETYMOLOGY.');
  });
});
