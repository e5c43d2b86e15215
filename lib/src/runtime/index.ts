export { tf } from './tensorflow';
export { fed, StepCounter } from './fed';
