import type { MicroStep } from '../around/accumulation';
import { matches, type ParameterRule, type ParameterSpec } from '../parameters/rules';
import { resolveSettings, type SettingTable } from '../parameters/settings';
import { evaluate, type Rate } from '../rates/schedules';

/** The settings that every optimizer has. */
export interface CommonSettings {
  /** η: a number that is at least 0, or a schedule. */
  readonly learningRate: Rate;
  /** λ of decoupled weight decay, θ ← θ − η(u + λθ): a number that is at least 0, or a schedule. */
  readonly weightDecay: Rate;
  /**
   * λ of coupled weight decay (L2 regularisation), g ← g + λθ before the moments see it, after clipping; default 0. It
   * spares the parameters that `excludeFromWeightDecay` names, as `weightDecay` does.
   */
  readonly coupledWeightDecay: Rate;
}

type Settings = Readonly<Record<string, unknown>> & CommonSettings;

/** Other settings for some parameters. */
export interface Overrides {
  readonly match: ParameterRule;
  readonly [setting: string]: unknown;
}

/** How one parameter is treated; of a shape, because rules may look at shapes. */
interface Membership {
  readonly shape: readonly number[];
  /** The number of its group. */
  readonly group: number;
  readonly decays: boolean;
}

/** What an algorithm makes scalars from. */
export type ScalarRule = (settings: Settings, step: number, microStep: MicroStep) => Record<string, number>;

/** The scalars of a group at one step. */
interface Computed {
  readonly step: number;
  readonly microStep: MicroStep;
  readonly values: Readonly<Record<string, number>>;
}

/**
 * The groups of parameters with settings of their own, in order of precedence; the last one takes all parameters that
 * are left. A compiled step asks for the scalars of a group by its number, so that settings may change after tracing.
 */
export class Groups {
  private list: readonly { readonly match: ParameterRule; readonly settings: Settings }[];
  private readonly members = new Map<string, Membership>();
  /** The scalars of each group that were last computed, because a step asks for them one by one. */
  private readonly computed: Computed[] = [];

  /** @throws TypeError on an option that does not exist; RangeError on a value out of range. */
  constructor(
    private readonly owner: string,
    private readonly table: SettingTable,
    private own: Readonly<Record<string, unknown>>,
    private readonly overrides: readonly Overrides[],
    private readonly withoutDecay: ParameterRule,
    private readonly scalarRule: ScalarRule,
  ) {
    this.list = this.resolve();
  }

  /** The settings for parameters that are in no group. */
  get settings(): Settings {
    return this.settingsOf(this.list.length - 1);
  }

  settingsOf(group: number): Settings {
    return (this.list[group] as { settings: Settings }).settings;
  }

  /** The group of a parameter, and whether its weights decay. */
  memberOf(parameter: ParameterSpec): Membership {
    const { name, shape } = parameter;
    const known = this.members.get(name);
    if (known && known.shape.join() === shape.join()) return known;
    const member = {
      shape,
      group: this.list.findIndex(({ match }) => matches(match, parameter)),
      decays: !matches(this.withoutDecay, parameter),
    };
    this.members.set(name, member);
    return member;
  }

  /** Replaces a setting, but in groups that have their own. */
  replace(setting: string, value: unknown): void {
    const before = this.own;
    this.own = { ...before, [setting]: value };
    try {
      this.list = this.resolve();
    } catch (error) {
      this.own = before;
      throw error;
    }
    this.forget();
  }

  /** Settings are to be evaluated anew, because steps are counted from elsewhere. */
  forget(): void {
    this.computed.length = 0;
  }

  /**
   * The scalars of a group at a step, schedules and decays included.
   *
   * @throws RangeError if one of them is not finite, or a rate is negative.
   */
  scalars(group: number, step: number, microStep: MicroStep): Readonly<Record<string, number>> {
    const known = this.computed[group];
    if (known?.step === step && isSame(known.microStep, microStep)) return known.values;
    const settings = this.settingsOf(group);
    const values = this.scalarRule(settings, step, microStep);
    for (const name of decayNames) {
      if (settings[name] !== 0) values[name] = evaluate(settings[name], step);
    }
    for (const name of Object.keys(values)) {
      const value = values[name] as number;
      const isRate = rateNames.includes(name);
      if (!Number.isFinite(value) || (isRate && value < 0)) {
        throw new RangeError(
          `${this.owner}: ${name} is ${value} at step ${step}; expected a finite number${isRate ? ' that is at least 0' : ''}.`,
        );
      }
    }
    this.computed[group] = { step, microStep, values };
    return values;
  }

  private resolve(): typeof this.list {
    const { own, owner, table } = this;
    const groups = this.overrides.map(({ match, ...overrides }, index) => ({
      match,
      settings: resolveSettings(
        { ...own, ...overrides },
        table,
        `${owner}, groups[${index}]`,
      ) as unknown as Settings,
    }));
    const rest = { match: () => true, settings: resolveSettings(own, table, owner) as unknown as Settings };
    return [...groups, rest];
  }
}

const decayNames = ['weightDecay', 'coupledWeightDecay'] as const;
const rateNames: readonly string[] = ['learningRate', ...decayNames];

/** Whether scalars cannot differ; how many calls make an update is the same for all. */
function isSame(a: MicroStep, b: MicroStep): boolean {
  return a.isFirst === b.isFirst && a.isLast === b.isLast;
}
