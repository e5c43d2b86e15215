export { adam } from './adam';
export { lion } from './lion';
export { sgd } from './sgd';
export { signum } from './signum';
export type { Twin, TwinOptions, TwinRate } from './twin';
