/**
 * What a cell shows. HTML outputs carry a class for the styles of a report: `liandan-table`, `liandan-check` (with
 * `liandan-check-passed` or `liandan-check-failed`), `liandan-appendix`, `liandan-progress` and `liandan-live`; without any
 * style sheet they are readable on light and dark pages.
 */
export { appendix, check, checks, type CheckOptions, type CheckResult, type Interval } from './check';
export {
  cellSignal,
  display,
  kernelBridge,
  markdown,
  tick,
  type DisplayOptions,
  type KernelBridge,
  type MimeBundle,
} from './kernel';
export { live, liveFigure, liveText, type Live, type LiveOptions } from './live';
export { byProfile, profile, resumable, type Profile, type Resumable } from './profile';
export { progress, type ProgressState } from './progress';
export { show, type ShowOptions } from './show';
export {
  table,
  type Alignment,
  type Cell as TableCell,
  type Columnar,
  type TableData,
  type TableOptions,
} from './table';
