export * from './data';
export * from './models';
export * from './runtime';
export * from './training';
