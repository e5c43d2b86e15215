import { serialization } from '@tensorflow/tfjs-core';
import { Adam, type AdamOptions } from './adam';

/**
 * AdamW: {@link Adam} with decoupled weight decay, 0.01 by default. Everything else is Adam's.
 *
 * When to use it: the reference to which learning rates and decays of the other optimizers are related here.
 *
 * @example
 * const optimizer = adamW({ learningRate: 1e-3, weightDecay: 0.01, excludeFromWeightDecay: /bias/ });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see Loshchilov and Hutter, Decoupled Weight Decay Regularization, https://arxiv.org/abs/1711.05101
 */
export class AdamW extends Adam {
  /** @nocollapse */
  static override readonly className: string = 'AdamW';

  constructor(options: AdamOptions = {}) {
    super(options, 0.01);
  }
}
serialization.registerClass(AdamW);

/** An {@link AdamW} optimizer. */
export const adamW = (options?: AdamOptions): AdamW => new AdamW(options);
