"""Small networks and small data for the runtime's tests."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from nnc.compiler.diagnostics import Problems
from nnc.compiler.source import read_text
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.training import DataConfig, Network, TrainConfig
from nnc.compiler.training.read.data import read_data
from nnc.compiler.training.read.train import read_train
from nnc.compiler.types.dim import size
from nnc.compiler.types.tensor import TensorType
from nnc.runtime.data import Data, open_data
from nnc.runtime.report import Reporter
from nnc.runtime.signature import Signature
from nnc.runtime.training.loop import RunResult, train

DIGITS = Path(__file__).parents[2] / "examples" / "data" / "digits" / "digits.npz"
MNIST = Path(__file__).parents[3] / "shared" / "data" / "mnist-10k"
IMAGES = Signature({"x": TensorType((size("B"), 1, 8, 8))})

DATA = """
    data:
      train: Npz("train.npz")
      validation: 12
      transforms:
        image:
          - ToImage
          - ToDtype(float32)
          - Normalize([8.0], [6.0])
"""
TRAIN = """
    train:
      loss: CrossEntropyLoss
      optimizer: AdamW(lr=1e-2)
      metrics: [Accuracy]
      epochs: 3
      batch_size: 16
      seed: 7
"""


def read(
    text: str, *, outputs: tuple[str, ...] = ("output",), epochs: int | None = None
) -> tuple[DataConfig, TrainConfig]:
    """The sections of a text that has no fault."""
    problems = Problems()
    tree = read_text(textwrap.dedent(text), "spec.yaml", problems)
    assert isinstance(tree, TreeMapping), [str(p) for p in problems]
    parts = {str(e.key.value): e.value for e in tree}
    data = read_data(parts["data"], problems)
    network = Network(("x",), outputs)
    config = read_train(parts["train"], problems, data=data, network=network, epochs=epochs)
    assert not problems.found, [str(p) for p in problems]
    assert data is not None
    assert config is not None
    return data, config


def write_images(path: Path, count: int = 76, classes: int = 3, seed: int = 0) -> None:
    """Images (N, 8, 8) that a small network can tell apart: a bright row per class."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    images = random.integers(0, 6, (count, 8, 8))
    images[np.arange(count), labels] += 9
    np.savez(path, image=images.astype(np.uint8), label=labels.astype(np.uint8))


def network(classes: int = 3, *, seed: int = 1) -> nn.Module:
    """With everything that has state: batch statistics, dropout, a buffer outside the state_dict."""
    torch.manual_seed(seed)
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(256, classes),
    )
    module.register_buffer("steps", torch.zeros(()), persistent=False)
    return module


def run(
    folder: Path,
    text: str = DATA + TRAIN,
    *,
    base: Path | None = None,
    module: nn.Module | None = None,
    resume: bool = False,
    epochs: int | None = None,
    signature: Signature = IMAGES,
    reporter: Reporter | None = None,
    device: str = "cpu",
) -> tuple[RunResult, nn.Module]:
    """Trains on the images in `base` (by default the folder's parent, where they are written if need be)."""
    base = base or folder.parent
    if not (base / "train.npz").exists():
        write_images(base / "train.npz")
    data_config, config = read(text, epochs=epochs)
    data: Data = open_data(data_config, base)
    module = module or network()
    result = train(
        module,
        config,
        data,
        folder,
        signature=signature,
        data_config=data_config,
        device=device,
        resume=resume,
        reporter=reporter,
    )
    return result, module


class StopAfter(Reporter):
    """Sends a signal to this process after so many steps."""

    def __init__(self, steps: int, signal: int) -> None:
        self.left, self.signal = steps, signal

    def step(self, done: int, loss: Any) -> None:
        import os

        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.signal)


def same_state(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
