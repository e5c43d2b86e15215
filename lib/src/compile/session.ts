/** A graph loaded into TensorFlow, where its variables live. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nativeBackend, type Binding, type TensorMetadata } from '../runtime/binding';
import { CompileError } from './errors';

/** Frees the sessions of compiled steps that a program let go without disposing them. */
const abandoned = new FinalizationRegistry((free: () => void) => free());

export class Session {
  private readonly binding: Binding = nativeBackend().binding;
  private readonly id: number;
  private isDisposed = false;

  /** @param model The content of a SavedModel file. */
  constructor(model: Buffer) {
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
      throw new CompileError(`The compiled step failed: ${messageOf(error)}`, { cause: error });
    }
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    abandoned.unregister(this);
    this.binding.deleteSavedModel(this.id);
  }
}

/** TensorFlow's message without what only its own developers can use. */
function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .replace(/^(Session fail to run with error|Failed to load SavedModel): /, '')
    .replace(/\{\{function_node [^}]*\}\}\s*/g, '')
    .replace(/\{\{node ([^}]*)\}\}/g, '$1')
    .trim();
}
