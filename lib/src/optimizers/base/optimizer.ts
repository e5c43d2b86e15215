import * as tfc from '@tensorflow/tfjs-core';
import type { NamedTensorMap, Scalar, Tensor, Variable } from '@tensorflow/tfjs-core';
import { fed, StepCounter } from '../../runtime/fed';
import { Around, aroundNames, checkAround, guardName, type AroundOptions } from '../around/around';
import { decode, encodeAll, encodeRule } from './config';
import { namedGradients, type NamedTensor } from '../parameters/gradients';
import { parameterRule, rate, rejectUnknown, resolveOptions, type OptionTable } from '../parameters/options';
import { matches, type ParameterRule, type ParameterSpec, type SlotSpec } from '../parameters/rules';
import { evaluate, type Rate } from '../rates/schedules';
import { SlotStore } from '../parameters/slotStore';

/** The settings that every optimizer has. */
export interface CommonSettings {
  /** η: a number that is at least 0, or a schedule. */
  learningRate: Rate;
  /** λ of decoupled weight decay, θ ← θ − η(u + λθ): a number that is at least 0, or a schedule. */
  weightDecay: Rate;
  /**
   * λ of coupled weight decay (L2 regularisation), g ← g + λθ before the moments see it, after clipping; default 0. It
   * spares the parameters that `excludeFromWeightDecay` names, as `weightDecay` does.
   */
  coupledWeightDecay: Rate;
}

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

/** What `update` is given. */
export interface UpdateInputs<Settings, Slot extends string, Hyper extends string> {
  /** θ before the step. */
  readonly parameter: Tensor;
  /** g, of the parameter's shape. */
  readonly gradient: Tensor;
  /** The state before the step. */
  readonly slots: Readonly<Record<Slot, Tensor>>;
  /** The scalars of this step; `weightDecay` is absent where there is none. */
  readonly hyperparameters: Readonly<Record<Hyper, Scalar>> & { readonly weightDecay?: Scalar };
  /** Name and shape of the parameter. */
  readonly spec: ParameterSpec;
  /** The settings of the parameter's group. */
  readonly settings: Readonly<Settings>;
}

/** What `update` returns: θ and the state after the step. */
export interface UpdateResult<Slot extends string> {
  readonly parameter: Tensor;
  readonly slots: Readonly<Partial<Record<Slot, Tensor>>>;
}

/** Parameters that share all settings, and their scalars at the step for which they were last computed. */
interface Group<Settings> {
  readonly match: ParameterRule;
  settings: Settings;
  computed?: { readonly step: number; readonly values: Readonly<Record<string, number>> };
}

/** How one parameter is treated; of a shape, because rules may look at shapes. */
interface Membership<Settings> {
  readonly shape: readonly number[];
  readonly group: Group<Settings>;
  readonly decays: boolean;
}

type Scalars<Hyper extends string> = Readonly<
  Record<Hyper, Scalar> & { weightDecay?: Scalar; coupledWeightDecay?: Scalar }
>;

/**
 * The base of all optimizers: an algorithm says which scalars it needs at a step (`hyperparameters`), which state it
 * keeps (`slots`) and how one parameter is updated (`update`); this class makes a `tf.Optimizer` of it, for
 * `optimizer.minimize`, for `model.compile({ optimizer })` of tf.layers and for a compiled step.
 *
 * Scalars are computed on the host in float64 and fed as tensors; everything else stays in TensorFlow. State is keyed
 * by the name of the parameter: any subset of the parameters can be updated, in any order.
 *
 * @typeParam Settings The algorithm's options with all defaults filled in.
 * @typeParam Slot Names of the state tensors.
 * @typeParam Hyper Names of the scalars; `weightDecay` is added where it applies.
 */
export abstract class Optimizer<Settings extends CommonSettings, Slot extends string, Hyper extends string>
  extends tfc.Optimizer
{
  private readonly counter = new StepCounter();
  private readonly store = new SlotStore(guardName);
  private readonly members = new Map<string, Membership<Settings>>();
  private readonly table: OptionTable<Settings>;
  private readonly groups: readonly Group<Settings>[];
  private readonly aroundOptions: AroundOptions;
  private readonly around: Around;

  /**
   * @param options What the user gave.
   * @param table Default and check of each setting of the algorithm.
   * @throws TypeError on an option that does not exist; RangeError on a value out of range.
   */
  protected constructor(
    private options: OptimizerOptions<Settings>,
    table: OptionTable<Omit<Settings, 'coupledWeightDecay'>>,
  ) {
    super();
    this.table = { ...table, coupledWeightDecay: { default: 0, check: rate } } as OptionTable<Settings>;
    this.groups = this.resolve(options);
    // An algorithm that does one of these itself has it among its settings.
    const names = aroundNames.filter((name) => !(name in table));
    this.aroundOptions = Object.fromEntries(names.map((name) => [name, options[name]]));
    checkAround(this.aroundOptions, this.getClassName());
    this.around = new Around(this.aroundOptions, this.store, () => this.iterations);
  }

  /** The scalars of the step number `step` (from 1), in float64; schedules are evaluated here. */
  abstract hyperparameters(step: number, settings?: Readonly<Settings>): Record<Hyper, number>;

  /** Names, shapes and types of the state of one parameter. Nothing is allocated. */
  abstract slots(parameter: ParameterSpec, settings?: Readonly<Settings>): Partial<Record<Slot, SlotSpec>>;

  /** θ and the state after the step. Pure: tensors in, tensors out, no branch on a tensor's value. */
  abstract update(inputs: UpdateInputs<Settings, Slot, Hyper>): UpdateResult<Slot>;

  /** The settings for parameters that are in no group, defaults included. */
  get settings(): Readonly<Settings> {
    return this.defaultGroup.settings;
  }

  /** The settings for one parameter: of the first group that matches it, without weight decay where it is excluded. */
  settingsFor(parameter: ParameterSpec): Readonly<Settings> {
    const { group, decays } = this.memberOf(parameter);
    return decays ? group.settings : { ...group.settings, weightDecay: 0, coupledWeightDecay: 0 };
  }

  /** Replaces the learning rate from the next step on; groups that have their own keep it. */
  setLearningRate(learningRate: Rate): void {
    const options = { ...this.options, learningRate };
    const resolved = this.resolve(options);
    // In place: a compiled step keeps asking the groups it was traced with.
    this.groups.forEach((group, index) => Object.assign(group, resolved[index], { computed: undefined }));
    this.options = options;
  }

  /**
   * How many steps were made; under accumulation, how many calls. Assign it to resume: schedules and bias corrections
   * follow.
   */
  override get iterations(): number {
    return this.counter.value;
  }

  override set iterations(value: number) {
    if (!(Number.isSafeInteger(value) && value >= 0)) {
      throw new RangeError(`iterations must be a whole number that is at least 0, got ${value}.`);
    }
    this.counter.value = value;
    for (const group of this.groups) group.computed = undefined;
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
    const variables = pairs.map(({ variable }) => variable);
    this.store.prepare(variables, (parameter) => this.slotsFor(parameter));
    const before = this.counter.value;
    this.counter.advance();
    tfc.tidy(() => {
      const scalars = this.feed(variables, before);
      const { gradients, applied } = this.around.prepare(pairs);
      variables.forEach((variable, index) => {
        this.updateVariable(variable, gradients[index] as Tensor, scalars, applied);
      });
    });
  }

  /** How many steps `nonFinite: 'skip'` made to change nothing. */
  skippedSteps(): Promise<number> {
    return this.around.skippedSteps();
  }

  /**
   * The number of steps as `iter`, then the state as `<parameter>/<slot>`. The tensors are the state itself (`iter`
   * excepted): read or encode them, do not dispose them.
   */
  override getWeights(): Promise<NamedTensor[]> {
    return Promise.resolve([
      { name: 'iter', tensor: tfc.scalar(this.iterations, 'int32') },
      ...this.store.save(),
    ]);
  }

  /**
   * Resumes from what {@link getWeights} gave. State is found by name, in any order; the tensors stay the caller's.
   *
   * @throws Error if `iter` is missing or a tensor does not fit its parameter; nothing is changed.
   */
  override async setWeights(weights: NamedTensor[]): Promise<void> {
    const count = weights.find(({ name }) => name === 'iter');
    if (!count) throw new Error('The state has no "iter", the number of steps; load what getWeights() gave.');
    const [iterations] = await count.tensor.data();
    this.store.load(
      weights.filter((weight) => weight !== count),
      (parameter) => this.slotsFor(parameter),
    );
    this.iterations = Number(iterations);
  }

  /** The options as JSON. @throws TypeError if a schedule is a plain function or a rule a predicate. */
  override getConfig(): tfc.serialization.ConfigDict {
    const { excludeFromWeightDecay, groups } = this.options;
    const { lazyRows, ...around } = this.aroundOptions;
    return {
      ...this.encodeSettings(this.settings),
      ...encodeAll(around),
      ...(lazyRows && { lazyRows: { ...encodeAll(lazyRows), match: encodeRule(lazyRows.match) } }),
      ...(excludeFromWeightDecay !== undefined && {
        excludeFromWeightDecay: encodeRule(excludeFromWeightDecay),
      }),
      ...(groups && {
        groups: groups.map(({ match, ...own }) => ({
          ...this.encodeSettings(own as object),
          match: encodeRule(match),
        })),
      }),
    };
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

  private get defaultGroup(): Group<Settings> {
    return this.groups[this.groups.length - 1] as Group<Settings>;
  }

  /** The groups in order of precedence; the last one takes all parameters that are left. */
  private resolve(options: OptimizerOptions<Settings>): Group<Settings>[] {
    const owner = this.getClassName();
    const names = Object.keys(this.table);
    rejectUnknown(
      options,
      [...new Set([...names, ...aroundNames, 'excludeFromWeightDecay', 'groups'])],
      owner,
    );
    const own = Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name)));
    const groups = (options.groups ?? []).map(({ match, ...overrides }, index) => ({
      match,
      settings: resolveOptions({ ...own, ...overrides }, this.table, `${owner}, groups[${index}]`),
    }));
    return [...groups, { match: () => true, settings: resolveOptions(own, this.table, owner) }];
  }

  private memberOf(parameter: ParameterSpec): Membership<Settings> {
    const { name, shape } = parameter;
    const known = this.members.get(name);
    if (known && known.shape.join() === shape.join()) return known;
    const member = {
      shape,
      group: this.groups.find(({ match }) => matches(match, parameter)) ?? this.defaultGroup,
      decays: !matches(this.options.excludeFromWeightDecay ?? [], parameter),
    };
    this.members.set(name, member);
    return member;
  }

  /** The state of one parameter under the settings of its group. Nothing is allocated. */
  slotsFor(parameter: ParameterSpec): Record<string, SlotSpec> {
    const own = this.slots(parameter, this.memberOf(parameter).group.settings) as Record<string, SlotSpec>;
    return { ...own, ...this.around.slots(parameter) };
  }

  private updateVariable(
    variable: Variable,
    given: Tensor,
    scalars: ReadonlyMap<Group<Settings>, Scalars<Hyper>>,
    applied: Scalar | undefined,
  ): void {
    const { group, decays } = this.memberOf(variable);
    const all = scalars.get(group) as Scalars<Hyper>;
    const hyperparameters = decays ? all : { ...all, weightDecay: undefined, coupledWeightDecay: undefined };
    const coupled = hyperparameters.coupledWeightDecay;
    const gradient = coupled ? tfc.add(given, tfc.mul(coupled, variable)) : given;
    const slots = this.store.of(variable.name) as Record<Slot, Variable>;
    const { settings } = group;
    const next = this.update({
      parameter: variable,
      gradient,
      slots,
      hyperparameters,
      spec: variable,
      settings,
    });
    const commit = this.around.commit(variable, given, applied);
    assign(variable, commit.parameter(next.parameter, variable));
    for (const [name, value] of Object.entries(next.slots) as [Slot, Tensor][]) {
      assign(slots[name], commit.slot(value, slots[name]));
    }
  }

  /** The scalars of all groups that this step needs; if one of them is out of range, no step was made. */
  private feed(variables: readonly Variable[], before: number): Map<Group<Settings>, Scalars<Hyper>> {
    try {
      const groups = new Set(variables.map((variable) => this.memberOf(variable).group));
      return new Map(
        [...groups].map((group) => {
          const names = Object.keys(this.compute(group));
          const tensors = names.map(
            (name) => [name, fed(() => this.compute(group)[name] as number)] as const,
          );
          return [group, Object.fromEntries(tensors) as unknown as Scalars<Hyper>] as const;
        }),
      );
    } catch (error) {
      this.counter.value = before;
      throw error;
    }
  }

  private encodeSettings(given: object): tfc.serialization.ConfigDict {
    const settings = given as Partial<Settings>;
    const names = Object.keys(settings) as (keyof Settings & string)[];
    const isRule = (name: keyof Settings): boolean => this.table[name].check === parameterRule;
    const rules = names
      .filter(isRule)
      .map((name) => [name, encodeRule(settings[name] as ParameterRule)] as const);
    const others = names.filter((name) => !isRule(name)).map((name) => [name, settings[name]] as const);
    return { ...encodeAll(Object.fromEntries(others)), ...Object.fromEntries(rules) };
  }

  /** The scalars of a group at the current step, computed once per step. */
  private compute(group: Group<Settings>): Readonly<Record<string, number>> {
    const { step } = this.around;
    if (group.computed?.step === step) return group.computed.values;
    const { settings } = group;
    const values: Record<string, number> = this.hyperparameters(step, settings);
    for (const name of ['weightDecay', 'coupledWeightDecay'] as const) {
      if (settings[name] !== 0) values[name] = evaluate(settings[name], step);
    }
    for (const [name, value] of Object.entries(values)) {
      const isRate = rateNames.includes(name);
      if (!Number.isFinite(value) || (isRate && value < 0)) {
        throw new RangeError(
          `${this.getClassName()}: ${name} is ${value} at step ${step}; expected a finite number${isRate ? ' that is at least 0' : ''}.`,
        );
      }
    }
    group.computed = { step, values };
    return values;
  }
}

const rateNames: readonly string[] = ['learningRate', 'weightDecay', 'coupledWeightDecay'];

function assign(variable: Variable, value: Tensor | undefined): void {
  // Assigning a variable to itself would free its data.
  if (value !== undefined && value !== variable) variable.assign(value);
}
