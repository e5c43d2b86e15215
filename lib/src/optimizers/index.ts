export { Adam, adam, type AdamOptions, type AdamSettings } from './adam';
export { AdaFactor, adaFactor, type AdaFactorOptions, type AdaFactorSettings } from './adaFactor';
export { AdamW, adamW } from './adamW';
export { AdaX, adaX, type AdaXOptions, type AdaXSettings } from './adaX';
export { AdaXW, adaXW } from './adaXW';
export { Amos, amos, type AmosOptions, type AmosSettings } from './amos';
export { amosSchedule, type AmosSchedule } from './rates/amosSchedule';
export type { AroundOptions } from './around/around';
export { clipByGlobalNorm, clipByNorm, clipByValue, type ClippingOptions } from './around/clipping';
export type { NamedTensor } from './parameters/gradients';
export { Lamb, lamb, type LambOptions, type LambSettings } from './lamb';
export { describeOptimizer, type OptimizerDescription } from './inspect/describeOptimizer';
export { factoringError, iDivergence, rankOneFactors } from './inspect/factoring';
export type { LazyRows } from './around/lazyRows';
export { Lion, lion, lionBetas, type LionOptions, type LionSettings } from './lion';
export { Mixed, mixed, type MixedPart } from './mixed';
export { UpdateMonitor, type Movement } from './inspect/updateMonitor';
export {
  Optimizer,
  type CommonSettings,
  type OptimizerOptions,
  type ParameterGroup,
  type UpdateInputs,
  type UpdateResult,
} from './base/optimizer';
export type { Check, OptionTable } from './parameters/options';
export type { ParameterRule, ParameterSpec, SlotSpec } from './parameters/rules';
export * as reference from './reference';
export * as schedules from './rates/schedules';
export type { Rate, Schedule, ScheduleDescription } from './rates/schedules';
export { RmsProp, rmsProp, type RmsPropOptions, type RmsPropSettings } from './rmsProp';
export { Sgd, sgd, type SgdOptions, type SgdSettings } from './sgd';
export { Signum, signum, type SignumOptions, type SignumSettings } from './signum';
export { loadState, saveState } from './inspect/stateFile';
export { stateBytes, type ParameterLike } from './inspect/stateBytes';
export { Tiger, tiger, type TigerOptions, type TigerSettings } from './tiger';
export { WeightAverage } from './weightAverage';
export { descend } from './base/descend';
