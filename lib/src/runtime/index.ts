export { tf } from './tensorflow';
export { describeRuntime, type RuntimeDescription } from './describe';
export { fed, StepCounter } from './fed';
export { leftBehind, memoryUse, type MemoryUse } from './memory';
export { dropout, random, Random } from './random';
