import { Optimizer, serialization, type NamedTensorMap } from '@tensorflow/tfjs-core';
import { decode, encodeRule } from './base/config';
import { isCount } from './base/optimizer';
import { namedGradients, type NamedTensor } from './parameters/gradients';
import { matches, type ParameterRule, type ParameterSpec, type SlotSpec } from './parameters/rules';

/** An optimizer and the parameters it is for. */
export interface MixedPart {
  /** Default: all that no part before it takes. */
  readonly match?: ParameterRule;
  /** Any optimizer of TensorFlow.js; one without `slotsFor` counts as without state in `stateBytes`. */
  readonly optimizer: Optimizer & {
    /** The state of one parameter. Nothing is allocated. */
    slotsFor?: (parameter: ParameterSpec) => Record<string, SlotSpec>;
    /** The state of this moment, as copies. */
    snapshot?: () => NamedTensor[] | undefined;
  };
}

/**
 * Several optimizers for one model, by parameter: the first part whose rule matches takes it.
 *
 * When to use it: Adam for embeddings and a sign optimizer for the rest, the remedy that Lion's authors advise where
 * rows of rare tokens drift. Each part clips and guards for itself.
 *
 * @throws Error at a step with a parameter that no part takes.
 *
 * @example
 * const optimizer = mixed([{ match: /embeddings/, optimizer: adam() }, { optimizer: tiger() }]);
 *
 * @see https://kexue.fm/archives/9736
 */
export class Mixed extends Optimizer {
  /** @nocollapse */
  static readonly className = 'Mixed';

  constructor(readonly parts: readonly MixedPart[]) {
    super();
    if (parts.length === 0) throw new TypeError('mixed needs at least one optimizer.');
    const optimizers = new Set(parts.map(({ optimizer }) => optimizer));
    if (optimizers.size < parts.length) throw new TypeError('mixed needs another optimizer for each part.');
  }

  /** How many steps were made; assigned to all parts. */
  override get iterations(): number {
    return this.parts[0]?.optimizer.iterations ?? 0;
  }

  override set iterations(value: number) {
    for (const { optimizer } of this.parts) (optimizer as { iterations: number }).iterations = value;
  }

  override applyGradients(gradients: NamedTensorMap | NamedTensor[]): void {
    const byPart = this.parts.map((): NamedTensor[] => []);
    for (const { variable, gradient } of namedGradients(gradients)) {
      byPart[this.indexOf(variable)]?.push({ name: variable.name, tensor: gradient });
    }
    this.parts.forEach(({ optimizer }, index) => optimizer.applyGradients(byPart[index] ?? []));
  }

  /** The state of one parameter. Nothing is allocated. */
  slotsFor(parameter: ParameterSpec): Record<string, SlotSpec> {
    return this.parts[this.indexOf(parameter)]?.optimizer.slotsFor?.(parameter) ?? {};
  }

  /** The state of the parts, with the number of the part before each name. */
  override async getWeights(): Promise<NamedTensor[]> {
    const weights = await Promise.all(this.parts.map(({ optimizer }) => optimizer.getWeights()));
    return weights.flatMap((own, index) =>
      own.map(({ name, tensor }) => ({ name: `${index}/${name}`, tensor })),
    );
  }

  /** The state of this moment, as copies that are the caller's; undefined if a part cannot give it at once. */
  snapshot(): NamedTensor[] | undefined {
    if (!this.parts.every(({ optimizer }) => optimizer.snapshot)) return undefined;
    return this.parts.flatMap(({ optimizer }, index) =>
      (optimizer.snapshot?.() ?? []).map(({ name, tensor }) => ({ name: `${index}/${name}`, tensor })),
    );
  }

  /** @throws Error if the state does not fit a part; then all parts are as they were. */
  override async setWeights(weights: NamedTensor[]): Promise<void> {
    const now = await this.getWeights();
    const before = now.map(({ name, tensor }) => ({ name, tensor: tensor.clone() }));
    for (const { name, tensor } of now) if (isCount(name)) tensor.dispose();
    try {
      await this.distribute(weights);
    } catch (error) {
      await this.distribute(before);
      throw error;
    } finally {
      for (const { tensor } of before) tensor.dispose();
    }
  }

  override getConfig(): serialization.ConfigDict {
    return {
      parts: this.parts.map(({ match, optimizer }) => ({
        ...(match !== undefined && { match: encodeRule(match) }),
        optimizer: optimizer.getClassName(),
        config: optimizer.getConfig(),
      })),
    };
  }

  /**
   * A mixed optimizer from what `getConfig` gave; without its state.
   *
   * @throws Error if an optimizer's class is not registered.
   * @nocollapse
   */
  static override fromConfig<T extends serialization.Serializable>(
    cls: serialization.SerializableConstructor<T>,
    config: serialization.ConfigDict,
  ): T {
    const parts = config.parts as { match?: unknown; optimizer: string; config: serialization.ConfigDict }[];
    return new cls(
      parts.map(({ match, optimizer: name, config: own }) => {
        const [type, fromConfig] = serialization.SerializationMap.getMap().classNameMap[name] ?? [];
        if (!type || !fromConfig) throw new Error(`No optimizer is registered as "${name}".`);
        return { ...(match !== undefined && { match: decode(match) }), optimizer: fromConfig(type, own) };
      }),
    );
  }

  override dispose(): void {
    for (const { optimizer } of this.parts) optimizer.dispose();
  }

  private async distribute(weights: readonly NamedTensor[]): Promise<void> {
    for (const [index, { optimizer }] of this.parts.entries()) {
      const prefix = `${index}/`;
      const own = weights.filter(({ name }) => name.startsWith(prefix));
      await optimizer.setWeights(
        own.map(({ name, tensor }) => ({ name: name.slice(prefix.length), tensor })),
      );
    }
  }

  private indexOf(parameter: ParameterSpec): number {
    const index = this.parts.findIndex(({ match }) => match === undefined || matches(match, parameter));
    if (index >= 0) return index;
    throw new Error(`No part of the mixed optimizer takes "${parameter.name}"; give the last part no rule.`);
  }
}
serialization.registerClass(Mixed);

/** A {@link Mixed} optimizer. */
export const mixed = (parts: readonly MixedPart[]): Mixed => new Mixed(parts);
