/** Variational autoencoders and information bottlenecks. All losses and divergences are in nats. */
export {
  autoencoder,
  vae,
  type Autoencoder,
  type AutoencoderOptions,
  type Vae,
  type VaeOptions,
} from './autoencoders';
export { bottleneck, vib, type Vib, type VibOptions } from './bottleneck';
export {
  convolutionalCoders,
  mlpCoders,
  type Coders,
  type ConvolutionalCodersOptions,
  type MlpCodersOptions,
} from './coders';
export { codeStatistics, shareOfHoles } from './codes';
export { decomposeDiscrete, decomposeNormal, type Decomposition } from './decomposition';
export { dualAscent, type DualAscent, type DualAscentOptions } from './dualAscent';
export {
  gaussianKl,
  logDensity,
  monteCarloKl,
  reparameterize,
  splitGaussian,
  type Gaussian,
  type Noise,
} from './gaussian';
export { fanoBound } from './fano';
export { estimateInformation, type InformationEstimate } from './information';
export { interpolateLinearly, interpolateSpherically } from './interpolation';
export { latentGrid, normalQuantile } from './latentGrid';
export { BottleneckLayer, type BottleneckLayerOptions } from './layer';
export { bernoulliNegativeLogLikelihood, gaussianNegativeLogLikelihood } from './likelihoods';
export { nearestNeighborDistances } from './nearestNeighbor';
