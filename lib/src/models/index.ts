export { chain } from './chain';
export { mlp, type MlpOptions } from './mlp';
export { parameterCount, uniqueModelName, type Model } from './model';
export { textConvolution, type TextConvolutionOptions } from './textConvolution';
