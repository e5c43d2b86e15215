import { describe, expect, it } from 'vitest';
import { table, type TableData, type TableOptions } from '../../src/notebook';
import { useFakeKernel } from './fakeKernel';

describe('table', () => {
  const kernel = useFakeKernel();
  const render = (
    data: TableData,
    options: Partial<TableOptions> = {},
  ): { html: string; plain: string[] } => {
    table(data, { caption: 'Optimizers', ...options });
    return {
      html: kernel().last('text/html') as string,
      plain: (kernel().last('text/plain') as string).split('\n'),
    };
  };
  const cells = (html: string, tag: 'td' | 'th'): string[] =>
    Array.from(html.matchAll(new RegExp(`<${tag} [^>]*>(.*?)</${tag}>`, 'g')), ([, text]) => text!);

  it('shows records with one decimal format per column and aligned plain text', () => {
    const { html, plain } = render([
      { optimizer: 'AdamW', accuracy: 0.9525, floats: 470292 },
      { optimizer: 'Lion', accuracy: Math.fround(0.96), floats: 235146 },
    ]);
    expect(plain).toEqual([
      'Optimizers',
      'optimizer  accuracy   floats',
      '---------  --------  -------',
      'AdamW        0.9525  470,292',
      'Lion         0.9600  235,146',
    ]);
    expect(cells(html, 'td')).toEqual(['0.9525', '470,292', '0.9600', '235,146']);
    expect(cells(html, 'th')).toEqual(['optimizer', 'accuracy', 'floats', 'AdamW', 'Lion']);
  });

  it('is accessible: caption, headings with their scope, numbers on the right', () => {
    const { html } = render([{ optimizer: 'Lion', accuracy: 0.96 }]);
    expect(html).toMatch(/^<table class="liandan-table"[^>]*><caption[^>]*>Optimizers<\/caption>/);
    expect(html).toMatch(/<th scope="col"[^>]*text-align:left[^>]*>optimizer/);
    expect(html).toMatch(/<th scope="col"[^>]*text-align:right[^>]*>accuracy/);
    expect(html).toMatch(/<th scope="row"[^>]*>Lion/);
    expect(html).toMatch(/<td[^>]*text-align:right[^>]*>0\.96</);
  });

  it('has no colour of its own, so that it is readable on any theme', () => {
    const { html } = render([{ a: 1 }]);
    expect(html).not.toMatch(/[^-]color:|background/);
  });

  it('escapes captions, headings and cells', () => {
    const { html, plain } = render([{ '<b>': '"x" & <script>' }], { caption: 'a < b' });
    expect(html).toContain('a &lt; b</caption>');
    expect(html).toContain('&lt;b&gt;</th>');
    expect(html).toContain('&quot;x&quot; &amp; &lt;script&gt;');
    expect(html).not.toContain('<script>');
    expect(plain[0]).toBe('a < b');
  });

  it('takes a DataFrame by its columns, values and index', () => {
    const frame = {
      columns: ['loss', 'steps'],
      values: [
        [0.5, 10],
        [0.25, 20],
      ],
      index: [0, 1],
    };
    expect(render(frame).plain.slice(1)).toEqual([
      'loss  steps',
      '----  -----',
      '0.50     10',
      '0.25     20',
    ]);
    const described = { ...frame, index: ['mean', 'std'] };
    expect(render(described, { rowHeading: 'statistic' }).plain.slice(3)).toEqual([
      'mean       0.50     10',
      'std        0.25     20',
    ]);
    expect(cells(render(described).html, 'th')).toEqual(['loss', 'steps', 'mean', 'std']);
  });

  it('takes a Series, whose values are no rows', () => {
    expect(render({ columns: ['loss'], values: [1, 2] }).plain.slice(3)).toEqual(['   1', '   2']);
  });

  it('takes Maps to values and to records', () => {
    expect(
      render(
        new Map([
          ['Lion', 4],
          ['AdamW', 8],
        ]),
        { rowHeading: 'optimizer' },
      ).plain.slice(1),
    ).toEqual(['optimizer  value', '---------  -----', 'Lion           4', 'AdamW          8']);
    const records = new Map([
      ['Lion', { m: 4 }],
      ['AdamW', { m: 4, v: 4 }],
    ]);
    expect(render(records).plain.slice(3)).toEqual(['Lion   4  –', 'AdamW  4  4']);
  });

  it('writes what is missing as a dash, truth as yes and no, objects as JSON', () => {
    const { plain } = render([
      { a: null, b: true, c: [1, 2], d: 10n, e: undefined, f: NaN },
      { a: 1, b: false, c: {}, d: 2n, e: 'x', f: 2 },
    ]);
    expect(plain.slice(3)).toEqual(['–  yes  [1,2]  10  –  NaN', '1  no   {}      2  x    2']);
  });

  it('takes digits and alignment, for all columns or one', () => {
    const rows = [{ loss: 0.123456, rate: 0.123456 }];
    expect(render(rows, { digits: 2 }).plain[3]).toBe('0.12  0.12');
    expect(render(rows, { digits: { rate: 6 } }).plain[3]).toBe('0.1235  0.123456');
    expect(render(rows, { align: { loss: 'left' } }).html).toMatch(/text-align:left[^>]*>loss/);
  });

  it('shows the first rows of a long table and says so', () => {
    const { plain } = render(Array.from({ length: 10000 }, (_, i) => ({ i })));
    expect(plain[0]).toBe('Optimizers (the first 60 of 10000 rows)');
    expect(plain).toHaveLength(63);
  });

  it.each([
    ['no caption', [{ a: 1 }], { caption: ' ' }, /needs a caption that says what it shows, got " "/],
    [
      'other data',
      7,
      {},
      /expects an array of records, \{ columns, values \} \(a DataFrame\) or a Map, got 7/,
    ],
    ['rows that are no records', [[1, 2]], {}, /row 0 must be a record .* got an array of 2/],
    [
      'rows of another length',
      { columns: ['a', 'b'], values: [[1, 2], [3]] },
      {},
      /row 1 has 1 cells for 2 columns \(a, b\)/,
    ],
    [
      'an index of another length',
      { columns: ['a'], values: [[1]], index: ['x', 'y'] },
      {},
      /index names 2 rows/,
    ],
    ['no rows at all', [], {}, /"Optimizers" has no column/],
  ])('refuses %s', (_, data, options, message) => {
    expect(() => render(data as unknown as TableData, options)).toThrow(message);
  });
});
