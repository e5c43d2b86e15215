"""Outputs and gradients of small Transformers and residual networks, by PyTorch's own modules.

Writes lib/test/models/golden-transformer.json: parameters (by the names that liandan gives them, kernels as [in, out]),
inputs, and what PyTorch computed from them.
Run it with a Python that has torch: python tools/goldens/transformer.py
"""

import json
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(3)
torch.set_default_dtype(torch.float64)

BATCH, LENGTH, WIDTH, HEADS, HIDDEN, LAYERS, VOCABULARY = 2, 3, 4, 2, 6, 2, 5
ROOT = pathlib.Path(__file__).resolve().parents[2]


def numbers(tensor):
    return {
        "shape": list(tensor.shape),
        "values": [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()],
    }


def randomize(module):
    """Values that float32 holds exactly, and gammas and betas that matter."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            offset = 1 if name.endswith("weight") and parameter.ndim == 1 else 0
            parameter.copy_((offset + 0.5 * torch.randn_like(parameter)).float())
    return module


def linear(label, layer):
    return {f"{label}/kernel": (layer.weight, lambda w: w.T), f"{label}/bias": (layer.bias, lambda b: b)}


def same(value):
    return value


def norm(label, layer):
    return {f"{label}/norm/gamma": (layer.weight, same), f"{label}/norm/beta": (layer.bias, same)}


def encoder(norm_first, activation):
    layer = nn.TransformerEncoderLayer(
        WIDTH, HEADS, HIDDEN, dropout=0.0, activation=activation, batch_first=True, norm_first=norm_first
    )
    return nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)


def encoder_names(module):
    names = {}
    for number, layer in enumerate(module.layers, 1):
        prefix, attention = f"layer_{number}", layer.self_attn
        for part, label in enumerate(["query", "key", "value"]):
            rows = slice(part * WIDTH, (part + 1) * WIDTH)
            names[f"{prefix}/attention/{label}/kernel"] = (attention.in_proj_weight, lambda w, r=rows: w[r].T)
            names[f"{prefix}/attention/{label}/bias"] = (attention.in_proj_bias, lambda b, r=rows: b[r])
        names |= linear(f"{prefix}/attention/output", attention.out_proj)
        names |= linear(f"{prefix}/feed_forward/up", layer.linear1)
        names |= linear(f"{prefix}/feed_forward/down", layer.linear2)
        names |= norm(f"{prefix}/attention", layer.norm1) | norm(f"{prefix}/feed_forward", layer.norm2)
    return names


def record(names, inputs, forward, labels=None):
    """What went in, the output, and the gradients of a weighted sum of it (of the cross-entropy where there are labels)."""
    output = forward(inputs)
    if labels is None:
        weights = torch.randn_like(output).float().double()
        loss = (output * weights).sum()
    else:
        weights = labels
        loss = F.cross_entropy(output.flatten(0, 1) if output.ndim == 3 else output, labels)
    loss.backward()
    return {
        "inputs": numbers(inputs),
        "weights" if labels is None else "labels": numbers(weights),
        "output": numbers(output),
        "loss": loss.item(),
        "parameters": {name: numbers(view(p)) for name, (p, view) in names.items()},
        "gradients": {name: numbers(view(p.grad)) for name, (p, view) in names.items()},
    }


def encoder_case(norm_first, activation, *, causal=False, padding=None):
    module = randomize(encoder(norm_first, activation))
    later = nn.Transformer.generate_square_subsequent_mask(LENGTH).double() if causal else None
    ignored = None if padding is None else torch.tensor(padding) == 0
    inputs = torch.randn(BATCH, LENGTH, WIDTH).float().double()
    return record(
        encoder_names(module), inputs, lambda x: module(x, mask=later, src_key_padding_mask=ignored)
    ) | ({} if padding is None else {"mask": numbers(torch.tensor(padding))})


class MaskedLanguageModel(nn.Module):
    def __init__(self, norm_first, activation, *, head, output, padding):
        super().__init__()
        self.token, self.position = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.encoder = encoder(norm_first, activation)
        self.outer_norm = nn.LayerNorm(WIDTH)
        self.dense, self.head_norm = nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH)
        self.output, self.bias = (
            nn.Linear(WIDTH, VOCABULARY, bias=False),
            nn.Parameter(torch.zeros(VOCABULARY)),
        )
        self.norm_first, self.activation, self.head, self.kind = norm_first, activation, head, output
        self.padding = padding

    def forward(self, tokens):
        x = self.token(tokens) + self.position(torch.arange(LENGTH))
        x = x if self.norm_first else self.outer_norm(x)
        x = self.encoder(x, src_key_padding_mask=tokens == self.padding)
        x = self.outer_norm(x) if self.norm_first else x
        x = self.head_norm(getattr(F, self.activation)(self.dense(x))) if self.head else x
        if self.kind == "untied":
            return self.output(x) + self.bias
        table = self.token.weight
        if self.kind == "half-swap":
            table = torch.cat([table[:, WIDTH // 2 :], table[:, : WIDTH // 2]], 1)
        return x @ table.T + self.bias

    def names(self):
        names = encoder_names(self.encoder) | norm(
            "final" if self.norm_first else "embedding", self.outer_norm
        )
        names |= {
            "token/embeddings": (self.token.weight, same),
            "position/embeddings": (self.position.weight, same),
        }
        names["output/bias"] = (self.bias, same)
        if self.head:
            names |= linear("head/dense", self.dense) | norm("head", self.head_norm)
        if self.kind == "untied":
            names["output/kernel"] = (self.output.weight, lambda w: w.T)
        return names


def masked_case(norm_first, activation, *, head, output):
    module = randomize(MaskedLanguageModel(norm_first, activation, head=head, output=output, padding=0))
    tokens = torch.tensor([[2, 4, 1], [3, 1, 0]])
    return record(module.names(), tokens, module, labels=torch.tensor([1, 4, 0, 2, 2, 3]))


class ResidualMlp(nn.Module):
    def __init__(self, placement, scale):
        super().__init__()
        self.placement, self.scale = placement, scale
        self.enter, self.input_norm = nn.Linear(5, WIDTH), nn.LayerNorm(WIDTH)
        self.up = nn.ModuleList([nn.Linear(WIDTH, HIDDEN) for _ in range(LAYERS)])
        self.down = nn.ModuleList([nn.Linear(HIDDEN, WIDTH) for _ in range(LAYERS)])
        self.norms = nn.ModuleList([nn.LayerNorm(WIDTH) for _ in range(LAYERS)])
        self.final, self.leave = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3)

    def forward(self, x):
        x = self.input_norm(self.enter(x))
        for up, down, normalize in zip(self.up, self.down, self.norms, strict=True):
            branch = normalize(x) if self.placement == "pre" else x
            x = x + self.scale * down(F.relu(up(branch)))
            x = normalize(x) if self.placement == "post" else x
        return self.leave(self.final(x) if self.placement == "pre" else x)

    def names(self):
        names = linear("input", self.enter) | norm("input", self.input_norm) | linear("output", self.leave)
        for i in range(LAYERS):
            block = f"block_{i + 1}"
            names |= linear(f"{block}/up", self.up[i]) | linear(f"{block}/down", self.down[i])
            names |= norm(block, self.norms[i]) if self.placement != "none" else {}
        return names | (norm("final", self.final) if self.placement == "pre" else {})


def residual_case(placement, scale):
    module = randomize(ResidualMlp(placement, scale))
    return record(module.names(), torch.randn(BATCH, 5).float().double(), module, labels=torch.tensor([2, 0]))


cases = {
    "encoder": {
        "post, gelu, padding": encoder_case(False, "gelu", padding=[[1, 1, 1], [1, 1, 0]]),
        "pre, relu, causal": encoder_case(True, "relu", causal=True),
    },
    "masked": {
        "post, gelu, head, tied": masked_case(False, "gelu", head=True, output="tied"),
        "pre, relu, no head, half-swap": masked_case(True, "relu", head=False, output="half-swap"),
        "post, relu, no head, untied": masked_case(False, "relu", head=False, output="untied"),
    },
    "residual": {
        "post": residual_case("post", 1.0),
        "pre": residual_case("pre", 0.5),
        "none": residual_case("none", 0.25),
    },
}
path = ROOT / "lib" / "test" / "models" / "golden-transformer.json"
path.write_text(
    json.dumps(
        {
            "made by": f"tools/goldens/transformer.py with torch {torch.__version__.split('+')[0]}, float64",
            **cases,
        },
        indent=1,
    )
    + "\n",
    encoding="utf-8",
)
