/** The layers that models are built from. Each adds its parameters to a scope and gives the function that uses them. */
export { activations, type Activation, type Layer } from './activations';
export { selfAttention, type AttentionOptions } from './attention';
export { convolution, transposedConvolution, type ConvolutionOptions } from './convolution';
export { dense, type DenseOptions } from './dense';
export { embedding, type Embedding, type EmbeddingOptions } from './embedding';
export { layerNormalization } from './normalization';
