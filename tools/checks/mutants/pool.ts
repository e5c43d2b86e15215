import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { kernelEnvironment, type Job, type Outcome } from './worker';

/** Runs of one process; then another takes over, because programs leave tensors behind. */
const JOBS_OF_ONE_PROCESS = 25;

/** Processes that run programs side by side, each with one thread for TensorFlow. */
export class Pool {
  private readonly idle: Worker[] = [];
  private readonly queue: (() => void)[] = [];
  private running = 0;
  private readonly environment: Record<string, string>;

  /**
   * @param size how many programs run at once
   * @param limit seconds after which a program is given up
   */
  constructor(
    private readonly root: string,
    private readonly size: number,
    private readonly limit: number,
  ) {
    this.environment = kernelEnvironment(root);
  }

  /** Runs a program; one with a replaced file gets a process of its own. */
  async run(job: Omit<Job, 'root'>): Promise<Outcome> {
    while (this.running >= this.size) await new Promise<void>((resolve) => this.queue.push(resolve));
    this.running += 1;
    const idle = this.idle.pop();
    // A process that waits would be one too many.
    if (job.replacement) idle?.end();
    const worker = (!job.replacement && idle) || new Worker(this.root, this.environment);
    try {
      const outcome = await worker.run({ root: this.root, ...job }, this.limit);
      if (job.replacement || outcome.error || worker.jobs >= JOBS_OF_ONE_PROCESS) worker.end();
      else this.idle.push(worker);
      return outcome;
    } finally {
      this.running -= 1;
      this.queue.shift()?.();
    }
  }

  end(): void {
    for (const worker of this.idle.splice(0)) worker.end();
  }
}

class Worker {
  jobs = 0;
  private readonly process: ChildProcess;
  private said = '';

  constructor(root: string, environment: Record<string, string>) {
    this.process = fork(join(root, 'tools', 'dist', 'checks', 'mutants', 'worker.js'), {
      cwd: root,
      execArgv: ['--require', join(root, 'kernel', 'dist', 'preload.js')],
      env: {
        ...process.env,
        ...environment,
        LIANDAN_CI: '1',
        LIANDAN_PROFILE: 'lesson',
        TF_NUM_INTRAOP_THREADS: '1',
        TF_NUM_INTEROP_THREADS: '1',
        OMP_NUM_THREADS: '1',
      },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.said = (this.said + text).slice(-2000);
    });
  }

  run(job: Job, limit: number): Promise<Outcome> {
    this.jobs += 1;
    return new Promise((resolve) => {
      const settle = (outcome: Outcome) => {
        clearTimeout(timer);
        this.process.removeAllListeners();
        resolve(outcome);
      };
      const fail = (name: string, message: string) => {
        this.end();
        settle({ checks: [], error: { name, message, cell: 0 }, seconds: 0 });
      };
      const timer = setTimeout(() => fail('timeout', `no end within ${limit} s`), limit * 1000);
      this.process.once('message', (outcome) => settle(outcome as Outcome));
      this.process.once('error', (error) => fail('process', error.message));
      this.process.once('exit', (code, signal) =>
        fail('process', `it ended with ${signal ?? `code ${code}`}; ${this.said.trim()}`),
      );
      this.process.send(job);
    });
  }

  end(): void {
    this.process.removeAllListeners();
    this.process.kill('SIGKILL');
  }
}
