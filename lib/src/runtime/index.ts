export { tf } from './tensorflow';
export { describeRuntime, type RuntimeDescription } from './describe';
export { fed, StepCounter } from './fed';
export { assertFinite } from './finite';
export { leftBehind, memoryUse, type MemoryUse } from './memory';
export { dropout, random, Random } from './random';
