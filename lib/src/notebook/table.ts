import { describe } from '../plots/numbers';
import { formatColumn } from '../plots/format';
import { escapeHtml } from './html';
import { display, type MimeBundle } from './kernel';

/** What a cell may hold. `null` and `undefined` show as a dash. */
export type Cell = unknown;

/** Columns and rows as a danfojs DataFrame or Series has them. */
export interface Columnar {
  readonly columns: readonly string[];
  /** Rows of cells; of a single column also its cells. */
  readonly values: readonly unknown[];
  /** Names of the rows; shown unless they are 0, 1, 2, … */
  readonly index?: readonly (string | number)[];
}

/**
 * A table: records (one per row), columns and values (a danfojs DataFrame fits), or a Map from the name of a row to its
 * value or record.
 */
export type TableData = readonly object[] | Columnar | ReadonlyMap<string, Cell>;

export type Alignment = 'left' | 'right' | 'center';

export interface TableOptions {
  /** What the table shows. */
  caption: string;
  /** Significant digits of numbers, for all columns or by column; default 4. */
  digits?: number | Readonly<Record<string, number>>;
  /** Default: numbers right, everything else left. */
  align?: Readonly<Record<string, Alignment>>;
  /** Heading of the names of the rows (of a Map or an index); default empty. */
  rowHeading?: string;
  /** Rows shown; the caption says how many there are in all. Default 60. */
  maxRows?: number;
}

/**
 * Shows a table; outside a notebook it is printed in aligned columns.
 *
 * @throws TypeError for data of another form or a missing caption; RangeError for no column or rows of the wrong length.
 *
 * @example
 * table([{ optimizer: 'Lion', floats: 235146 }, { optimizer: 'AdamW', floats: 470292 }], { caption: 'Optimizer state' });
 */
export function table(data: TableData, options: TableOptions): void {
  display(tableBundle(data, options));
}

/** The output that shows a table. */
export function tableBundle(data: TableData, options: TableOptions): MimeBundle {
  if (typeof options?.caption !== 'string' || options.caption.trim() === '') {
    throw new TypeError(
      `A table needs a caption that says what it shows, got ${describe(options?.caption)}.`,
    );
  }
  const { columns, rows, hasRowNames } = normalise(data, options.rowHeading ?? '');
  if (columns.length === 0) throw new RangeError(`table: "${options.caption}" has no column.`);
  const { maxRows = 60 } = options;
  const shown = rows.slice(0, maxRows);
  const caption =
    shown.length < rows.length
      ? `${options.caption} (the first ${maxRows} of ${rows.length} rows)`
      : options.caption;
  const formatted = columns.map((column, i) => formatCells(column, i, shown, options));
  // Names of rows are text on the left even where they are numbers, such as seeds.
  const named = hasRowNames || formatted[0]!.isText;
  return {
    'text/html': html(caption, formatted, shown.length, named),
    'text/plain': plain(caption, formatted, shown.length),
  };
}

interface Normalised {
  columns: string[];
  rows: unknown[][];
  hasRowNames: boolean;
}

function normalise(data: TableData, rowHeading: string): Normalised {
  if (data instanceof Map) return fromMap(data as ReadonlyMap<string, Cell>, rowHeading);
  if (Array.isArray(data)) return { ...fromRecords(data as readonly unknown[]), hasRowNames: false };
  if (isColumnar(data)) return fromColumnar(data, rowHeading);
  throw new TypeError(
    `table expects an array of records, { columns, values } (a DataFrame) or a Map, got ${describe(data)}.`,
  );
}

function isColumnar(data: unknown): data is Columnar {
  const { columns, values } = (data ?? {}) as Partial<Columnar>;
  return Array.isArray(columns) && Array.isArray(values);
}

function fromRecords(records: readonly unknown[]): { columns: string[]; rows: unknown[][] } {
  const columns = new Set<string>();
  records.forEach((record, i) => {
    if (!isRecord(record)) {
      throw new TypeError(`table: row ${i} must be a record { column: value, … }, got ${describe(record)}.`);
    }
    Object.keys(record).forEach((key) => columns.add(key));
  });
  const names = Array.from(columns);
  return {
    columns: names,
    rows: records.map((record) => names.map((name) => (record as Record<string, unknown>)[name])),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

function fromMap(map: ReadonlyMap<string, Cell>, rowHeading: string): Normalised {
  const entries = Array.from(map);
  const records = entries.map(([, value]) => (isRecord(value) ? value : { value }));
  const { columns, rows } = fromRecords(records);
  return withRowNames(
    entries.map(([name]) => name),
    rowHeading,
    columns,
    rows,
  );
}

function fromColumnar({ columns, values, index }: Columnar, rowHeading: string): Normalised {
  const names = columns.map(String);
  const rows = values.map((row, i) => {
    const cells: unknown[] = Array.isArray(row) ? row : [row];
    if (cells.length !== names.length) {
      throw new RangeError(
        `table: row ${i} has ${cells.length} cells for ${names.length} columns (${names.join(', ')}).`,
      );
    }
    return cells;
  });
  if (!index || index.every((name, i) => name === i)) return { columns: names, rows, hasRowNames: false };
  if (index.length !== rows.length) {
    throw new RangeError(`table: the index names ${index.length} rows, but there are ${rows.length}.`);
  }
  return withRowNames(index.map(String), rowHeading, names, rows);
}

function withRowNames(rowNames: string[], heading: string, columns: string[], rows: unknown[][]): Normalised {
  return {
    columns: [heading, ...columns],
    rows: rows.map((row, i) => [rowNames[i], ...row]),
    hasRowNames: true,
  };
}

interface FormattedColumn {
  name: string;
  cells: string[];
  align: Alignment;
  isText: boolean;
}

function formatCells(
  name: string,
  position: number,
  rows: unknown[][],
  options: TableOptions,
): FormattedColumn {
  const cells = rows.map((row) => row[position]);
  const { digits = 4 } = options;
  const numbers = cells.filter((cell): cell is number => typeof cell === 'number');
  const texts = formatColumn(numbers, typeof digits === 'number' ? digits : digits[name]);
  let next = 0;
  const present = cells.filter((cell) => cell !== null && cell !== undefined);
  const isNumeric =
    present.length > 0 && present.every((cell) => typeof cell === 'number' || typeof cell === 'bigint');
  return {
    name,
    cells: cells.map((cell) => (typeof cell === 'number' ? texts[next++]! : cellText(cell))),
    align: options.align?.[name] ?? (isNumeric ? 'right' : 'left'),
    isText: !isNumeric,
  };
}

function cellText(cell: unknown): string {
  if (cell === null || cell === undefined) return '–';
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  if (typeof cell === 'string') return cell;
  if (typeof cell === 'bigint') return cell.toString();
  return JSON.stringify(cell) ?? typeof cell;
}

// Inline, because JupyterLab drops style elements of notebooks that it does not trust. No colour of its own: the text is
// readable on light and dark themes alike.
const tableStyle =
  'border-collapse:collapse;table-layout:auto;margin:0.75em 0;font-variant-numeric:tabular-nums';
const captionStyle = 'caption-side:top;text-align:left;font-weight:600;padding:0 0 0.4em';
const rule = 'rgba(128,128,128,0.45)';

function html(caption: string, columns: readonly FormattedColumn[], rows: number, named: boolean): string {
  const style = (align: Alignment): string =>
    `padding:0.25em 0.75em;text-align:${align};border-bottom:1px solid ${rule}`;
  const head = columns.map(({ name, align }) =>
    // A heading cell without text would be announced as an empty heading.
    name === ''
      ? `<td style="${style(align)}"></td>`
      : `<th scope="col" style="${style(align)}">${escapeHtml(name)}</th>`,
  );
  const body = Array.from({ length: rows }, (_, row) => {
    const cells = columns.map(({ cells, align }, i) =>
      named && i === 0
        ? `<th scope="row" style="${style(align)};font-weight:500">${escapeHtml(cells[row]!)}</th>`
        : `<td style="${style(align)}">${escapeHtml(cells[row]!)}</td>`,
    );
    return `<tr>${cells.join('')}</tr>`;
  });
  return (
    `<table class="liandan-table" style="${tableStyle}"><caption style="${captionStyle}">${escapeHtml(caption)}</caption>` +
    `<thead><tr>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table>`
  );
}

function plain(caption: string, columns: readonly FormattedColumn[], rows: number): string {
  const widths = columns.map(({ name, cells }) => Math.max(name.length, ...cells.map((cell) => cell.length)));
  const pad = (text: string, i: number): string =>
    columns[i]!.align === 'right' ? text.padStart(widths[i]!) : text.padEnd(widths[i]!);
  const line = (texts: readonly string[]): string => texts.map(pad).join('  ').trimEnd();
  return [
    caption,
    line(columns.map(({ name }) => name)),
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...Array.from({ length: rows }, (_, row) => line(columns.map(({ cells }) => cells[row]!))),
  ].join('\n');
}
