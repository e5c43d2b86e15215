import { dataType } from '../../runtime/binding';
import { attribute, type GraphBuilder, type Reference } from './builder';

/**
 * How values go into the step, out of it, and from one run to the next. TensorFlow keeps 32-bit integers in the memory of the
 * host wherever they are held or handed on (in variables, arguments, loops), even if a GPU computes with them: at each step
 * they would be copied, and XLA for GPUs refuses variables that lie there. So on a GPU their bits travel as those of floats.
 */
export class Carriage {
  constructor(private readonly gpu: boolean) {}

  /** The type as which values of a type travel. */
  type(dtype: number): number {
    return this.gpu && dtype === dataType.int32 ? dataType.float32 : dtype;
  }

  /**
   * The type as which `fed` values are handed over. TensorFlow.js keeps integers on the host, from where the run takes them;
   * floats would go to the GPU, back to the host for the run, which waits for them, and to the GPU again.
   */
  handedType(dtype: number): number {
    return this.gpu ? dataType.int32 : dtype;
  }

  /** The values as an array of that type. */
  handed(values: Float32Array | Int32Array): Float32Array | Int32Array {
    return this.gpu ? new Int32Array(values.buffer, values.byteOffset, values.length) : values;
  }

  carry(builder: GraphBuilder, value: Reference): Reference {
    return bitcast(builder, value, this.type(value.dtype));
  }

  /** @param dtype The type of the value before it was carried. */
  restore(builder: GraphBuilder, value: Reference, dtype: number): Reference {
    return bitcast(builder, value, dtype);
  }
}

function bitcast(builder: GraphBuilder, value: Reference, dtype: number): Reference {
  if (value.dtype === dtype) return value;
  return builder.one('Bitcast', [value], { attributes: { type: attribute.type(dtype) } });
}
