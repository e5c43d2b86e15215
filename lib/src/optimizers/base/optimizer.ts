import * as tfc from '@tensorflow/tfjs-core';
import type { NamedTensorMap, Scalar, Tensor } from '@tensorflow/tfjs-core';
import { fed, hostStateIsSet, StepCounter } from '../../runtime/fed';
import { rejectUnknown } from '../../runtime/options';
import { wholeStep, type MicroStep } from '../around/accumulation';
import {
  Around,
  aroundNames,
  checkAround,
  type AroundOptions,
  type Outcome,
  type Prepared,
  type Target,
} from '../around/around';
import { guardName } from '../around/guard';
import { namedGradients, type NamedTensor } from '../parameters/gradients';
import type { ParameterRule, ParameterSpec, SlotSpec } from '../parameters/rules';
import { rate, type Setting, type SettingTable, type SettingValues } from '../parameters/settings';
import { SlotStore } from '../parameters/slotStore';
import { evaluate, type Rate } from '../rates/schedules';
import { configOf, decode } from './config';
import { Groups, type CommonSettings } from './groups';

/** Other settings for the parameters that a rule applies to; what is not given is as for all. */
export type ParameterGroup<Settings> = { readonly match: ParameterRule } & Partial<Settings>;

/** The options of an optimizer: its own settings, and what all optimizers understand. */
export type OptimizerOptions<Settings extends CommonSettings> = Partial<Settings> &
  AroundOptions & {
    /** Parameters without weight decay, whatever their group says, e.g. `/bias|beta|gamma/`. Default: none. */
    readonly excludeFromWeightDecay?: ParameterRule;
    /** Other settings for some parameters; the first group whose rule applies wins. Default: none. */
    readonly groups?: readonly ParameterGroup<Settings>[];
  };

/** The settings that a definition must have, each with a default of its own. */
export type DefinedSettings = SettingTable & {
  readonly learningRate: Setting<Rate>;
  readonly weightDecay: Setting<Rate>;
};

/** The values of the settings of a definition. */
export type SettingsOf<Table extends DefinedSettings> = SettingValues<Table> & CommonSettings;

/** The scalars of a step as tensors; `weightDecay` is absent where there is none. */
export type Hyperparameters<Scalars> = {
  readonly [Name in keyof Scalars | 'learningRate']: Scalar;
} & { readonly weightDecay?: Scalar };

/** The slots of a definition as tensors. */
export type SlotsOf<Slots> = { readonly [Name in keyof Slots]-?: Tensor };

/** What an update is given. */
export interface UpdateInputs<Table extends DefinedSettings, Scalars, Slots> {
  /** θ before the step. */
  readonly theta: Tensor;
  /** g, of the parameter's shape. */
  readonly g: Tensor;
  /** The state before the step. */
  readonly slots: SlotsOf<Slots>;
  /** The scalars of this step. They change from step to step: a number computed in JavaScript would not. */
  readonly h: Hyperparameters<Scalars>;
  /** Name and shape of the parameter. */
  readonly parameter: ParameterSpec;
  /** The settings of the parameter's group. */
  readonly settings: SettingsOf<Table>;
  /** k, where the algorithm accumulates itself. */
  readonly accumulationSteps: number;
}

/** What an update returns: θ and the state after the step. */
export interface UpdateResult<Slots> {
  readonly theta: Tensor;
  readonly slots: { readonly [Name in keyof Slots]?: Tensor };
}

/** An algorithm: which settings it has, which scalars a step needs, which state it keeps, and how it moves a parameter. */
export interface Definition<Table extends DefinedSettings, Scalars, Slots> {
  /** Its settings, each with its default; `learningRate` and `weightDecay` among them. */
  readonly settings: Table;
  /**
   * The scalars of the step number `step` (from 1), in float64, beside the learning rate and the weight decay, which are
   * evaluated already.
   */
  readonly scalars: (settings: SettingsOf<Table>, step: number, microStep: MicroStep) => Scalars;
  /** Names, shapes and types of the state of one parameter. Slots start at zero. */
  readonly slots: (parameter: ParameterSpec, settings: SettingsOf<Table>) => Slots;
  /** θ and the state after the step. Pure: tensors in, tensors out, no branch on a tensor's value. */
  readonly update: (inputs: UpdateInputs<Table, Scalars, Slots>) => UpdateResult<Slots>;
  /**
   * Whether the algorithm takes in the gradients of micro-steps itself, by `microStep` of its scalars, so that
   * `accumulationSteps` needs no buffer.
   */
  readonly accumulatesItself?: boolean;
  /** Throws where options contradict each other. */
  readonly check?: (options: OptimizerOptions<SettingsOf<Table>>) => void;
}

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- the algorithm knows the types, the machinery does not */
type AnyDefinition = Definition<DefinedSettings, any, any>;
type AnyOptions = OptimizerOptions<CommonSettings> & Readonly<Record<string, unknown>>;
type Scalars = Readonly<Record<string, Scalar>>;

const scalarsOf = (
  { scalars }: AnyDefinition,
  settings: CommonSettings,
  step: number,
  microStep: MicroStep,
): Record<string, number> => ({
  learningRate: evaluate(settings.learningRate, step),
  ...(scalars(settings as never, step, microStep) as Record<string, number>),
});

/**
 * An optimizer: what {@link optimizer} makes of a definition, a `tf.Optimizer`, for `optimizer.minimize`, for
 * `model.compile({ optimizer })` of tf.layers and for a compiled step.
 *
 * Scalars are computed on the host in float64 and fed as tensors; everything else stays in TensorFlow. State is keyed
 * by the name of the parameter: any subset of the parameters can be updated, in any order.
 *
 * @typeParam Settings The algorithm's options with all defaults filled in.
 * @typeParam Hyper Names of the scalars of a step.
 */
export class Optimizer<Settings extends CommonSettings = CommonSettings, Hyper extends string = string>
  extends tfc.Optimizer
{
  private readonly counter = new StepCounter();
  private readonly store = new SlotStore(guardName);
  private readonly table: SettingTable;
  private readonly groups: Groups;
  private readonly around: Around;
  private options: AnyOptions;

  /**
   * @param owner The name of the optimizer in messages.
   * @throws TypeError on an option that does not exist; RangeError on a value out of range.
   */
  protected constructor(
    owner: string,
    private readonly definition: AnyDefinition,
    given: OptimizerOptions<Settings> = {},
  ) {
    super();
    const options = (this.options = optionsOf(given, owner));
    this.table = { ...definition.settings, coupledWeightDecay: rate(0) };
    const names = Object.keys(this.table);
    rejectUnknown(options, [...names, ...aroundNames, 'excludeFromWeightDecay', 'groups'], owner);
    this.groups = new Groups(
      owner,
      this.table,
      Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name))),
      options.groups ?? [],
      options.excludeFromWeightDecay ?? [],
      (settings, step, microStep) => scalarsOf(definition, settings, step, microStep),
    );
    checkAround(options, owner);
    definition.check?.({ ...options, ...this.settings });
    this.around = new Around(
      options,
      this.store,
      () => this.iterations,
      definition.accumulatesItself ?? false,
    );
  }

  /** The settings for parameters that are in no group, defaults included. */
  get settings(): Readonly<Settings> {
    return this.groups.settings as unknown as Settings;
  }

  /** The settings for one parameter: of the first group that matches it, without weight decay where it is excluded. */
  settingsFor(parameter: ParameterSpec): Readonly<Settings> {
    const { group, decays } = this.groups.memberOf(parameter);
    const settings = this.groups.settingsOf(group) as unknown as Settings;
    return decays ? settings : { ...settings, weightDecay: 0, coupledWeightDecay: 0 };
  }

  /** The state of one parameter under the settings of its group. Nothing is allocated. */
  slotsFor(parameter: ParameterSpec): Record<string, SlotSpec> {
    const settings = this.groups.settingsOf(this.groups.memberOf(parameter).group);
    const own = this.definition.slots(parameter, settings) as Record<string, SlotSpec>;
    return { ...own, ...this.around.slots(parameter) };
  }

  /** The scalars of the update number `step` (from 1) for parameters that are in no group, in float64. */
  hyperparameters(step: number): Readonly<Record<Hyper, number>> {
    return scalarsOf(this.definition, this.settings, step, wholeStep) as Record<Hyper, number>;
  }

  /** Replaces the learning rate from the next step on, in compiled steps too; groups that have their own keep it. */
  setLearningRate(learningRate: Rate): void {
    hostStateIsSet('a learning rate');
    this.groups.replace('learningRate', learningRate);
    this.options = { ...this.options, learningRate };
  }

  /**
   * How many steps were made; under accumulation, how many calls. Assign it to resume: schedules and bias corrections
   * follow. It is one number for all parameters, as in Keras and optax: one that comes later, or is made again, has state
   * of zeros and the schedules and bias corrections of the step that it comes in.
   */
  override get iterations(): number {
    return this.counter.value;
  }

  override set iterations(value: number) {
    checkIterations(value);
    this.counter.value = value;
    this.around.accumulation.wait([]);
    this.groups.forget();
  }

  /**
   * Makes one step.
   *
   * @param gradients Gradients by the name of their `tf.Variable`; null or undefined ones are passed over. They are
   *   not disposed.
   * @throws Error if a name is unknown or given twice, or a gradient's shape is not its variable's; nothing is changed.
   */
  override applyGradients(gradients: NamedTensorMap | NamedTensor[]): void {
    const pairs = namedGradients(gradients);
    const given = pairs.map(({ variable }) => variable);
    // A parameter that was loaded may wait for the update that this call makes.
    const waiting = this.around.accumulation.steps > 1 ? this.store.expected() : [];
    const parameters = [...new Set([...given, ...waiting])];
    const fresh = this.store.prepare(parameters, (parameter) => this.slotsFor(parameter));
    for (const parameter of fresh) this.around.accumulation.begin(parameter);
    const before = this.counter.value;
    this.counter.advance();
    tfc.tidy(() => {
      const targets = this.around.targets(pairs);
      const scalars = this.feed(targets, before);
      this.around.commit(this.around.prepare(targets), (item) =>
        this.compute(item, scalars.get(item.target) as Scalars),
      );
    });
  }

  /** How many steps `nonFinite: 'skip'` made to change nothing. */
  skippedSteps(): Promise<number> {
    return this.around.skippedSteps();
  }

  /**
   * The number of steps as `iter`, then the state as `<parameter>/<slot>`; between the calls of an accumulation also
   * `<parameter>/iter` for those that wait for their update. The tensors are the state itself (those of `iter`
   * excepted): read or encode them, do not dispose them.
   */
  override getWeights(): Promise<NamedTensor[]> {
    return Promise.resolve(this.state());
  }

  /** The state of this moment, whatever steps follow: what {@link getWeights} gives, as copies that are the caller's. */
  snapshot(): NamedTensor[] {
    return this.state().map(({ name, tensor }) => ({
      name,
      tensor: tfc.keep(isCount(name) ? tensor : tensor.clone()),
    }));
  }

  /**
   * Resumes from what {@link getWeights} gave. State is found by name, in any order; the tensors stay the caller's.
   *
   * @throws Error if `iter` is missing or a tensor does not fit its parameter; nothing is changed.
   */
  override async setWeights(weights: NamedTensor[]): Promise<void> {
    const count = weights.find(({ name }) => name === 'iter');
    if (!count) throw new Error('The state has no "iter", the number of steps; load what getWeights() gave.');
    const iterations = Number((await count.tensor.data())[0]);
    checkIterations(iterations);
    this.store.load(
      weights.filter(({ name }) => !isCount(name)),
      (parameter) => this.slotsFor(parameter),
    );
    this.iterations = iterations;
    const waiting = weights.filter((weight) => weight !== count && isCount(weight.name));
    this.around.accumulation.wait(waiting.map(({ name }) => name.slice(0, -'/iter'.length)));
  }

  /** The options as JSON. @throws TypeError if a schedule is a plain function or a rule a predicate. */
  override getConfig(): tfc.serialization.ConfigDict {
    return configOf(this.options, this.settings, this.table);
  }

  /**
   * An optimizer from what {@link getConfig} gave; without its state.
   *
   * @nocollapse
   */
  static override fromConfig<T extends tfc.serialization.Serializable>(
    cls: tfc.serialization.SerializableConstructor<T>,
    config: tfc.serialization.ConfigDict,
  ): T {
    // tf.layers adds customObjects to every configuration that it loads.
    const options = Object.entries(config).filter(([name]) => name !== 'customObjects');
    return new cls(decode(Object.fromEntries(options)));
  }

  /** Frees the state. The optimizer can go on, with fresh state. */
  override dispose(): void {
    this.store.dispose();
    this.iterations = 0;
  }

  private state(): NamedTensor[] {
    const saved = this.store.save();
    // One that is gone waits for nothing.
    const waiting = this.around.accumulation.waiting.filter((parameter) =>
      saved.some(({ name }) => name.startsWith(`${parameter}/`)),
    );
    return [
      { name: 'iter', tensor: tfc.scalar(this.iterations, 'int32') },
      ...saved,
      ...waiting.map((parameter) => ({
        name: `${parameter}/iter`,
        tensor: tfc.scalar(this.around.accumulation.update, 'int32'),
      })),
    ];
  }

  /** What the algorithm makes of a parameter. */
  private compute({ target: { variable }, gradient }: Prepared, all: Scalars): Outcome {
    const { group, decays } = this.groups.memberOf(variable);
    const h = decays ? all : { ...all, weightDecay: undefined, coupledWeightDecay: undefined };
    const { coupledWeightDecay } = h;
    return this.definition.update({
      theta: variable,
      g: coupledWeightDecay ? tfc.add(gradient, tfc.mul(coupledWeightDecay, variable)) : gradient,
      slots: this.store.of(variable.name),
      h: h as never,
      parameter: variable,
      settings: this.groups.settingsOf(group),
      accumulationSteps: this.around.accumulation.steps,
    });
  }

  /** The scalars of all targets; if one of them is out of range, no step was made. */
  private feed(targets: readonly Target[], before: number): Map<Target, Scalars> {
    const ofGroup = new Map<number, Scalars>();
    const scalarsFor = ({ variable, microStep }: Target): Scalars => {
      const { group } = this.groups.memberOf(variable);
      // Only an algorithm that accumulates itself tells one micro-step from the other, parameter by parameter.
      if (this.definition.accumulatesItself && this.around.accumulation.steps > 1) {
        return this.feedGroup(group, microStep);
      }
      const known = ofGroup.get(group) ?? this.feedGroup(group, () => wholeStep);
      ofGroup.set(group, known);
      return known;
    };
    try {
      return new Map(targets.map((target) => [target, scalarsFor(target)]));
    } catch (error) {
      this.counter.value = before;
      throw error;
    }
  }

  private feedGroup(group: number, microStep: () => MicroStep): Scalars {
    const now = (): Readonly<Record<string, number>> =>
      this.groups.scalars(group, this.around.accumulation.update, microStep());
    const names = Object.keys(now());
    return Object.fromEntries(
      names.map((name) => [name, fed(() => now()[name] as number) as Scalar] as const),
    );
  }
}

/** Whether a tensor of the state is a number of steps. */
export const isCount = (name: string): boolean => name === 'iter' || name.endsWith('/iter');

function checkIterations(value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new RangeError(`iterations must be a whole number that is at least 0, got ${value}.`);
}

function optionsOf(given: unknown, owner: string): AnyOptions {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given as AnyOptions;
  const shown = typeof given === 'function' ? 'a function' : JSON.stringify(given);
  throw new TypeError(
    `${owner} takes its options as an object, e.g. { learningRate: ${typeof given === 'number' ? given : 0.001} }, got ${shown}.`,
  );
}

/** What makes an optimizer, and the definition that it makes it from. */
export interface OptimizerFactory<Table extends DefinedSettings, Scalars, Slots> {
  (
    options?: OptimizerOptions<SettingsOf<Table>>,
  ): Optimizer<SettingsOf<Table>, (keyof Scalars & string) | 'learningRate'>;
  /** For an optimizer that differs in something: spread it. */
  readonly definition: Definition<Table, Scalars, Slots>;
}

/** The options that a factory such as `lion` takes. */
export type OptionsOf<Factory> = Factory extends (options?: infer Options) => unknown
  ? NonNullable<Options>
  : never;

/**
 * Defines an optimizer. The result makes instances from options, with everything that goes with all optimizers: groups,
 * decay, clipping, accumulation, guards, saved state, JSON, compiled steps.
 *
 * @param name Its name in messages, in saved models and in files of state.
 * @throws Error if TensorFlow.js has an optimizer of that name.
 *
 * @example
 * const heavyBall = optimizer('HeavyBall', {
 *   settings: { learningRate: rate(0.01), momentum: fraction(0.9), weightDecay: rate(0) },
 *   scalars: ({ momentum }) => ({ momentum }),
 *   slots: (parameter) => ({ velocity: like(parameter) }),
 *   update({ theta, g, slots, h }) {
 *     const velocity = tf.add(tf.mul(h.momentum, slots.velocity), g);
 *     return { theta: descend(theta, velocity, h), slots: { velocity } };
 *   },
 * });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * heavyBall({ learningRate: 0.1 }).minimize(() => x.square().sum());
 */
export function optimizer<
  const Table extends DefinedSettings,
  Scalars extends Readonly<Record<string, number>>,
  Slots extends Readonly<Record<string, SlotSpec | undefined>>,
>(
  name: string,
  definition: Definition<Table, Scalars, Slots>,
  {
    className = name,
  }: {
    /** The name in saved models and files of state, where another than the first is wanted. */
    readonly className?: string;
  } = {},
): OptimizerFactory<Table, Scalars, Slots> {
  type Made = Optimizer<SettingsOf<Table>, (keyof Scalars & string) | 'learningRate'>;
  const taken = tfc.serialization.SerializationMap.getMap().classNameMap[className]?.[0];
  // instanceof would not tell: TensorFlow.js takes everything that looks like an optimizer for one.
  if (taken && !('slotsFor' in taken.prototype)) {
    throw new Error(`TensorFlow.js has an optimizer named ${className}; give yours another name.`);
  }
  class Defined extends Optimizer<SettingsOf<Table>, (keyof Scalars & string) | 'learningRate'> {
    /** @nocollapse */
    static readonly className = className;

    constructor(options?: OptimizerOptions<SettingsOf<Table>>) {
      super(name, definition as unknown as AnyDefinition, options);
    }
  }
  tfc.serialization.registerClass(Defined);
  return Object.assign((options?: OptimizerOptions<SettingsOf<Table>>): Made => new Defined(options), {
    definition,
  });
}
