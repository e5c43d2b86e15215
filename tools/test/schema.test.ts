import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import { afterEach, describe, expect, it } from 'vitest';
import { check, show, type MimeBundle } from '../../lib/src/notebook';
import { lineChart } from '../../lib/src/plots';
import { describeRuntime } from '../../lib/src/runtime';

const schemas = resolve(__dirname, '..', 'reports', 'schemas');
const read = (name: string) => JSON.parse(readFileSync(join(schemas, name), 'utf8')) as object;

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
ajv.addSchema(read('run.schema.json'), 'run');
/** What is wrong with a value that should be a part of the schema. */
const problems = (part: string, value: unknown) =>
  ajv.validate({ $ref: `run#/definitions/${part}` }, value) ? [] : ajv.errors;

/** What the library shows in a notebook, as it arrives in Python. */
function shown(show_: () => void): MimeBundle {
  let bundle: MimeBundle = {};
  const kernel = { executionCount: Math.random(), display: (data: MimeBundle) => (bundle = data) };
  (globalThis as unknown as Record<symbol, unknown>)[Symbol.for('liandan.kernel')] = kernel;
  show_();
  return JSON.parse(JSON.stringify(bundle)) as MimeBundle;
}

afterEach(() => {
  delete (globalThis as unknown as Record<symbol, unknown>)[Symbol.for('liandan.kernel')];
});

const mime = 'application/vnd.liandan.check+json';

describe('what the library tells the tools has the form that both know', () => {
  it('describes its runtime', () => {
    const facts = JSON.parse(JSON.stringify(describeRuntime())) as object;
    expect(problems('runtime', facts)).toEqual([]);
    const environment = { date: '2026-01-01', commit: null, profile: 'lesson', os: 'x', ...facts };
    expect(problems('environment', environment)).toEqual([]);
    expect(problems('environment', { ...environment, tfjs: '4' })).not.toEqual([]);
  });

  it.each([0.5, NaN, -Infinity])('records a check of %d', (value) => {
    const bundle = shown(() => check('LI-1', { claim: 'c', source: 's', value, interval: { min: 0 } }));
    expect(problems('checkBundle', bundle[mime])).toEqual([]);
    expect(problems('checkBundle', { ...(bundle[mime] as object), interval: [0] })).not.toEqual([]);
  });

  it('shows a figure', () => {
    const bundle = shown(() =>
      show(
        lineChart({
          series: [{ name: 'a', x: [1, 2], y: [1, 2] }],
          x: { title: 'x' },
          y: { title: 'y' },
          alt: 'A line that rises from one to two.',
        }),
      ),
    );
    expect(problems('figureBundle', bundle['application/vnd.plotly.v1+json'])).toEqual([]);
  });
});

interface NumberCase {
  value: number | string;
  interval: [number | null, number | null];
  shown: string;
  accepted: string;
}

it.each((read('numbers.json') as { cases: NumberCase[] }).cases)(
  'JupyterLab writes $value in $interval as reports do',
  ({ value, interval, shown: text, accepted }) => {
    const [min, max] = interval;
    const bounds = { ...(min !== null && { min }), ...(max !== null && { max }) };
    const bundle = shown(() =>
      check('LI-1', { claim: 'c', source: 's', value: Number(value), interval: bounds }),
    );
    const { passed } = bundle[mime] as { passed: boolean };
    const margin = accepted === `= ${text}` ? accepted : `${text} ${accepted.replace('[', '∈ [')}`;
    expect(bundle['text/plain']).toContain(
      passed ? `· c · ${margin}` : `measured ${text}, accepted ${accepted} (s)`,
    );
  },
);
