export { Adam, adam, type AdamOptions, type AdamSettings } from './adam';
export { AdaFactor, adaFactor, type AdaFactorOptions, type AdaFactorSettings } from './adaFactor';
export { AdamW, adamW } from './adamW';
export { AdaX, adaX, type AdaXOptions, type AdaXSettings } from './adaX';
export { AdaXW, adaXW } from './adaXW';
export { Amos, amos, type AmosOptions, type AmosSettings } from './amos';
export { amosSchedule, type AmosSchedule } from './amosSchedule';
export type { AroundOptions } from './around';
export { clipByGlobalNorm, clipByNorm, clipByValue, type ClippingOptions } from './clipping';
export type { NamedTensor } from './gradients';
export { Lamb, lamb, type LambOptions, type LambSettings } from './lamb';
export { describeOptimizer, type OptimizerDescription } from './describeOptimizer';
export { factoringError, iDivergence, rankOneFactors } from './factoring';
export type { LazyRows } from './lazyRows';
export { Lion, lion, lionBetas, type LionOptions, type LionSettings } from './lion';
export { Mixed, mixed, type MixedPart } from './mixed';
export { UpdateMonitor, type Movement } from './monitor';
export {
  Optimizer,
  type CommonSettings,
  type OptimizerOptions,
  type ParameterGroup,
  type UpdateInputs,
  type UpdateResult,
} from './optimizer';
export type { Check, OptionTable } from './options';
export type { ParameterRule, ParameterSpec, SlotSpec } from './parameters';
export * as reference from './reference';
export * as schedules from './schedules';
export type { Rate, Schedule, ScheduleDescription } from './schedules';
export { RmsProp, rmsProp, type RmsPropOptions, type RmsPropSettings } from './rmsProp';
export { Sgd, sgd, type SgdOptions, type SgdSettings } from './sgd';
export { Signum, signum, type SignumOptions, type SignumSettings } from './signum';
export { loadState, saveState } from './stateFile';
export { stateBytes, type ParameterLike } from './stateBytes';
export { Tiger, tiger, type TigerOptions, type TigerSettings } from './tiger';
export { WeightAverage } from './weightAverage';
export { descend } from './weightDecay';
