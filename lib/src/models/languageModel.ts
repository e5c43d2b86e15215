import { random, tf, type Random } from '../runtime';
import { uniqueModelName, type Model } from './model';

export interface LanguageModelOptions {
  /** Number of token ids. */
  readonly vocabulary: number;
  /** Tokens that it can look back to, itself included. */
  readonly context: number;
  /** Width of the stream; a multiple of the number of heads. Default 64. */
  readonly width?: number;
  /** Default 2. */
  readonly layers?: number;
  /** Default 4. */
  readonly heads?: number;
  /** Seed of the initial weights; default 0. */
  readonly seed?: number;
  /** Prefix of the parameters' names; default `'lm'`. */
  readonly name?: string;
}

/**
 * A Transformer that predicts the next token from those before it: normalisation before each branch, ReLU, feed-forward of
 * four times the width, learned positions; the embeddings are the output matrix too.
 *
 * The embeddings start normally distributed with variance 1 / width, kernels with 1 / fan-in and those that end a branch
 * with 1 / (2 · layers · fan-in), so that the stream does not grow with the depth.
 *
 * @returns A model from token ids, int32 [batch, length], to logits [batch · length, vocabulary], the rows in the order of the
 *   tokens: what `crossEntropy` takes, with the next tokens as one vector of labels.
 * @throws RangeError if the width is not a multiple of the number of heads, or a text is longer than the context.
 *
 * @example
 * const model = languageModel({ vocabulary: 80, context: 64 });
 * const loss = crossEntropy(model.apply(tokens), nextTokens.reshape([-1]));
 *
 * @see Radford et al. (2019), Language models are unsupervised multitask learners.
 */
export function languageModel(options: LanguageModelOptions): Model {
  const { vocabulary, context, width = 64, layers = 2, heads = 4, seed = 0 } = options;
  if (!Number.isInteger(width / heads)) {
    throw new RangeError(`The width must be a multiple of the number of heads, got ${width} and ${heads}.`);
  }
  const name = uniqueModelName(options.name ?? 'lm');
  const stream = random(seed);
  const parameters: tf.Variable[] = [];
  const parameter = (label: string, initial: () => tf.Tensor): tf.Variable => {
    const variable = tf.tidy(() => tf.variable(initial(), true, `${name}/${label}`));
    parameters.push(variable);
    return variable;
  };
  const embedding = (label: string, rows: number) =>
    parameter(`${label}/embeddings`, () =>
      stream.normal([rows, width], { standardDeviation: 1 / Math.sqrt(width) }),
    );
  const [tokenEmbeddings, positions] = [embedding('token', vocabulary), embedding('position', context)];
  const blocks = Array.from({ length: layers }, (_, index) =>
    block(`layer_${index + 1}`, { width, heads, layers, stream, parameter }),
  );
  const normalise = normalisation('final', width, parameter);
  return {
    name,
    parameters,
    apply: (tokens) =>
      tf.tidy(() => {
        const [batch, length] = tokens.shape as [number, number];
        if (length > context) {
          throw new RangeError(`The texts have ${length} tokens, but the context is ${context}.`);
        }
        const embedded = tf.add<tf.Tensor3D>(
          tf.gather(tokenEmbeddings, tokens),
          positions.slice([0], [length]),
        );
        const state = blocks.reduce((x, apply) => apply(x), embedded);
        const rows = normalise(state).reshape<tf.Tensor2D>([batch * length, width]);
        return tf.matMul(rows, tokenEmbeddings, false, true);
      }),
    dispose: () => tf.dispose(parameters),
  };
}

type Layer = (x: tf.Tensor3D) => tf.Tensor3D;
type Parameter = (label: string, initial: () => tf.Tensor) => tf.Variable;
interface BlockOptions {
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
  readonly stream: Random;
  readonly parameter: Parameter;
}

function block(label: string, { width, heads, layers, stream, parameter }: BlockOptions): Layer {
  const dense = (part: string, fanIn: number, fanOut: number, gain = 1): Layer => {
    const standardDeviation = Math.sqrt(gain / fanIn);
    const kernel = parameter(`${label}/${part}/kernel`, () =>
      stream.normal([fanIn, fanOut], { standardDeviation }),
    );
    const bias = parameter(`${label}/${part}/bias`, () => tf.zeros([fanOut]));
    return (x) => {
      const [batch, length] = x.shape;
      const products = tf.matMul(x.reshape([batch * length, fanIn]), kernel);
      return tf.add(products, bias).reshape([batch, length, fanOut]);
    };
  };
  const beforeAttention = normalisation(`${label}/attention`, width, parameter);
  const [query, key, value] = (['query', 'key', 'value'] as const).map((part) =>
    dense(`attention/${part}`, width, width),
  ) as [Layer, Layer, Layer];
  const output = dense('attention/output', width, width, 1 / (2 * layers));
  const beforeFeedForward = normalisation(`${label}/feed_forward`, width, parameter);
  const up = dense('feed_forward/up', width, 4 * width);
  const down = dense('feed_forward/down', 4 * width, width, 1 / (2 * layers));

  const attend: Layer = (x) => {
    const [batch, length] = x.shape;
    const split = (y: tf.Tensor3D): tf.Tensor4D =>
      tf.transpose(y.reshape<tf.Tensor4D>([batch, length, heads, width / heads]), [0, 2, 1, 3]);
    const scores = tf.mul(
      tf.matMul(split(query(x)), split(key(x)), false, true),
      1 / Math.sqrt(width / heads),
    );
    const mixed = tf.matMul(tf.softmax(tf.add(scores, causalMask(length))), split(value(x)));
    return output(tf.transpose(mixed, [0, 2, 1, 3]).reshape([batch, length, width]));
  };
  return (x) => {
    const attended = tf.add<tf.Tensor3D>(x, attend(beforeAttention(x)));
    return tf.add(attended, down(tf.relu(up(beforeFeedForward(attended)))));
  };
}

/** 0 where a position (row) may look, a large negative number at the positions after it. */
function causalMask(length: number): tf.Tensor2D {
  const later = Array.from({ length: length ** 2 }, (_, k) =>
    k % length > Math.floor(k / length) ? -1e9 : 0,
  );
  return tf.tensor2d(later, [length, length]);
}

function normalisation(label: string, width: number, parameter: Parameter): Layer {
  const gamma = parameter(`${label}/norm/gamma`, () => tf.ones([width]));
  const beta = parameter(`${label}/norm/beta`, () => tf.zeros([width]));
  return (x) => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const deviation = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), 1e-5));
    return tf.add(tf.mul(tf.mul(centred, deviation), gamma), beta);
  };
}
