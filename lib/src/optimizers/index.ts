export { adaFactor, type AdaFactorOptions } from './adaFactor';
export { adam, adamW, type AdamOptions } from './adam';
export { adaX, adaXW, type AdaXOptions } from './adaX';
export { amos, type AmosOptions } from './amos';
export { lamb, type LambOptions } from './lamb';
export { lion, lionBetas, type LionOptions } from './lion';
export { mixed, Mixed, type MixedPart } from './mixed';
export { rmsProp, type RmsPropOptions } from './rmsProp';
export { sgd, type SgdOptions } from './sgd';
export { signum, type SignumOptions } from './signum';
export { tiger, type TigerOptions } from './tiger';
export { WeightAverage } from './weightAverage';

export * as reference from './reference';
export * as schedules from './rates/schedules';
export type { Rate, Schedule, ScheduleDescription } from './rates/schedules';
export { amosSchedule, type AmosSchedule } from './rates/amosSchedule';

export { describeOptimizer, type OptimizerDescription } from './inspect/describeOptimizer';
export { factoringError, iDivergence, rankOneFactors } from './inspect/factoring';
export { stateBytes, type ParameterLike } from './inspect/stateBytes';
export { loadState, saveState, type Stateful } from './inspect/stateFile';
export { UpdateMonitor, type Movement } from './inspect/updateMonitor';

// What an optimizer of one's own is made of.
export {
  optimizer,
  Optimizer,
  type DefinedSettings,
  type Definition,
  type Hyperparameters,
  type OptimizerFactory,
  type OptimizerOptions,
  type OptionsOf,
  type ParameterGroup,
  type SettingsOf,
  type SlotsOf,
  type UpdateInputs,
  type UpdateResult,
} from './base/optimizer';
export type { CommonSettings } from './base/groups';
export { descend } from './base/descend';
export { rootMeanSquare } from './base/norms';
export { sign } from './base/sign';
export {
  like,
  matches,
  type ParameterRule,
  type ParameterSpec,
  type SlotSpec,
  type SlotTable,
} from './parameters/rules';
export {
  axes,
  choice,
  flag,
  fraction,
  nonNegative,
  orNull,
  parameterRule,
  positive,
  positiveInteger,
  rate,
  type Check,
  type Setting,
  type SettingTable,
  type SettingValues,
} from './parameters/settings';
export { evaluate } from './rates/schedules';
export { biasCorrection } from './rates/biasCorrection';
export type { AroundOptions } from './around/around';
export type { MicroStep } from './around/accumulation';
export { clipByGlobalNorm, clipByNorm, clipByValue, type ClippingOptions } from './around/clipping';
export type { LazyRows } from './around/lazyRows';
export type { NamedTensor } from './parameters/gradients';
