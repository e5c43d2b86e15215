/**
 * The one place that loads TensorFlow.js with its native binding. Import `tf` from here (or from `liandan`)
 * and never from the package directly: whoever loads it first decides its environment.
 */
import './environment';
import * as tf from '@tensorflow/tfjs-node-gpu';
import type { Backend } from './binding';
import { handOverCopies } from './handover';

handOverCopies(tf.findBackend('tensorflow') as unknown as Backend);

export { tf };
