export {
  compile,
  type CompiledStep,
  type CompileInfo,
  type CompileOptions,
  type LoopInputs,
  type Stacked,
} from './compile';
export type { Verify } from './verification';
export { CompileError } from './ir/errors';
export type { TensorTree } from './ir/tree';
