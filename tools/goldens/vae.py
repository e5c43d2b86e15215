"""Losses and gradients of a small variational autoencoder and bottleneck, by PyTorch's own functions.

Writes lib/test/vae/golden.json: weights, inputs and noise that were used, and what PyTorch computed from them.
Run it with a Python that has torch: python tools/goldens/vae.py
"""

import json
import pathlib

import torch
from torch import distributions as dist
from torch.nn import functional as F

torch.manual_seed(8)
torch.set_default_dtype(torch.float64)

BATCH, INPUTS, HIDDEN, LATENT, CLASSES, WEIGHT = 4, 6, 5, 3, 3, 0.3
ROOT = pathlib.Path(__file__).resolve().parents[2]


def layer(fan_in, fan_out):
    return [torch.randn(fan_in, fan_out) * 0.7, torch.randn(fan_out) * 0.2]


def network(*layers):
    return [parameter.float().double().requires_grad_() for parts in layers for parameter in parts]


def apply(parameters, x):
    w1, b1, *rest = parameters
    x = x @ w1 + b1
    return apply(rest, torch.relu(x)) if rest else x


encoder = network(layer(INPUTS, HIDDEN), layer(HIDDEN, 2 * LATENT))
decoder = network(layer(LATENT, HIDDEN), layer(HIDDEN, INPUTS))
head = network(layer(LATENT, CLASSES))
inputs = torch.rand(BATCH, INPUTS).float().double()
epsilon = torch.randn(BATCH, LATENT).float().double()
labels = torch.tensor([2, 0, 1, 2])


def numbers(tensor):
    return {
        "shape": list(tensor.shape),
        "values": [float(f"{v:.12g}") for v in tensor.detach().flatten().tolist()],
    }


def objective(log_likelihood, decoding, weight):
    for parameter in [*encoder, *decoding]:
        parameter.grad = None
    mean, log_variance = apply(encoder, inputs).chunk(2, dim=1)
    code = dist.Normal(mean, (0.5 * log_variance).exp())
    rate = dist.kl_divergence(code, dist.Normal(0.0, 1.0)).sum(1).mean()
    z = mean + code.scale * epsilon
    distortion = -log_likelihood(apply(decoding, z)).mean()
    loss = distortion + weight * rate
    loss.backward()
    return {
        "loss": loss.item(),
        "distortion": distortion.item(),
        "rate": rate.item(),
        "gradients": [numbers(parameter.grad) for parameter in [*encoder, *decoding]],
    }


def bernoulli(logits):
    return -F.binary_cross_entropy_with_logits(logits, inputs, reduction="none").sum(1)


def gaussian(means):
    return dist.Normal(means, 0.5).log_prob(inputs).sum(1)


def classes(logits):
    return dist.Categorical(logits=logits).log_prob(labels)


golden = {
    "made by": f"tools/goldens/vae.py with torch {torch.__version__.split('+')[0]}, float64",
    "inputs": numbers(inputs),
    "epsilon": numbers(epsilon),
    "labels": labels.tolist(),
    "weight": WEIGHT,
    "encoder": [numbers(p) for p in encoder],
    "decoder": [numbers(p) for p in decoder],
    "head": [numbers(p) for p in head],
    "bernoulli": objective(bernoulli, decoder, 1.0),
    "gaussian": objective(gaussian, decoder, WEIGHT),
    "vib": objective(classes, head, WEIGHT),
}
path = ROOT / "lib" / "test" / "vae" / "golden.json"
path.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf8")
print(path)
