import './preload';
import fs from 'node:fs';
import path from 'node:path';
import { installBridge } from './bridge';
import { Compiler } from './compiler';
import { ErrorReporter } from './errors';
import { InterruptCounter } from './interrupts';
import { IoChannel } from './io-channel';
import { Kernel } from './kernel';
import { Session } from './session';
import { SourceMaps } from './source-maps';
import { refuseExit, refuseInput } from './refusals';
import { redirectStreams } from './streams';

const [option, connectionFile] = process.argv.slice(2);
if (option !== '--config-path' || connectionFile === undefined) {
  throw new Error(
    'usage: node kernel/dist/main.js --config-path <connection file>. Jupyter starts this program.',
  );
}
const notebookDir = process.cwd();
const root = fs.realpathSync(process.env.LIANDAN_ROOT ?? path.resolve(__dirname, '..', '..'));

const interrupts = new InterruptCounter();
const io = new IoChannel({
  connectionFile: path.resolve(connectionFile),
  interruptMemory: interrupts.memory,
});

process.chdir(root);
const sourceMaps = new SourceMaps(root);
sourceMaps.install();
const errors = new ErrorReporter(root, sourceMaps);
const session = new Session(root, new Compiler(root), sourceMaps);
const kernel = new Kernel({
  io,
  session,
  errors,
  interrupts,
  failOnLateErrors: process.env.LIANDAN_CI === '1',
});

installBridge(root, notebookDir, () => kernel.currentCell);
redirectStreams(() => kernel.currentCell?.output);
refuseInput();
refuseExit();
process.on('uncaughtException', (error) => kernel.reportUncaught(error));
process.on('unhandledRejection', (error) => kernel.reportUncaught(error));
process.on('SIGINT', () => {
  interrupts.raise();
  kernel.interrupt();
});
