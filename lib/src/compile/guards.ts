/** What JavaScript holds and the recording of a step read: cheap to compare at each call with what it was then. */
import { tf } from '../runtime';
import type { Trace } from './ir/trace';

/** Hyperparameters of the optimizers of `tf.train` that are frozen in a graph; the learning rate is asked for at each call. */
const HYPERPARAMETERS = [
  'beta1',
  'beta2',
  'centered',
  'decay',
  'epsilon',
  'momentum',
  'rho',
  'useNesterov',
] as const;

export class Guards {
  private readonly watched: readonly (() => unknown)[];
  private readonly values: readonly unknown[];
  private made = trainableVariablesMade();

  /** @param variables Those that the step reads or assigns. */
  constructor({ optimizers, dependencies }: Trace, variables: readonly tf.Variable[]) {
    this.watched = [
      ...optimizers.flatMap((optimizer) => {
        const held = optimizer as unknown as Record<string, unknown>;
        return HYPERPARAMETERS.filter((name) => name in held).map((name) => () => held[name]);
      }),
      ...variables.map((variable) => () => variable.trainable),
      ...dependencies,
    ];
    this.values = this.watched.map((value) => value());
  }

  /** Whether a hyperparameter changed, what is trained, or other state of the host that the step depends on. */
  haveChanged(): boolean {
    const { watched, values } = this;
    for (let i = 0; i < watched.length; i++) {
      if (watched[i]!() !== values[i]) return true;
    }
    return false;
  }

  /** Whether trainable variables were made since this was last asked: a step may train whatever there is. */
  areThereNewVariables(): boolean {
    const made = trainableVariablesMade();
    const areThere = made !== this.made;
    this.made = made;
    return areThere;
  }
}

let count: (() => number) | undefined;

/** How many trainable variables the program has made since this was first asked. */
function trainableVariablesMade(): number {
  count ??= countTrainableVariables();
  return count();
}

function countTrainableVariables(): () => number {
  const engine = tf.engine() as unknown as { makeVariable(...settings: unknown[]): tf.Variable };
  const makeVariable = engine.makeVariable.bind(engine);
  let made = 0;
  engine.makeVariable = (...settings) => {
    const variable = makeVariable(...settings);
    if (variable.trainable) made += 1;
    return variable;
  };
  return () => made;
}
