/** The layers that models are built from. Each adds its parameters to a scope and gives the function that uses them. */
export { activations, type Activation, type Layer } from './layers/activations';
export { selfAttention, type AttentionOptions } from './layers/attention';
export { convolution, transposedConvolution, type ConvolutionOptions } from './layers/convolution';
export { dense, type DenseOptions } from './layers/dense';
export { embedding, type Embedding, type EmbeddingOptions } from './layers/embedding';
export { layerNormalization } from './layers/normalization';
