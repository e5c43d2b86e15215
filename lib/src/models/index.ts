export { chain } from './chain';
export { cnn, type CnnOptions } from './cnn';
export { languageModel, type LanguageModelOptions } from './languageModel';
export * as layers from './layers';
export type { Activation, Layer } from './layers';
export { maskedLanguageModel, type MaskedLanguageModelOptions } from './maskedLanguageModel';
export { mlp, type MlpOptions } from './mlp';
export { parameterCount, uniqueModelName, type Model } from './model';
export { ParameterScope } from './parameterScope';
export type { OutputEmbedding } from './outputEmbedding';
export type { NormPlacement, ResidualModel, ResidualUnit } from './residual';
export { residualMlp, type ResidualMlpOptions } from './residualMlp';
export { probe } from './probe';
export { tokenClassifier, type TokenClassifier, type TokenClassifierOptions } from './tokenClassifier';
export { textConvolution, type TextConvolutionOptions } from './textConvolution';
export {
  transformerEncoder,
  type TransformerEncoder,
  type TransformerEncoderOptions,
  type TransformerOptions,
} from './transformerEncoder';
