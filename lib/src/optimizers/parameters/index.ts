export { like, matches, sizeOf, type ParameterRule, type ParameterSpec, type SlotSpec } from './rules';
