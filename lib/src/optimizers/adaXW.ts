import { serialization } from '@tensorflow/tfjs-core';
import { AdaX, type AdaXOptions } from './adaX';

/**
 * AdaX-W: {@link AdaX} with decoupled weight decay, with the defaults of its authors: learningRate 5e-3, weightDecay
 * 0.05, epsilon 1e-12.
 *
 * When to use it: as AdaX; the product of learning rate and decay is 25 times that of AdamW's defaults.
 *
 * @example
 * const optimizer = adaXW({ learningRate: 5e-3, weightDecay: 0.05 });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see https://arxiv.org/abs/2004.09740
 */
export class AdaXW extends AdaX {
  /** @nocollapse */
  static override readonly className: string = 'AdaXW';

  constructor(options: AdaXOptions = {}) {
    super(options, { learningRate: 5e-3, epsilon: 1e-12, weightDecay: 0.05 });
  }
}
serialization.registerClass(AdaXW);

/** An {@link AdaXW} optimizer. */
export const adaXW = (options?: AdaXOptions): AdaXW => new AdaXW(options);
