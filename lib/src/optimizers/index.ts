export { Adam, adam, type AdamOptions, type AdamSettings } from './adam';
export { AdamW, adamW } from './adamW';
export { amosSchedule, type AmosSchedule } from './amosSchedule';
export type { AroundOptions } from './around';
export { clipByGlobalNorm, clipByNorm, clipByValue, type ClippingOptions } from './clipping';
export type { LazyRows } from './lazyRows';
export { Lion, lion, lionBetas, type LionOptions, type LionSettings } from './lion';
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
export { Sgd, sgd, type SgdOptions, type SgdSettings } from './sgd';
export { Signum, signum, type SignumOptions, type SignumSettings } from './signum';
export { stateBytes, type ParameterLike } from './stateBytes';
export { descend } from './weightDecay';
