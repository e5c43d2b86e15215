export {
  compile,
  type CompiledStep,
  type CompileInfo,
  type CompileOptions,
  type LoopInputs,
  type Stacked,
} from './compile';
export { CompileError } from './errors';
export type { TensorTree } from './tree';
