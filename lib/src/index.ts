export * from './data';
export * from './models';
export * from './optimizers';
export * from './runtime';
export * from './training';
