/**
 * A number for readers: `digits` significant digits without trailing zeros, integers in full, digits of five or more
 * places grouped by commas, powers of ten below 10⁻⁴ and from 10⁷ on.
 *
 * @example
 * formatNumber(0.22941573); // '0.2294'
 * formatNumber(235146); // '235,146'
 */
export function formatNumber(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  if (Number.isSafeInteger(value)) return grouped(String(value));
  if (isExponential(value)) return exponential(value, digits);
  return grouped(String(Number(value.toPrecision(digits))));
}

/**
 * The numbers of one column. Where they are of similar size they get the same number of decimals, so that they can be
 * compared at a glance; otherwise each is written as by {@link formatNumber}.
 */
export function formatColumn(values: readonly number[], digits = 4): string[] {
  const sizes = values.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  const largest = Math.max(...sizes);
  const isPlain = values.every(Number.isInteger) || sizes.length === 0;
  if (isPlain || largest / Math.min(...sizes) > 100 || sizes.some(isExponential)) {
    return values.map((value) => formatNumber(value, digits));
  }
  const decimals = Math.min(12, Math.max(0, digits - 1 - Math.floor(Math.log10(largest))));
  return values.map((value) =>
    Number.isFinite(value) ? grouped(value.toFixed(decimals)) : nonFinite(value),
  );
}

function isExponential(value: number): boolean {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-4 || size >= 1e7);
}

function exponential(value: number, digits: number): string {
  const [mantissa, exponent] = value.toExponential(digits - 1).split('e') as [string, string];
  return `${Number(mantissa)}e${Number(exponent)}`;
}

function nonFinite(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '∞' : '-∞';
}

function grouped(text: string): string {
  const [whole, fraction] = text.split('.') as [string, string | undefined];
  const commas = /\d{5,}/.test(whole) ? whole.replace(/\B(?=(\d{3})+$)/g, ',') : whole;
  return fraction === undefined ? commas : `${commas}.${fraction}`;
}
