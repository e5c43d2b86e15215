/** A graph loaded into TensorFlow, where its variables live. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nativeBackend, type Binding, type TensorMetadata } from '../../runtime/binding';
import { CompileError } from '../ir/errors';

/** Frees the sessions of compiled steps that a program let go without disposing them. */
const abandoned = new FinalizationRegistry((free: () => void) => free());

/**
 * Sessions that nobody uses, by the graph that they were made of, the latest last: a training run after another, with
 * other seeds or learning rates, has the same graph, and XLA takes seconds to compile it.
 */
const idle = new Map<string, Session>();
const MOST_IDLE = 16;

export class Session {
  /**
   * A session for this graph: an idle one, or else a new one.
   *
   * @param model The content of a SavedModel file.
   */
  static open(model: Buffer): Session {
    const key = createHash('sha256').update(model).digest('base64');
    const session = idle.get(key) ?? new Session(model, key);
    idle.delete(key);
    return session;
  }

  private readonly binding: Binding = nativeBackend().binding;
  private readonly id: number;
  private isDisposed = false;
  private hasFailed = false;

  private constructor(
    model: Buffer,
    private readonly key: string,
  ) {
    const directory = mkdtempSync(join(tmpdir(), 'liandan-'));
    try {
      writeFileSync(join(directory, 'saved_model.pb'), model);
      this.id = this.binding.loadSavedModel(directory, 'serve');
    } catch (error) {
      throw new CompileError(`TensorFlow does not accept the compiled graph: ${messageOf(error)}`, {
        cause: error,
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
    const { binding, id } = this;
    abandoned.register(this, () => binding.deleteSavedModel(id), this);
  }

  /**
   * Runs the graph.
   *
   * @param inputs Native handles of the values to feed.
   * @param feeds Names of the nodes that take them, separated by commas.
   * @param fetches Names of the outputs to compute, separated by commas.
   * @throws CompileError with TensorFlow's message.
   */
  run(inputs: number[], feeds: string, fetches: string): TensorMetadata[] {
    try {
      return this.binding.runSavedModel(this.id, inputs, feeds, fetches);
    } catch (error) {
      this.hasFailed = true;
      throw new CompileError(`The compiled step failed: ${messageOf(error)}`, { cause: error });
    }
  }

  /**
   * Lets another step with the same graph use the session.
   *
   * @param clear Name of the output that frees what the session holds.
   */
  park(clear: string): void {
    if (this.hasFailed || this.isDisposed) return this.dispose();
    if (clear) for (const { id } of this.run([], '', clear)) this.binding.deleteTensor(id);
    idle.get(this.key)?.dispose();
    idle.delete(this.key);
    idle.set(this.key, this);
    if (idle.size > MOST_IDLE) {
      const [oldest] = idle;
      oldest![1].dispose();
      idle.delete(oldest![0]);
    }
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    abandoned.unregister(this);
    this.binding.deleteSavedModel(this.id);
  }
}

/** TensorFlow's message without what only its own developers can use: names of functions and nodes, places in its files. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const missing = [...text.matchAll(/No registered '(\w+)' OpKernel for XLA/g)].map(
    ([, operation]) => operation,
  );
  if (missing.length > 0) return `XLA has no kernel for ${[...new Set(missing)].join(', ')}`;
  return text
    .replace(/^(Session fail to run with error|Failed to load SavedModel): /, '')
    .replace(/\{\{function_node [^}]*\}\}\s*/g, '')
    .replace(/\{\{node ([^}]*)\}\}/g, '$1')
    .replace(/\s*\[Op:\w*\]/g, '')
    .split('\n')
    .filter((line) => !INTERNAL.test(line))
    .join('\n')
    .trim();
}

const INTERNAL =
  /^\s*(\[\[.*\]\]|The op is created at:?|dummy_file_name:.*|tf2xla conversion failed.*|Error thrown while.*|\t.*TF_DUMP_GRAPH_PREFIX.*)?\s*$/;
