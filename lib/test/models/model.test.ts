import { afterEach, describe, expect, it } from 'vitest';
import { mlp, uniqueModelName } from '../../src/models';
import { tf } from '../../src/runtime';

afterEach(() => tf.disposeVariables());

describe('uniqueModelName', () => {
  it('is the name itself where nothing has it, also when a longer name begins with it', () => {
    mlp({ sizes: [2, 1], name: 'rows_of_words' });
    tf.variable(tf.scalar(1), true, 'rowspace');
    expect(uniqueModelName('rows')).toBe('rows');
  });

  it('counts on where a single variable has the name', () => {
    const names = [1, 2, 3].map((value) => tf.variable(tf.scalar(value), true, uniqueModelName('rows')).name);
    expect(names).toEqual(['rows', 'rows_2', 'rows_3']);
  });

  it('counts on where a model has the name, and takes one that was given back', () => {
    const first = mlp({ sizes: [2, 1], name: 'rows' });
    const second = mlp({ sizes: [2, 1], name: 'rows' });
    expect(tf.variable(tf.scalar(1), true, uniqueModelName('rows')).name).toBe('rows_3');
    first.dispose();
    expect(uniqueModelName('rows')).toBe('rows');
    expect(second.name).toBe('rows_2');
  });
});
