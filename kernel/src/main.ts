import './preload';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { installBridge } from './bridge';
import { Compiler } from './compiler';
import { redirectDescriptors } from './descriptors';
import { ErrorReporter } from './errors';
import { Guard } from './guard';
import { hideInsertions } from './function-text';
import { installInput } from './input';
import { InterruptFlags } from './interrupts';
import { IoChannel } from './io-channel';
import { Kernel } from './kernel';
import { Session } from './session';
import { SourceMaps } from './source-maps';
import { refuseExit } from './refusals';
import { redirectStreams } from './streams';
import { connectTslab } from './tslab';

const [option, connectionFile] = process.argv.slice(2);
if (option !== '--config-path' || connectionFile === undefined) {
  throw new Error(
    'usage: node kernel/dist/main.js --config-path <connection file>. Jupyter starts this program.',
  );
}
const notebookDir = process.cwd();
const root = fs.realpathSync(process.env.LIANDAN_ROOT ?? path.resolve(__dirname, '..', '..'));

const exit = process.exit.bind(process);
const { version: typescriptVersion } = createRequire(__filename)('typescript/package.json') as {
  version: string;
};
const interrupts = new InterruptFlags();
const { port1: editorPort, port2: compilerPort } = new MessageChannel();
const io = new IoChannel(
  { root, connectionFile: path.resolve(connectionFile), typescriptVersion, editorPort },
  interrupts,
);
const compiler = new Compiler(
  { root, interruptMemory: interrupts.memory, editorPort: compilerPort },
  (problem) => {
    fs.writeSync(2, `liandan-kernel: ${problem}\n`);
    exit(1);
  },
);

process.chdir(root);
const sourceMaps = new SourceMaps(root);
sourceMaps.install();
hideInsertions();
const errors = new ErrorReporter(root, sourceMaps);
const guard = new Guard(interrupts);
const session = new Session({ root, compiler, sourceMaps, interrupts, guard, onPackage: connectTslab });
const kernel = new Kernel({
  io,
  session,
  errors,
  interrupts,
  failOnLateErrors: process.env.LIANDAN_CI === '1',
});

installBridge(root, notebookDir, () => kernel.currentCell);
redirectStreams(() => kernel.currentCell?.output);
redirectDescriptors();
installInput(() => kernel.currentCell);
console.clear = () => kernel.currentCell?.output.publish('clear_output', { wait: false });
refuseExit();
process.on('uncaughtException', (error) => kernel.reportUncaught(error));
process.on('unhandledRejection', (error) => kernel.reportUncaught(error));
process.on('SIGINT', () => {
  interrupts.raise();
  kernel.interrupt();
});
