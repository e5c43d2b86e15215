import { nativeBackend } from '../../runtime/binding';
import { valuesOf } from '../ir/constant';
import type { Plan } from '../ir/plan';

/** Lets `use` take the tensors that a plan holds by their native handles; those made for constants are then freed. */
export function withHeld({ held }: Plan, use: (handles: number[]) => void): void {
  const { binding } = nativeBackend();
  const made: number[] = [];
  try {
    const handles = held.map((tensor) => {
      if ('id' in tensor) return tensor.id;
      const id = binding.createTensor([...tensor.shape], tensor.dtype, valuesOf(tensor));
      made.push(id);
      return id;
    });
    use(handles);
  } finally {
    for (const id of made) binding.deleteTensor(id);
  }
}
