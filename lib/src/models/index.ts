export { chain } from './chain';
export { cnn, type CnnOptions } from './cnn';
export { languageModel, type LanguageModelOptions } from './languageModel';
export { mlp, type MlpOptions } from './mlp';
export { parameterCount, uniqueModelName, type Model } from './model';
export { textConvolution, type TextConvolutionOptions } from './textConvolution';
