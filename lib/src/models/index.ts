export { mlp, type MlpOptions } from './mlp';
export { parameterCount, uniqueModelName, type Model } from './model';
