import { describe } from '../plots/numbers';
import { formatNumber } from '../plots/format';
import { escapeHtml } from './html';
import { display, kernelBridge, type MimeBundle } from './kernel';
import { tableBundle } from './table';

/** Where a value must lie: both ends belong to it. */
export type Interval = readonly [low: number, high: number] | { min?: number; max?: number };

export type CheckOptions = {
  /** What is claimed, in a sentence. */
  claim: string;
  /** The value measured in this run; NaN and infinities fail. */
  value: number;
  /** Where the interval comes from: article, derivation or reference measurement. */
  source: string;
} & ({ interval: Interval; equals?: undefined } | { equals: number; interval?: undefined });

/** A check as it was recorded. */
export interface CheckResult {
  id: string;
  claim: string;
  value: number;
  /** Accepted values; `null` is unbounded. */
  interval: [low: number | null, high: number | null];
  source: string;
  passed: boolean;
}

/** Tells a report where the table of all checks belongs; the report fills it from the outputs of the checks. */
const appendixMime = 'application/vnd.liandan.appendix+json';

const records = new Map<string, { result: CheckResult; executionCount: number | undefined }>();

/**
 * Compares a value measured in this run with what the article, a derivation or a reference measurement says; shows the
 * outcome in a line, a failure with all there is to know, and records it for {@link appendix}. It does not throw where the
 * value misses the interval: the summary of all notebooks fails.
 *
 * @param id Identifier of the claim, such as `LI-5`, or `LI-5/beta0.9` for one of its cases. A check that runs again
 *   replaces its former result.
 * @throws RangeError or TypeError if the identifier, the claim, the interval or the source is missing or malformed, or if
 *   one cell uses an identifier twice.
 *
 * @example
 * check('LI-5', { claim: 'The update of AdamW on noise has RMS √((1−β₁)/(1+β₁))', value: 0.2287,
 *                 interval: [0.224, 0.235], source: 'derivation: 0.2294' });
 */
export function check(id: string, options: CheckOptions): void {
  const result = evaluate(id, options);
  const executionCount = kernelBridge()?.executionCount;
  const former = records.get(id);
  if (former && executionCount !== undefined && former.executionCount === executionCount) {
    throw new RangeError(
      `The check ${id} appears twice in this cell; tell them apart, e.g. ${id}/case1 and ${id}/case2.`,
    );
  }
  records.set(id, { result, executionCount });
  display(checkBundle(result));
}

/** The checks made so far, in the order of their first run. */
export function checks(): CheckResult[] {
  return Array.from(records.values(), ({ result }) => result);
}

/**
 * Shows all checks made so far as a folded table: claim, value, accepted interval, source. The last code cell of a lesson;
 * a table with a failed check is unfolded. Outside a notebook the table is printed.
 *
 * @example
 * appendix();
 */
export function appendix(): void {
  display(appendixBundle(checks()));
}

const idPattern = /^[A-Z]{2}-[A-Z]?\d+(\/[\w.+-]+)*$/;

function evaluate(id: string, { claim, value, source, ...expected }: CheckOptions): CheckResult {
  if (typeof id !== 'string' || !idPattern.test(id)) {
    throw new RangeError(
      `A check is identified by its claim, e.g. LI-5, or a case of it, e.g. LI-5/beta0.9; got ${describe(id)}.`,
    );
  }
  requireText(id, 'claim', claim);
  requireText(id, 'source', source);
  if (typeof value !== 'number')
    throw new TypeError(`The value of check ${id} must be a number, got ${describe(value)}.`);
  const [low, high] = bounds(id, expected);
  return {
    id,
    claim,
    value,
    interval: [low === -Infinity ? null : low, high === Infinity ? null : high],
    source,
    passed: Number.isFinite(value) && value >= low && value <= high,
  };
}

function requireText(id: string, name: string, text: unknown): void {
  if (typeof text !== 'string' || text.trim() === '') {
    throw new TypeError(`The check ${id} needs a ${name}, a text, got ${describe(text)}.`);
  }
}

function bounds(
  id: string,
  { interval, equals }: { interval?: Interval; equals?: number },
): [low: number, high: number] {
  if ((interval === undefined) === (equals === undefined)) {
    throw new TypeError(`The check ${id} needs either an interval or equals.`);
  }
  const given = interval ?? [equals!, equals!];
  const [low, high] = 'length' in given ? given : [given.min ?? -Infinity, given.max ?? Infinity];
  if (!(low <= high) || (low === -Infinity && high === Infinity)) {
    throw new RangeError(
      `The interval of check ${id} must have a lower end that is not above its upper end, and at least one of them finite; ` +
        `got [${low}, ${high}].`,
    );
  }
  return [low, high];
}

function checkBundle(result: CheckResult): MimeBundle {
  return {
    'application/vnd.liandan.check+json': { ...result, value: jsonNumber(result.value) },
    ...(result.passed ? inTheMargin(result) : asAlarm(result)),
  };
}

/** One small line: the source stands in the appendix. */
function inTheMargin({ id, claim, value, interval }: CheckResult): MimeBundle {
  const [shown, accepted] = inWords(value, interval);
  // What equals is written once.
  const verdict = accepted === `= ${shown}` ? accepted : `${shown} ${accepted.replace('[', '∈ [')}`;
  return {
    'text/html':
      `<div class="liandan-check liandan-check-passed" style="font-size:0.85em;opacity:0.85">` +
      `<span style="color:#009E73">✓</span> <strong>${escapeHtml(id)}</strong> · ${escapeHtml(claim)} · ${verdict}</div>`,
    'text/plain': `✓ ${id} · ${claim} · ${verdict}`,
  };
}

function asAlarm({ id, claim, value, interval, source }: CheckResult): MimeBundle {
  const [shown, accepted] = inWords(value, interval);
  return {
    'text/html':
      `<div class="liandan-check liandan-check-failed" ` +
      `style="border-left:4px solid #D55E00;padding:0.1em 0 0.1em 0.75em;margin:0.5em 0">` +
      `<div><strong>✗ ${escapeHtml(id)} failed</strong> · ${escapeHtml(claim)}</div>` +
      `<div>measured <strong>${shown}</strong>, accepted ${accepted} <em>(${escapeHtml(source)})</em></div></div>`,
    'text/plain': `✗ ${id} failed: ${claim}\n  measured ${shown}, accepted ${accepted} (${source})`,
  };
}

function appendixBundle(results: readonly CheckResult[]): MimeBundle {
  const passed = results.filter((result) => result.passed).length;
  const caption = `Checks of this run: ${passed} of ${results.length} passed`;
  const ids = results.map(({ id }) => id);
  if (results.length === 0) {
    const text = 'No check has been made yet.';
    return { [appendixMime]: { checks: ids }, 'text/html': `<p>${text}</p>`, 'text/plain': text };
  }
  const rows = results.map(({ id, claim, value, interval, source, passed }) => {
    const [shown, accepted] = inWords(value, interval);
    return { check: id, '': passed ? '✓' : '✗ failed', claim, value: shown, accepted, source };
  });
  const bundle = tableBundle(rows, { caption, align: { value: 'right' }, maxRows: Infinity });
  return {
    [appendixMime]: { checks: ids },
    'text/html':
      `<details class="liandan-appendix"${passed < results.length ? ' open' : ''}>` +
      `<summary>${caption}</summary>${String(bundle['text/html'])}</details>`,
    'text/plain': bundle['text/plain'],
  };
}

/** JSON has no NaN and no infinity; they are written as strings. */
function jsonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function inWords(value: number, [low, high]: CheckResult['interval']): [value: string, interval: string] {
  // As many digits as it takes to see on which side of an end the value lies.
  const ends = [low, high].filter((end): end is number => end !== null);
  let digits = 5;
  while (
    digits < 17 &&
    ends.some((end) => end !== value && formatNumber(end, digits) === formatNumber(value, digits))
  ) {
    digits += 1;
  }
  const [shown, from, to] = [value, low ?? NaN, high ?? NaN].map((number) =>
    formatNumber(number, digits).replaceAll('-', '−'),
  ) as [string, string, string];
  if (low === null) return [shown, `≤ ${to}`];
  if (high === null) return [shown, `≥ ${from}`];
  return [shown, low === high ? `= ${from}` : `[${from}, ${to}]`];
}
