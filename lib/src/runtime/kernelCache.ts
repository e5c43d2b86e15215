import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isRunning } from './isRunning';

const OWN = /^process-(\d+)$/;

/**
 * Where TensorFlow finds the elementwise kernels for a GPU that earlier processes have compiled, and keeps those that it
 * compiles itself: a folder of this process. TensorFlow writes kernels in place and ends when it reads one that is not whole,
 * as one is that another process is writing, or was when it was killed; so kernels are shared when the process is done.
 *
 * They belong to a version of TensorFlow and to a model of GPU, and it does not tell them apart by these: so they lie beside
 * the libraries, with which they go, and each model has its own.
 *
 * @param tensorflow The folder of TensorFlow in a checkout that is set up.
 * @param driver Where the driver describes its GPUs.
 * @returns Undefined where there is no such folder, no driver that names a model, or nothing can be written.
 */
export function openKernelCache(tensorflow: string, driver = '/proc/driver/nvidia'): string | undefined {
  if (!existsSync(tensorflow)) return undefined;
  try {
    const models = gpuModels(join(driver, 'gpus'));
    if (models.length === 0) return undefined;
    const shared = join(tensorflow, 'kernels', models.join('+').replace(/\W+/g, '-'));
    const own = join(shared, `process-${process.pid}`);
    mkdirSync(own, { recursive: true });
    for (const name of readdirSync(shared)) {
      const owner = OWN.exec(name)?.[1];
      if (owner === undefined) link(join(shared, name), join(own, name));
      else if (!isRunning(Number(owner))) rmSync(join(shared, name), { recursive: true, force: true });
    }
    process.on('exit', () => {
      if (!existsSync(own)) return;
      for (const name of readdirSync(own)) link(join(own, name), join(shared, name));
      rmSync(own, { recursive: true, force: true });
    });
    return own;
  } catch {
    // TensorFlow compiles them again.
    return undefined;
  }
}

/** Whether this is what {@link openKernelCache} gave to a process, perhaps to the one that started this one. */
export function isKernelCache(folder: string): boolean {
  return OWN.test(basename(folder));
}

function gpuModels(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const texts = readdirSync(folder).map((gpu) => readFileSync(join(folder, gpu, 'information'), 'utf8'));
  return [...new Set(texts.flatMap((text) => /^Model:\s*(.+?)\s*$/m.exec(text)?.[1] ?? []))].sort();
}

function link(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    // Another process was first, or the file system has no links: then TensorFlow compiles it again.
  }
}
