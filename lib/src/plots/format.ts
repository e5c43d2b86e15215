/**
 * A number for readers: `digits` significant digits without trailing zeros, integers in full, digits of five or more
 * places grouped by commas, powers of ten below 10⁻⁴ and from 10⁷ on.
 *
 * @example
 * formatNumber(0.22941573); // '0.2294'
 * formatNumber(235146); // '235,146'
 */
export function formatNumber(value: number, digits = 4): string {
  return written(value, digits, 5);
}

/**
 * The numbers of one column. Where they are of similar size they get the same number of decimals, as many as the largest
 * needs for `digits` significant digits and none that is zero in all of them; otherwise each is written as by
 * {@link formatNumber}.
 *
 * @example
 * formatColumn([0.95, 0.9365, 1]); // '0.9500', '0.9365', '1.0000'
 */
export function formatColumn(values: readonly number[], digits = 4): string[] {
  const places = Math.max(0, ...values.map(Math.abs).filter(Number.isFinite)) >= 10_000 ? 4 : 5;
  const decimals = commonDecimals(values, digits);
  return values.map((value) => {
    const isFixed = decimals !== undefined && Number.isFinite(value);
    return isFixed ? grouped(value.toFixed(decimals), places) : written(value, digits, places);
  });
}

function commonDecimals(values: readonly number[], digits: number): number | undefined {
  const finite = values.filter(Number.isFinite);
  const sizes = finite.filter((value) => value !== 0).map(Math.abs);
  const fractions = sizes.filter((size) => !isInteger(size));
  if (
    fractions.length === 0 ||
    fractions.some(isExponential) ||
    Math.max(...sizes) > 100 * Math.min(...sizes)
  ) {
    return undefined;
  }
  const needed = Math.min(12, Math.max(0, digits - 1 - Math.floor(Math.log10(Math.max(...fractions)))));
  const zeros = finite.map((value) => /0*$/.exec(value.toFixed(needed))![0].length);
  return Math.max(0, needed - Math.min(...zeros));
}

function written(value: number, digits: number, places: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  if (isInteger(value)) return grouped(String(value), places);
  if (isExponential(value)) return exponential(value, digits);
  return grouped(String(Number(value.toPrecision(digits))), places);
}

function isInteger(value: number): boolean {
  return Number.isSafeInteger(value);
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

/** Commas between thousands where the integer part has at least so many places. */
function grouped(text: string, places: number): string {
  const [whole, fraction] = text.split('.') as [string, string | undefined];
  const isLong = whole.replace('-', '').length >= places;
  const commas = isLong ? whole.replace(/\B(?=(\d{3})+$)/g, ',') : whole;
  return fraction === undefined ? commas : `${commas}.${fraction}`;
}
