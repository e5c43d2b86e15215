export { constant, normal, truncatedNormal, uniform } from './distributions';
export { fans, type Distribution, type Initializer, type InitializerDescription } from './initializer';
export { scaled } from './scaled';
export { truncatedStandardDeviation } from './truncation';
export { he, lecun, varianceScaling, xavier, type VarianceScalingOptions } from './varianceScaling';
