"""The workloads in JAX: a step as one program that writes the new state over the old one, or 32 of them in a loop."""

import os

threads = int(os.environ.get("BENCH_THREADS", os.cpu_count()))
# XLA on a CPU takes as many threads as there are processors that it may use.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])

import functools
import math

import jax
import jax.numpy as jnp
import optax
from peer import load, loss_of, serve

# Steps per call of a loop, as many as the library takes.
LOOP = 32


def affine(weights, name, x):
    return x @ weights[f"{name}.kernel"] + weights[f"{name}.bias"]


def cross_entropies(labels, logits):
    return -jnp.sum(labels * jax.nn.log_softmax(logits), -1)


def cross_entropy(labels, logits):
    return jnp.mean(cross_entropies(labels, logits))


def mlp(weights, batch, key):
    hidden = jax.nn.relu(affine(weights, "first", batch["x"]))
    hidden = jax.nn.relu(affine(weights, "second", hidden))
    return cross_entropy(batch["y"], affine(weights, "head", hidden))


def layer_norm(weights, name, x):
    mean, variance = jnp.mean(x, -1, keepdims=True), jnp.var(x, -1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * weights[f"{name}.gain"] + weights[f"{name}.shift"]


def attend(qkv, size, length, heads=4):
    depth = qkv.shape[-1] // (3 * heads)
    q, k, v = qkv.reshape(size, length, 3, heads, depth).transpose(2, 0, 3, 1, 4)
    attention = jax.nn.softmax(q @ k.swapaxes(-1, -2) / math.sqrt(depth))
    return (attention @ v).swapaxes(1, 2).reshape(size * length, heads * depth)


def transformer(weights, batch, key):
    x = batch["x"]
    size, length, width = x.shape
    qkv = affine(weights, "qkv", layer_norm(weights, "norm1", x).reshape(-1, width))
    attended = x + affine(weights, "mix", attend(qkv, size, length)).reshape(x.shape)
    wide = jax.nn.relu(affine(weights, "up", layer_norm(weights, "norm2", attended).reshape(-1, width)))
    output = attended + affine(weights, "down", wide).reshape(x.shape)
    return cross_entropy(batch["y"], affine(weights, "head", output.mean(1)))


def max_pool(x):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def cnn(weights, batch, key):
    x = batch["x"]
    for name in ("first", "second"):
        dimensions = ("NHWC", "HWIO", "NHWC")
        x = jax.lax.conv_general_dilated(
            x, weights[f"{name}.kernel"], (1, 1), "SAME", dimension_numbers=dimensions
        )
        x = max_pool(jax.nn.relu(x + weights[f"{name}.bias"]))
    return cross_entropy(batch["y"], affine(weights, "head", x.reshape(x.shape[0], -1)))


def vae(weights, batch, key):
    x = batch["x"]
    encoded = jax.nn.relu(affine(weights, "encoder", x))
    mean = affine(weights, "mean", encoded)
    log_variance = affine(weights, "logVariance", encoded)
    sample = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(key, mean.shape)
    logits = affine(weights, "output", jax.nn.relu(affine(weights, "decoder", sample)))
    reconstruction = jnp.sum(optax.sigmoid_binary_cross_entropy(logits, x))
    divergence = 0.5 * jnp.sum(jnp.square(mean) + jnp.exp(log_variance) - log_variance - 1)
    return (reconstruction + divergence) / x.shape[0]


def embedding(weights, batch, key):
    rows = weights["table"][batch["x"]]
    hidden = jax.nn.relu(affine(weights, "hidden", rows.mean(1)))
    return cross_entropy(batch["y"], affine(weights, "head", hidden))


def masked_language_model(weights, batch, key):
    size, length = batch["x"].shape
    embedded = weights["token"][batch["x"]] + weights["position"]
    state = layer_norm(weights, "input", embedded.reshape(size * length, -1))
    for layer in ("layer0", "layer1", "layer2"):
        mixed = attend(affine(weights, f"{layer}.qkv", state), size, length)
        state = layer_norm(weights, f"{layer}.norm1", state + affine(weights, f"{layer}.mix", mixed))
        wide = jax.nn.gelu(affine(weights, f"{layer}.up", state), approximate=False)
        state = layer_norm(weights, f"{layer}.norm2", state + affine(weights, f"{layer}.down", wide))
    logits = state @ weights["token"].T + weights["output.bias"]
    return jnp.sum(cross_entropies(batch["y"], logits) * batch["chosen"]) / jnp.sum(batch["chosen"])


def zipf(weights, batch, key):
    rows = weights["table"][batch["x"]]
    unit = rows / jnp.sqrt(jnp.mean(jnp.square(rows), -1, keepdims=True))
    hidden = jnp.tanh(unit @ weights["hidden.kernel"])
    return cross_entropy(batch["y"], hidden @ weights["output.kernel"])


def make(folder, workload, optimizer_name, mode):
    arrays, data = load(folder)
    batches = jax.tree.map(jnp.asarray, data)
    count = len(data["x"])
    optimizer = {
        "sgd": lambda: optax.sgd(1e-2),
        "adam": lambda: optax.adam(1e-3),
        "lion": lambda: optax.lion(1e-4, weight_decay=0),
    }[optimizer_name]()
    compute_loss = loss_of(workload, globals())

    def step(state, i):
        weights, moments, key = state
        key, noise = jax.random.split(key)
        batch = {name: values[i] for name, values in batches.items()}
        loss, gradients = jax.value_and_grad(compute_loss)(weights, batch, noise)
        updates, moments = optimizer.update(gradients, moments, weights)
        return (optax.apply_updates(weights, updates), moments, key), loss

    single = jax.jit(step, donate_argnums=0)

    @functools.partial(jax.jit, donate_argnums=0)
    def loop(state, indices):
        return jax.lax.scan(step, state, indices)

    weights = jax.tree.map(jnp.asarray, arrays)
    state = (weights, optimizer.init(weights), jax.random.key(6))
    indices = [jnp.asarray(i) for i in range(count)]
    # The batches of a loop that begins with each of them.
    rows = [(jnp.arange(LOOP) + i) % count for i in range(count)]

    def run_single(taken, steps):
        nonlocal state
        for i in range(taken, taken + steps):
            state, loss = single(state, indices[i % count])
        return loss

    def run_loop(taken, steps):
        nonlocal state
        last = taken + steps
        while last - taken >= LOOP:
            state, losses = loop(state, rows[taken % count])
            taken += LOOP
        return run_single(taken, last - taken) if taken < last else losses[-1]

    return (run_loop, float, LOOP) if mode == "scan" else (run_single, float)


serve(make, {"name": "JAX", "version": jax.__version__, "threads": threads})
