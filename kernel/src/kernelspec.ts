/**
 * What Jupyter must know to start the kernel. Set-up writes it to `kernel.json`; the tests start the kernel from it.
 *
 * `node kernel/dist/kernelspec.js` prints it for this checkout.
 */
import path from 'node:path';

export interface Kernelspec {
  argv: string[];
  display_name: string;
  language: string;
  interrupt_mode: 'message';
  env: Record<string, string>;
  metadata: Record<string, unknown>;
}

/**
 * @param root Absolute path of the repository; it may contain spaces.
 * @param node Absolute path of the `node` that runs the kernel; default: the one that runs now.
 */
export function kernelspec(root: string, node = process.execPath): Kernelspec {
  return {
    argv: [node, path.join(root, 'kernel', 'dist', 'main.js'), '--config-path', '{connection_file}'],
    display_name: 'TypeScript (liandan)',
    language: 'typescript',
    // A signal cannot reach a thread that listens while a cell keeps the main thread busy; a message can.
    interrupt_mode: 'message',
    env: {
      LIANDAN_ROOT: root,
      TF_CPP_MIN_LOG_LEVEL: '2',
      TF_ENABLE_ONEDNN_OPTS: '0',
      TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    },
    metadata: { debugger: false },
  };
}

if (require.main === module) {
  console.log(JSON.stringify(kernelspec(path.resolve(__dirname, '..', '..')), null, 2));
}
