"""Trajectories of optax (JAX) in float64, an independent source for the optimizers' tests.

pip install "jax[cpu]" optax && python tools/goldens/optimizers_optax.py > lib/test/optimizers/goldens/optax.json
"""

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax
from optimizers_problem import START, STEPS, flat, gradients, write

CASES = {
    "sgd": (optax.sgd(0.1, momentum=0.9), {"learningRate": 0.1, "momentum": 0.9}),
    "sgd nesterov": (
        optax.sgd(0.1, momentum=0.9, nesterov=True),
        {"learningRate": 0.1, "momentum": 0.9, "nesterov": True},
    ),
    "adam": (optax.adam(0.01), {"learningRate": 0.01}),
    "adamW": (optax.adamw(0.01, weight_decay=0.1), {"learningRate": 0.01, "weightDecay": 0.1}),
    "lion": (optax.lion(0.01, weight_decay=0.1), {"learningRate": 0.01, "weightDecay": 0.1}),
    "lion betas": (
        optax.lion(0.01, b1=0.95, b2=0.98, weight_decay=0),
        {"learningRate": 0.01, "beta1": 0.95, "beta2": 0.98},
    ),
    "lamb": (optax.lamb(0.01, weight_decay=0.1), {"learningRate": 0.01, "weightDecay": 0.1, "epsilon": 1e-6}),
    "rmsProp": (
        optax.rmsprop(0.01, decay=0.99, eps=1e-6, eps_in_sqrt=True, bias_correction=True),
        {"learningRate": 0.01, "beta2": 0.99, "epsilon": 1e-6},
    ),
    "adaFactor": (
        optax.adafactor(0.1, min_dim_size_to_factor=2),
        {"learningRate": 0.1, "minDimensionSizeToFactor": 2},
    ),
    "adaFactor unfactored": (
        optax.adafactor(0.1, min_dim_size_to_factor=128, clipping_threshold=0.5, decay_rate=0.5),
        {"learningRate": 0.1, "clipThreshold": 0.5, "decayExponent": 0.5},
    ),
    "adaFactor unscaled": (
        optax.adafactor(0.1, min_dim_size_to_factor=2, multiply_by_parameter_scale=False),
        {"learningRate": 0.1, "minDimensionSizeToFactor": 2, "scaleByParameter": False},
    ),
}


def trajectory(optimizer):
    parameters = {name: jnp.array(value, dtype=jnp.float64) for name, value in START.items()}
    state = optimizer.init(parameters)
    path = []
    for step in range(STEPS):
        updates, state = optimizer.update(jax.tree.map(jnp.asarray, gradients(step)), state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        path.append(flat(jax.tree.map(np.asarray, parameters)))
    return path


write(
    {"optax": optax.__version__, "jax": jax.__version__},
    {name: (trajectory(optimizer), options) for name, (optimizer, options) in CASES.items()},
)
