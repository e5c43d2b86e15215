export * from './compile';
export * from './data';
export * from './models';
export * from './notebook';
export * from './optimizers';
export * from './plots';
export * from './runtime';
export * from './training';
