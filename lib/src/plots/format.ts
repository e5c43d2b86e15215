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
 * The numbers of one column. Where they are of similar size they get the same number of decimals, so that they can be
 * compared at a glance; otherwise each is written as by {@link formatNumber}.
 */
export function formatColumn(values: readonly number[], digits = 4): string[] {
  const sizes = values.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  const largest = Math.max(0, ...sizes);
  const isMixed =
    largest / Math.min(...sizes) > 100 || sizes.some((size) => !isInteger(size) && isExponential(size));
  const decimals =
    isMixed || values.every((value) => isInteger(value) || !Number.isFinite(value))
      ? undefined
      : Math.min(12, Math.max(0, digits - 1 - Math.floor(Math.log10(largest))));
  const places = largest >= 10_000 ? 4 : 5;
  return values.map((value) => {
    if (decimals === undefined || !Number.isFinite(value)) return written(value, digits, places);
    return grouped(value.toFixed(decimals), places);
  });
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
