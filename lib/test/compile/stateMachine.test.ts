/** Random sequences of what one may do with compiled steps and variables, against a model in plain numbers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tf } from '../../src/runtime';
import { compileOn, isClose, paths, type Compiled, type Path, type Result, type Step } from './paths';
import {
  initially,
  meanings,
  stepNames,
  table,
  trainedNames,
  vectorNames,
  wholeNames,
  type Numbers,
  type StepName,
  type Vector,
  type VectorName,
  type WholeName,
} from './stateMachineModel';
import { Tensors, withoutInputs, withoutXla } from './stateMachineSteps';

type OptimizerName = 'adam' | 'sgd';

/** One action. `which` picks one of the tensors that were kept, `keeps` keeps the results instead of comparing them. */
type Action =
  | { do: 'step'; step: StepName; x: Vector; keeps: boolean }
  | { do: 'loop'; step: StepName; rows: Vector[] }
  | { do: 'step in a tidy'; step: StepName; x: Vector }
  | { do: 'step on a variable'; step: StepName; from: WholeName }
  | { do: 'step on a kept tensor'; step: StepName; which: number }
  | { do: 'assign'; to: VectorName; x: Vector }
  | { do: 'assign a variable'; to: VectorName; from: WholeName }
  | { do: 'assign a kept tensor'; to: VectorName; which: number }
  | { do: 'clone'; from: VectorName }
  | { do: 'read'; from: VectorName }
  | { do: 'read a kept tensor'; which: number }
  | { do: 'dispose a kept tensor'; which: number }
  | { do: 'dispose the compiled step'; step: StepName }
  | { do: 'compile again'; step: StepName }
  | { do: 'fail while tracing'; step: StepName; x: Vector }
  | { do: 'fail in an operation'; rows: Vector[]; loops: boolean }
  | { do: 'fail by an index'; rows: Vector[]; loops: boolean }
  | { do: 'set the learning rate'; optimizer: OptimizerName; rate: number }
  | { do: 'save the state'; optimizer: OptimizerName }
  | { do: 'load the state'; optimizer: OptimizerName }
  | { do: 'forget the state'; optimizer: OptimizerName };

interface Kept {
  readonly tensor: tf.Tensor;
  readonly numbers: Vector;
  readonly isTrained: boolean;
}

/** What an optimizer knew, as tensors and as numbers. */
interface Saved {
  readonly weights: { name: string; tensor: tf.Tensor }[];
  readonly numbers: Partial<Numbers>;
}

const TOLERANCE = 1e-3;

class Run {
  private readonly tensors = new Tensors();
  private readonly numbers = initially();
  private readonly compiled = new Map<StepName, Compiled>();
  private readonly kept: Kept[] = [];
  private readonly saved = new Map<OptimizerName, Saved>();

  /** @param path `eager` shows that the model means what eager code does. */
  constructor(private readonly path: Path | 'eager') {}

  async act(action: Action): Promise<void> {
    const { tensors, numbers } = this;
    const { vectors } = tensors;
    switch (action.do) {
      case 'step': {
        const x = tf.tensor1d([...action.x]);
        this.compare(
          this.call(action.step, x),
          this.mean(action.step, action.x),
          action.keeps ? action.step : undefined,
        );
        return x.dispose();
      }
      case 'loop':
        return this.loop(action.step, action.rows);
      case 'step in a tidy':
        tf.tidy(() => void this.call(action.step, tf.tensor1d([...action.x])));
        return void this.mean(action.step, action.x);
      case 'step on a variable': {
        const results = this.call(action.step, vectors[action.from]);
        return this.compare(results, this.mean(action.step, numbers.vectors[action.from]));
      }
      case 'step on a kept tensor': {
        const kept = this.keptAt(action.which);
        if (!kept || kept.isTrained) return;
        return this.compare(this.call(action.step, kept.tensor), this.mean(action.step, kept.numbers));
      }
      case 'assign': {
        const x = tf.tensor1d([...action.x]);
        vectors[action.to].assign(x);
        x.dispose();
        numbers.vectors[action.to] = action.x;
        return;
      }
      case 'assign a variable':
        if (action.from === action.to) return;
        vectors[action.to].assign(vectors[action.from]);
        numbers.vectors[action.to] = numbers.vectors[action.from];
        return;
      case 'assign a kept tensor': {
        const kept = this.keptAt(action.which);
        if (!kept || (kept.isTrained && !isTrained(action.to))) return;
        vectors[action.to].assign(kept.tensor);
        numbers.vectors[action.to] = kept.numbers;
        return;
      }
      case 'clone':
        this.kept.push({
          tensor: vectors[action.from].clone(),
          numbers: numbers.vectors[action.from],
          isTrained: isTrained(action.from),
        });
        return;
      case 'read':
        return expectNumbers(vectors[action.from], numbers.vectors[action.from], action.from);
      case 'read a kept tensor': {
        const kept = this.keptAt(action.which);
        if (kept) expectNumbers(kept.tensor, kept.numbers, 'the kept tensor');
        return;
      }
      case 'dispose a kept tensor': {
        const kept = this.keptAt(action.which);
        if (!kept) return;
        kept.tensor.dispose();
        this.kept.splice(this.kept.indexOf(kept), 1);
        return;
      }
      case 'dispose the compiled step':
        return this.compiled.get(action.step)?.dispose();
      case 'compile again':
        return void this.compiled.delete(action.step);
      case 'fail while tracing':
        return this.failWhileTracing(action.step, action.x);
      case 'fail in an operation':
        return this.fail('checked', action.rows, [1, -1], action.loops);
      case 'fail by an index':
        return this.fail('indexed', action.rows, [table.length], action.loops);
      case 'set the learning rate':
        tensors[action.optimizer].setLearningRate(action.rate);
        numbers[`${action.optimizer}Rate`] = action.rate;
        return;
      case 'save the state':
        return this.save(action.optimizer);
      case 'load the state':
        return this.load(action.optimizer);
      case 'forget the state':
        return this.forget(action.optimizer);
    }
  }

  /** All variables and counters against the model. */
  compareAll(): void {
    const { tensors, numbers } = this;
    for (const name of vectorNames) expectNumbers(tensors.vectors[name], numbers.vectors[name], name);
    expectNumbers(tensors.bestScore, [numbers.bestScore], 'bestScore');
    expectNumbers(tensors.position, [numbers.position], 'position');
    expectNumbers(tensors.count, [numbers.count], 'count');
    expect(tensors.adam.iterations, 'iterations of Adam').toBe(numbers.adamSteps);
    expect(tensors.sgd.iterations, 'iterations of SGD').toBe(numbers.sgdSteps);
    for (const { tensor, numbers: kept } of this.kept) expectNumbers(tensor, kept, 'a kept tensor');
  }

  dispose(): void {
    this.tensors.dispose();
    for (const step of this.compiled.values()) step.dispose();
    tf.dispose(this.kept.map(({ tensor }) => tensor));
    for (const { weights } of this.saved.values()) tf.dispose(weights.map(({ tensor }) => tensor));
  }

  private keptAt(which: number): Kept | undefined {
    return this.kept[which % Math.max(1, this.kept.length)];
  }

  private mean(step: StepName, x: Vector): Vector[] {
    return meanings[step](this.numbers, x);
  }

  private call(name: StepName, x: tf.Tensor): tf.Tensor[] {
    const inputs = withoutInputs.has(name) ? [] : [x];
    return this.path === 'eager'
      ? inEagerCode(this.tensors.steps[name], inputs)
      : this.compile(name).call(...inputs);
  }

  private compile(name: StepName): Compiled {
    const known = this.compiled.get(name);
    if (known) return known;
    const compiled = compileOn(this.pathFor(withoutXla.has(name)), this.tensors.steps[name]);
    this.compiled.set(name, compiled);
    return compiled;
  }

  private pathFor(isWithoutXla: boolean): Path {
    if (this.path === 'eager') throw new Error('Eager code is not compiled.');
    return this.path.startsWith('XLA') && isWithoutXla ? 'default' : this.path;
  }

  /** @param keptOf Keeps the results of this step, to read them later, instead of comparing them now. */
  private compare(results: readonly tf.Tensor[], wanted: readonly Vector[], keptOf?: StepName): void {
    results.forEach((tensor, i) => {
      if (keptOf && tensor.size === 2) {
        this.kept.push({ tensor, numbers: wanted[i]!, isTrained: keptOf === 'read' && i === 3 });
      } else {
        expectNumbers(tensor, wanted[i]!, `result ${i}`);
        tensor.dispose();
      }
    });
  }

  private loop(name: StepName, rows: readonly Vector[]): void {
    if (this.path === 'eager') return;
    const stacked = tf.tensor2d(rows.map((row) => [...row]));
    const results = this.compile(name).loop(withoutInputs.has(name) ? rows.length : [stacked]);
    stacked.dispose();
    const wanted = rows.map((x) => this.mean(name, x));
    results.forEach((tensor, i) => {
      expectNumbers(
        tensor,
        wanted.flatMap((of) => of[i]!),
        `result ${i} of the loop`,
      );
      tensor.dispose();
    });
  }

  private failWhileTracing(name: StepName, values: Vector): void {
    if (this.path === 'eager') return;
    const x = tf.tensor1d([...values]);
    const step: Step = (input) => {
      this.tensors.steps[name](input);
      throw new Error('boom');
    };
    const compiled = compileOn(this.pathFor(withoutXla.has(name)), step);
    expect(() => compiled.call(x)).toThrow('boom');
    compiled.dispose();
    x.dispose();
  }

  /** Good rows, which count as steps unless they are part of the loop that fails, then the bad one. */
  private fail(name: 'checked' | 'indexed', rows: readonly Vector[], bad: Vector, loops: boolean): void {
    if (this.path === 'eager') return;
    const step = this.compile(name);
    const tensors = [...rows, bad].map((row) =>
      tf.tensor1d([...row], name === 'indexed' ? 'int32' : 'float32'),
    );
    const stacked = tf.stack(tensors);
    if (loops) {
      expect(() => step.loop([stacked])).toThrow();
    } else {
      rows.forEach((row, i) => this.compare(step.call(tensors[i]!), this.mean(name, row)));
      expect(() => step.call(tensors.at(-1)!)).toThrow();
    }
    tf.dispose([stacked, tensors]);
  }

  private async save(name: OptimizerName): Promise<void> {
    const { numbers } = this;
    if (name === 'adam' ? !numbers.adam : !numbers.momentum) return;
    const weights = await this.tensors[name].getWeights();
    const numbersOf =
      name === 'adam'
        ? { adam: numbers.adam, adamSteps: numbers.adamSteps }
        : { momentum: numbers.momentum, sgdSteps: numbers.sgdSteps };
    const old = this.saved.get(name);
    this.saved.set(name, {
      weights: weights.map(({ name: of, tensor }) => ({ name: of, tensor: tensor.clone() })),
      numbers: numbersOf,
    });
    tf.dispose([old?.weights.map(({ tensor }) => tensor) ?? [], weights[0]!.tensor]);
    const moments = numbers.adam;
    const wanted = name === 'adam' ? [moments!.first, moments!.second] : [numbers.momentum!];
    weights.slice(1).forEach(({ name: of, tensor }, i) => expectNumbers(tensor, wanted[i]!, of));
  }

  private async load(name: OptimizerName): Promise<void> {
    const saved = this.saved.get(name);
    if (!saved) return;
    await this.tensors[name].setWeights(saved.weights);
    Object.assign(this.numbers, saved.numbers);
  }

  /** Afterwards the step has to be compiled again, because its variables are gone. */
  private forget(name: OptimizerName): void {
    const { tensors, numbers } = this;
    const step = name === 'adam' ? 'trainAdam' : 'trainSgd';
    tensors[name].dispose();
    this.compiled.get(step)?.dispose();
    numbers[`${name}Steps`] = 0;
    if (name === 'adam') numbers.adam = undefined;
    else numbers.momentum = undefined;
  }
}

/** As a compiled step does: an input is the value at the call, also of a variable; results may be disposed. */
function inEagerCode(step: Step, inputs: readonly tf.Tensor[]): tf.Tensor[] {
  return tf.tidy(() => {
    const result: Result = step(...inputs.map((input) => input.clone()));
    const results = !result ? [] : result instanceof tf.Tensor ? [result] : [...result];
    return results.map((tensor) => tensor.clone());
  });
}

const isTrained = (name: VectorName): boolean => (trainedNames as readonly string[]).includes(name);

function expectNumbers(tensor: tf.Tensor, wanted: Vector, what: string): void {
  const numbers = Array.from(tensor.dataSync());
  const isRight =
    numbers.length === wanted.length && numbers.every((x, i) => isClose(x, wanted[i]!, TOLERANCE));
  if (!isRight) expect(numbers, what).toEqual(wanted);
}

const step = fc.constantFrom(...stepNames);
const vector = fc.constantFrom(...vectorNames);
const whole = fc.constantFrom(...wholeNames);
const x = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }));
const which = fc.nat(6);
const optimizer = fc.constantFrom<OptimizerName>('adam', 'sgd');
const rows = fc.array(x, { maxLength: 2 });
const indices = fc.array(fc.tuple(fc.nat(2)), { maxLength: 2 });
const rate = fc.constantFrom(0.0625, 0.03125, 0.125);
const kind = fc.constant.bind(fc);

const of = <T extends Action>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });

// What compiles anew is rarer, because it takes a hundred times as long as the rest.
const actions: fc.Arbitrary<Action> = fc.oneof(
  of(16, fc.record({ do: kind('step' as const), step, x, keeps: fc.boolean() })),
  of(8, fc.record({ do: kind('loop' as const), step, rows: fc.array(x, { minLength: 2, maxLength: 3 }) })),
  of(2, fc.record({ do: kind('step in a tidy' as const), step, x })),
  of(2, fc.record({ do: kind('step on a variable' as const), step, from: whole })),
  of(2, fc.record({ do: kind('step on a kept tensor' as const), step, which })),
  of(4, fc.record({ do: kind('assign' as const), to: vector, x })),
  of(4, fc.record({ do: kind('assign a variable' as const), to: vector, from: whole })),
  of(2, fc.record({ do: kind('assign a kept tensor' as const), to: vector, which })),
  of(2, fc.record({ do: kind('clone' as const), from: vector })),
  of(4, fc.record({ do: kind('read' as const), from: vector })),
  of(2, fc.record({ do: kind('read a kept tensor' as const), which })),
  of(4, fc.record({ do: kind('dispose a kept tensor' as const), which })),
  of(2, fc.record({ do: kind('fail in an operation' as const), rows, loops: fc.boolean() })),
  of(2, fc.record({ do: kind('fail by an index' as const), rows: indices, loops: fc.boolean() })),
  of(2, fc.record({ do: kind('set the learning rate' as const), optimizer, rate })),
  of(2, fc.record({ do: kind('save the state' as const), optimizer })),
  of(3, fc.record({ do: kind('load the state' as const), optimizer })),
  of(1, fc.record({ do: kind('forget the state' as const), optimizer })),
  of(1, fc.record({ do: kind('dispose the compiled step' as const), step })),
  of(1, fc.record({ do: kind('compile again' as const), step })),
  of(1, fc.record({ do: kind('fail while tracing' as const), step, x })),
);

/** A sequence of actions, after each of which everything is read or nothing is. */
const sequences = fc.record({
  reads: fc.boolean(),
  actions: fc.noBias(fc.array(actions, { minLength: 1, maxLength: 1600, size: 'max' })),
});

const SEQUENCES = 10;

describe('compiled steps and variables, in any order', () => {
  it.each(['eager' as const, ...paths])(
    '%s: thousands of random actions leave what the model says',
    { timeout: 600_000 },
    async (path) => {
      let count = 0;
      const property = fc.asyncProperty(sequences, async ({ reads, actions: sequence }) => {
        const before = tf.memory().numTensors;
        const run = new Run(path);
        try {
          for (const action of sequence) {
            await run.act(action);
            if (reads) run.compareAll();
            count += 1;
          }
          run.compareAll();
        } finally {
          run.dispose();
        }
        expect(tf.memory().numTensors, 'tensors').toBe(before);
      });
      await fc.assert(property, { numRuns: SEQUENCES, seed: 12 });
      expect(count).toBeGreaterThan(5000);
    },
  );
});
