export { tf } from './tensorflow';
export { fed, StepCounter } from './fed';
export { dropout, random, Random } from './random';
