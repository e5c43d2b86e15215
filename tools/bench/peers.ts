/** PyTorch, TensorFlow and JAX in processes of their own, in which they take the same steps. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { tf } from 'liandan';
import type { Workload } from './workloads';

/** What a peer says about itself when it starts. */
export interface PeerDescription {
  readonly name: string;
  readonly version: string;
  readonly threads: number;
}

interface Answer {
  readonly startMs?: number;
  readonly stepsPerCall?: number;
  readonly ms?: number;
  readonly loss?: number;
  readonly error?: string;
}

/** A Python process that takes the steps of one workload in one mode. */
export class Peer {
  private readonly process: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor(python: string, script: string) {
    // The library chose TensorFlow's settings for its own process; the peers run as they come, on a GPU in full float32 too.
    const environment = { ...process.env };
    delete environment.TF_ENABLE_ONEDNN_OPTS;
    const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'ignore'], env: environment });
    this.process = child;
    this.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Must be called first. */
  async describe(): Promise<PeerDescription> {
    return (await this.answer()) as unknown as PeerDescription;
  }

  /** Builds the model and takes the first step; gives the milliseconds that took, and how many steps a call always takes. */
  async prepare(
    folder: string,
    workload: string,
    optimizer: string,
    mode: string,
  ): Promise<{ startMs: number; stepsPerCall: number }> {
    const { startMs, stepsPerCall } = await this.ask({ prepare: folder, workload, optimizer, mode });
    return { startMs: startMs!, stepsPerCall: stepsPerCall! };
  }

  async run(steps: number): Promise<{ ms: number; loss: number }> {
    const { ms, loss } = await this.ask({ run: steps });
    return { ms: ms!, loss: loss! };
  }

  close(): void {
    this.process.kill();
  }

  private async ask(request: object): Promise<Answer> {
    this.process.stdin!.write(`${JSON.stringify(request)}\n`);
    const answer = await this.answer();
    if (answer.error) throw new Error(answer.error);
    return answer;
  }

  private async answer(): Promise<Answer> {
    for (;;) {
      const line = (await this.lines.next()) as IteratorResult<string, undefined>;
      if (line.done) throw new Error('The process of a peer ended.');
      // Compilers that run in the background may print too.
      if (line.value.startsWith('{')) return JSON.parse(line.value) as Answer;
    }
  }
}

/** Hands the numbers of a workload to `use` in files that the peers read. */
export async function exported<T>(workload: Workload, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'liandan-bench-'));
  const parts: Buffer[] = [];
  let offset = 0;
  const entries = (tensors: Readonly<Record<string, tf.Tensor>>) =>
    Object.entries(tensors).map(([name, tensor]) => {
      const values = tensor.dataSync();
      const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
      const entry = { name, shape: tensor.shape, dtype: tensor.dtype, offset, bytes: bytes.length };
      offset += bytes.length;
      parts.push(bytes);
      return entry;
    });
  try {
    const manifest = { weights: entries(workload.weights), data: entries(workload.data) };
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
    writeFileSync(join(folder, 'values.bin'), Buffer.concat(parts));
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
