"""Small networks of the kinds that tutorials teach, for what is exported."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

import nnc

TOKENS = {"shape": ["B", "T"], "dtype": "int64"}
CNN = {
    "nnc": 1, "name": "cnn", "args": {"size": 1}, "inputs": {"image": ["B", 1, "H", "W"]},
    "layers": {
        "conv": "Conv2d(4, 3, padding=1)", "bn": "BatchNorm2d", "act": "relu", "drop": "Dropout(0.5)",
        "pool": "AdaptiveAvgPool2d(size)", "flat": "flatten(1)", "fc": "Linear(3)",
    },
}  # fmt: skip
SKIP = {  # sizes that must be even: what comes down must fit what stayed
    "nnc": 1, "name": "skip", "inputs": {"image": ["B", 3, "H", "W"]},
    "layers": {
        "down": "Conv2d(4, 2, stride=2)", "up": "ConvTranspose2d(4, 2, stride=2)", "both": "cat([up, image], 1)",
        "out": "Conv2d(2, 1)",
    },
}  # fmt: skip
LSTM = {
    "nnc": 1, "name": "lstm", "inputs": {"tokens": TOKENS},
    "layers": {"embed": "Embedding(11, 6)", "lstm": "LSTM(5, batch_first=True)", "last": "lstm.h_n[-1]", "out": "Linear(3)"},
}  # fmt: skip
RNN: dict[str, Any] = {
    **LSTM, "layers": {"embed": "Embedding(11, 6)", "rnn": "RNN(5, batch_first=True)", "last": "rnn.h_n[-1]", "out": "Linear(3)"}
}  # fmt: skip
STEP = {  # what comes out is called like what goes in
    "nnc": 1, "name": "step", "inputs": {"x": ["B", 4], "h": ["B", 6]},
    "layers": {"cell": "GRUCell(6)(x, h)", "out": "Linear(2)"}, "outputs": {"y": "out", "h": "cell"},
}  # fmt: skip
NOISE = {
    "nnc": 1, "name": "noise", "inputs": {"x": ["B", 4]},
    "layers": {"fc": "Linear(3)", "noisy": "fc + randn_like(fc)"},
}  # fmt: skip


def trained(spec: Any, seed: int = 0, **args: Any) -> nn.Module:
    """With nothing that is all zeros or ones, as heads, biases and statistics are in the beginning."""
    torch.manual_seed(seed)
    model = nnc.load(spec, **args)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point() and bool((tensor == tensor.flatten()[0]).all()):
                tensor.add_(0.1 * torch.rand_like(tensor))
    return model
