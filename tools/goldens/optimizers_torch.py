"""Trajectories of PyTorch in float64, an independent source for the optimizers' tests.

pip install torch==2.13.0 numpy && python tools/goldens/optimizers_torch.py > lib/test/optimizers/goldens/torch.json

Where PyTorch computes something else, the settings below make both the same:

- Adafactor: PyTorch's eps1 bounds the estimated second moment where the article adds it to g²; 1e-30 is nothing to either
  in these steps. Its rate is min(lr, 1/√t), which is lr in the first steps. It factors the last two dimensions, here the
  two largest ones, of any size. Its decay is multiplied by lr, ours by the relative rate: none is used.
- RMSprop: PyTorch corrects no bias; its rate of step t is multiplied by √(1 − βᵗ) instead. Its eps stands outside of the root,
  ours inside: both are next to nothing here.
- Adam and SGD: PyTorch's weight_decay is our coupledWeightDecay.
"""

import numpy as np
import torch
from optimizers_problem import START, STEPS, flat, gradients, write

# The dimensions that are factored, the last two, are the largest, and there is one more.
START = {**START, "tensor": (((np.arange(24) * 5) % 17 - 8) / 4).reshape(2, 3, 4).tolist()}
ADAFACTOR = {"minDimensionSizeToFactor": 1}

CASES = {
    "sgd": (lambda p: torch.optim.SGD(p, lr=0.1), {"learningRate": 0.1}),
    "sgd momentum, coupled decay": (
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
        {"learningRate": 0.1, "momentum": 0.9, "coupledWeightDecay": 0.1},
    ),
    "sgd nesterov": (
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        {"learningRate": 0.1, "momentum": 0.9, "nesterov": True},
    ),
    "adam coupled decay": (
        lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
        {"learningRate": 0.01, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3, "coupledWeightDecay": 0.1},
    ),
    "adamW": (lambda p: torch.optim.AdamW(p), {}),
    "adamW large decay": (
        lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.5),
        {"learningRate": 0.05, "weightDecay": 0.5},
    ),
    "rmsProp": (
        lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.99, eps=1e-15),
        {"learningRate": 0.01, "beta2": 0.99, "epsilon": 1e-30},
    ),
    "adaFactor": (
        lambda p: torch.optim.Adafactor(p, lr=0.1, eps=(1e-30, 1e-3)),
        {"learningRate": 0.1, **ADAFACTOR},
    ),
    "adaFactor other constants": (
        lambda p: torch.optim.Adafactor(p, lr=0.2, beta2_decay=-0.5, eps=(1e-30, 2), d=1.2),
        {"learningRate": 0.2, "decayExponent": 0.5, "epsilon2": 2, "clipThreshold": 1.2, **ADAFACTOR},
    ),
}


def trajectory(make):
    parameters = {name: torch.tensor(value, dtype=torch.float64) for name, value in START.items()}
    optimizer = make(list(parameters.values()))
    [group] = optimizer.param_groups
    rate = group["lr"]
    path = []
    for step in range(STEPS):
        for name, gradient in gradients(step, START).items():
            parameters[name].grad = torch.tensor(gradient)
        if isinstance(optimizer, torch.optim.RMSprop):
            group["lr"] = rate * (1 - group["alpha"] ** (step + 1)) ** 0.5
        optimizer.step()
        path.append(flat({name: value.numpy() for name, value in parameters.items()}))
    return path


write(
    {"torch": torch.__version__.split("+")[0]},
    {name: (trajectory(make), options) for name, (make, options) in CASES.items()},
    START,
)
