"""The workloads in PyTorch."""

import math
import os

import torch
import torch.nn.functional as F
from peer import load, loss_of, one_by_one, serve

torch.set_num_threads(int(os.environ.get("BENCH_THREADS", os.cpu_count())))


class Lion(torch.optim.Optimizer):
    """Lion, with the grouped operations that PyTorch's own optimizers use."""

    def __init__(self, params, lr, betas=(0.9, 0.99)):
        super().__init__(params, {"lr": lr, "betas": betas})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            params = [p for p in group["params"] if p.grad is not None]
            grads = [p.grad for p in params]
            moments = [self.state[p].setdefault("moment", torch.zeros_like(p)) for p in params]
            update = torch._foreach_mul(moments, beta1)
            torch._foreach_add_(update, grads, alpha=1 - beta1)
            torch._foreach_sign_(update)
            torch._foreach_add_(params, update, alpha=-group["lr"])
            torch._foreach_mul_(moments, beta2)
            torch._foreach_add_(moments, grads, alpha=1 - beta2)


def affine(weights, name, x):
    return torch.addmm(weights[f"{name}.bias"], x, weights[f"{name}.kernel"])


def mlp(weights, batch):
    hidden = torch.relu(affine(weights, "first", batch["x"]))
    hidden = torch.relu(affine(weights, "second", hidden))
    return F.cross_entropy(affine(weights, "head", hidden), batch["y"])


def layer_norm(weights, name, x):
    return F.layer_norm(x, x.shape[-1:], weights[f"{name}.gain"], weights[f"{name}.shift"], 1e-5)


def attend(qkv, size, length, heads=4):
    depth = qkv.shape[-1] // (3 * heads)
    q, k, v = qkv.reshape(size, length, 3, heads, depth).permute(2, 0, 3, 1, 4)
    attention = torch.softmax(q @ k.transpose(-1, -2) * (1 / math.sqrt(depth)), -1)
    return (attention @ v).transpose(1, 2).reshape(size * length, heads * depth)


def transformer(weights, batch):
    x = batch["x"]
    size, length, width = x.shape
    qkv = affine(weights, "qkv", layer_norm(weights, "norm1", x).reshape(-1, width))
    attended = x + affine(weights, "mix", attend(qkv, size, length)).reshape(x.shape)
    wide = torch.relu(affine(weights, "up", layer_norm(weights, "norm2", attended).reshape(-1, width)))
    output = attended + affine(weights, "down", wide).reshape(x.shape)
    return F.cross_entropy(affine(weights, "head", output.mean(1)), batch["y"])


def cnn(weights, batch):
    x = batch["x"]
    for name in ("first", "second"):
        x = F.conv2d(x, weights[f"{name}.kernel"], weights[f"{name}.bias"], padding=2)
        x = F.max_pool2d(torch.relu(x), 2)
    return F.cross_entropy(affine(weights, "head", x.flatten(1)), batch["y"])


def vae(weights, batch):
    x = batch["x"]
    encoded = torch.relu(affine(weights, "encoder", x))
    mean = affine(weights, "mean", encoded)
    log_variance = affine(weights, "logVariance", encoded)
    sample = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    logits = affine(weights, "output", torch.relu(affine(weights, "decoder", sample)))
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum()
    return (reconstruction + divergence) / x.shape[0]


def embedding(weights, batch):
    rows = F.embedding(batch["x"], weights["table"])
    hidden = torch.relu(affine(weights, "hidden", rows.mean(1)))
    return F.cross_entropy(affine(weights, "head", hidden), batch["y"])


def masked_language_model(weights, batch):
    size, length = batch["x"].shape
    embedded = F.embedding(batch["x"], weights["token"]) + weights["position"]
    state = layer_norm(weights, "input", embedded.flatten(0, 1))
    for layer in ("layer0", "layer1", "layer2"):
        mixed = attend(affine(weights, f"{layer}.qkv", state), size, length)
        state = layer_norm(weights, f"{layer}.norm1", state + affine(weights, f"{layer}.mix", mixed))
        wide = F.gelu(affine(weights, f"{layer}.up", state))
        state = layer_norm(weights, f"{layer}.norm2", state + affine(weights, f"{layer}.down", wide))
    logits = torch.addmm(weights["output.bias"], state, weights["token"].T)
    losses = F.cross_entropy(logits, batch["y"], reduction="none")
    return (losses * batch["chosen"]).sum() / batch["chosen"].sum()


def zipf(weights, batch):
    rows = F.embedding(batch["x"], weights["table"])
    unit = rows / rows.square().mean(-1, keepdim=True).sqrt()
    hidden = torch.tanh(unit @ weights["hidden.kernel"])
    return F.cross_entropy(hidden @ weights["output.kernel"], batch["y"])


def tensors(workload, arrays):
    """Images and filters in PyTorch's own order of axes; the dense layer after them reads features in that order."""
    result = {name: torch.from_numpy(array) for name, array in arrays.items()}
    if workload == "cnn":
        for name, value in result.items():
            if name == "x":
                result[name] = value.permute(0, 1, 4, 2, 3).contiguous()
            elif value.ndim == 4:
                result[name] = value.permute(3, 2, 0, 1).contiguous()
            elif name == "head.kernel":
                result[name] = value.reshape(7, 7, 32, 10).permute(2, 0, 1, 3).reshape(-1, 10).contiguous()
    return result


def make(folder, workload, optimizer_name, mode):
    torch.manual_seed(6)
    weights, data = (tensors(workload, arrays) for arrays in load(folder))
    if data["x"].dtype == torch.int32:
        data["x"] = data["x"].long()
    parameters = [weight.requires_grad_() for weight in weights.values()]
    options = {"fused": True} if mode == "eager, fused" else {}
    optimizer = {
        "sgd": lambda: torch.optim.SGD(parameters, 1e-2, **options),
        "adam": lambda: torch.optim.Adam(parameters, 1e-3, **options),
        "lion": lambda: Lion(parameters, 1e-4),
    }[optimizer_name]()
    compute_loss = loss_of(workload, globals())
    compiled = torch.compile(compute_loss) if mode == "compile" else compute_loss

    def step(i):
        optimizer.zero_grad(set_to_none=True)
        loss = compiled(weights, {name: values[i] for name, values in data.items()})
        loss.backward()
        optimizer.step()
        return loss

    return one_by_one(step), lambda loss: loss.item()


serve(make, {"name": "PyTorch", "version": torch.__version__, "threads": torch.get_num_threads()})
