"""The workloads in TensorFlow's Python interface, as functions that it compiles."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from peer import load, loss_of, one_by_one, serve

threads = int(os.environ.get("BENCH_THREADS", os.cpu_count()))
tf.config.threading.set_intra_op_parallelism_threads(threads)


def affine(weights, name, x):
    return tf.matmul(x, weights[f"{name}.kernel"]) + weights[f"{name}.bias"]


def cross_entropy(labels, logits):
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels, logits))


def mlp(weights, batch):
    hidden = tf.nn.relu(affine(weights, "first", batch["x"]))
    hidden = tf.nn.relu(affine(weights, "second", hidden))
    return cross_entropy(batch["y"], affine(weights, "head", hidden))


def layer_norm(weights, name, x):
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    gain, shift = weights[f"{name}.gain"], weights[f"{name}.shift"]
    return tf.nn.batch_normalization(x, mean, variance, shift, gain, 1e-5)


def attend(qkv, size, length, heads=4):
    depth = qkv.shape[-1] // (3 * heads)
    q, k, v = tf.unstack(tf.transpose(tf.reshape(qkv, [size, length, 3, heads, depth]), [2, 0, 3, 1, 4]))
    attention = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) * depth**-0.5)
    return tf.reshape(tf.transpose(tf.matmul(attention, v), [0, 2, 1, 3]), [size * length, heads * depth])


def transformer(weights, batch):
    x = batch["x"]
    size, length, width = x.shape
    qkv = affine(weights, "qkv", tf.reshape(layer_norm(weights, "norm1", x), [-1, width]))
    attended = x + tf.reshape(affine(weights, "mix", attend(qkv, size, length)), x.shape)
    wide = tf.nn.relu(affine(weights, "up", tf.reshape(layer_norm(weights, "norm2", attended), [-1, width])))
    output = attended + tf.reshape(affine(weights, "down", wide), x.shape)
    return cross_entropy(batch["y"], affine(weights, "head", tf.reduce_mean(output, 1)))


def cnn(weights, batch):
    x = batch["x"]
    for name in ("first", "second"):
        x = tf.nn.conv2d(x, weights[f"{name}.kernel"], 1, "SAME") + weights[f"{name}.bias"]
        x = tf.nn.max_pool2d(tf.nn.relu(x), 2, 2, "VALID")
    return cross_entropy(batch["y"], affine(weights, "head", tf.reshape(x, [x.shape[0], -1])))


def vae(weights, batch):
    x = batch["x"]
    encoded = tf.nn.relu(affine(weights, "encoder", x))
    mean = affine(weights, "mean", encoded)
    log_variance = affine(weights, "logVariance", encoded)
    sample = mean + tf.exp(0.5 * log_variance) * tf.random.normal(mean.shape)
    logits = affine(weights, "output", tf.nn.relu(affine(weights, "decoder", sample)))
    reconstruction = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(x, logits))
    divergence = 0.5 * tf.reduce_sum(tf.square(mean) + tf.exp(log_variance) - log_variance - 1)
    return (reconstruction + divergence) / x.shape[0]


def embedding(weights, batch):
    rows = tf.gather(weights["table"], batch["x"])
    hidden = tf.nn.relu(affine(weights, "hidden", tf.reduce_mean(rows, 1)))
    return cross_entropy(batch["y"], affine(weights, "head", hidden))


def masked_language_model(weights, batch):
    size, length = batch["x"].shape
    embedded = tf.gather(weights["token"], batch["x"]) + weights["position"]
    state = layer_norm(weights, "input", tf.reshape(embedded, [size * length, -1]))
    for layer in ("layer0", "layer1", "layer2"):
        mixed = attend(affine(weights, f"{layer}.qkv", state), size, length)
        state = layer_norm(weights, f"{layer}.norm1", state + affine(weights, f"{layer}.mix", mixed))
        wide = tf.nn.gelu(affine(weights, f"{layer}.up", state), approximate=False)
        state = layer_norm(weights, f"{layer}.norm2", state + affine(weights, f"{layer}.down", wide))
    logits = tf.matmul(state, weights["token"], transpose_b=True) + weights["output.bias"]
    losses = tf.nn.softmax_cross_entropy_with_logits(batch["y"], logits)
    return tf.reduce_sum(losses * batch["chosen"]) / tf.reduce_sum(batch["chosen"])


def zipf(weights, batch):
    rows = tf.gather(weights["table"], batch["x"])
    unit = rows / tf.sqrt(tf.reduce_mean(tf.square(rows), -1, keepdims=True))
    hidden = tf.tanh(tf.matmul(unit, weights["hidden.kernel"]))
    return cross_entropy(batch["y"], tf.matmul(hidden, weights["output.kernel"]))


def make(folder, workload, optimizer_name, mode):
    tf.random.set_seed(6)
    arrays, data = load(folder)
    weights = {name: tf.Variable(array) for name, array in arrays.items()}
    batches = {name: tf.constant(array) for name, array in data.items()}
    variables = list(weights.values())
    optimizer = {
        "sgd": lambda: keras.optimizers.SGD(1e-2),
        "adam": lambda: keras.optimizers.Adam(1e-3, epsilon=1e-8),
        "lion": lambda: keras.optimizers.Lion(1e-4),
    }[optimizer_name]()
    optimizer.build(variables)
    compute_loss = loss_of(workload, globals())

    @tf.function(jit_compile=mode == "function, jit")
    def step(i):
        with tf.GradientTape() as tape:
            loss = compute_loss(weights, {name: values[i] for name, values in batches.items()})
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    indices = [tf.constant(i) for i in range(len(data["x"]))]
    return one_by_one(lambda i: step(indices[i])), float


serve(make, {"name": "TensorFlow", "version": tf.__version__, "threads": threads})
