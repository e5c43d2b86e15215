import { expectClose, largest, stateOf, step, values, variable, type AnyOptimizer } from './support';
import { TwinPath, type TwinPathOptions } from './twinPath';

export type DuelOptions = TwinPathOptions;

/** The tensor version and its twin on the same gradients, compared after every step. */
export class Duel {
  private readonly optimizer: AnyOptimizer;
  private readonly path: TwinPath;
  private readonly parameter;
  private scale: number;

  constructor(setup: DuelOptions) {
    this.optimizer = setup.subject.make(setup.options);
    this.path = new TwinPath(setup);
    this.scale = largest(this.path.theta);
    this.parameter = variable('x', setup.shape, this.path.theta);
  }

  step(): void {
    step(this.optimizer, [[this.parameter, this.path.step()]]);
    const { theta } = this.path;
    // Rounding errors add up on the way: they are relative to the largest value on it.
    this.scale = Math.max(this.scale, largest(theta));
    expectClose(values(this.parameter), theta, { scale: this.scale });
  }

  /** Compares the state and frees everything. */
  async end(): Promise<void> {
    const state = await stateOf(this.optimizer);
    const { twin, sizes } = this.path;
    for (const [slot, expected] of Object.entries(twin.state)) {
      const scale = Math.max(largest(expected), largest(sizes.state[slot] ?? []));
      expectClose(state[`x/${slot}`] ?? [], expected, { scale });
    }
    this.dispose();
  }

  dispose(): void {
    this.optimizer.dispose();
    this.parameter.dispose();
  }
}
