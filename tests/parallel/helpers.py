"""Small trainings in float64, which are the same on any number of processes but for the last digits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from nnc.compiler.diagnostics import Problems
from nnc.compiler.training.read.parallel import parse_parallel
from nnc.compiler.types.dim import size
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from nnc.runtime.data import open_data
from nnc.runtime.parallel import ALONE, World
from nnc.runtime.report import Reporter
from nnc.runtime.runs import CHECKPOINTS
from nnc.runtime.saving.checkpoint import Checkpoint, CheckpointFolder
from nnc.runtime.signature import Signature
from nnc.runtime.training.loop import RunResult, train
from tests.runtime.helpers import read

SAMPLES = 85  # 73 of them to train on
IMAGES = Signature({"x": TensorType((size("B"), 1, 8, 8), DType.float64)})
DATA = """
    data:
      train: Npz("train.npz")
      validation: 12
      transforms: {image: [ToImage, ToDtype(float64), "Normalize([8.0], [6.0])"]}
"""
TRAIN = """
    train:
      loss: CrossEntropyLoss
      optimizer: SGD(0.05, momentum=0.9)
      metrics: [Accuracy]
      epochs: 3
      batch_size: 10
      device: cpu
"""


def write_images(path: Path, count: int = SAMPLES, classes: int = 3) -> None:
    """Images (N, 8, 8) in which a row is brighter, a different one for every class."""
    random = np.random.default_rng(0)
    labels = np.arange(count) % classes
    images = random.integers(0, 6, (count, 8, 8))
    images[np.arange(count), labels] += 9
    np.savez(path, image=images.astype(np.uint8), label=labels.astype(np.uint8))


def network() -> nn.Module:
    """Without what depends on who is in a batch, or on chance."""
    torch.manual_seed(1)
    block = nn.Sequential(nn.Linear(64, 24), nn.LayerNorm(24), nn.Tanh())
    module = nn.Sequential(nn.Flatten(), block, nn.Linear(24, 3))
    return module.double()


def run(
    folder: Path,
    text: str,
    world: World = ALONE,
    *,
    resume: bool = False,
    epochs: int | None = None,
    module: nn.Module | None = None,
    reporter: Reporter | None = None,
    parallel: str | None = None,
) -> RunResult:
    """Trains on the images beside the folder. `parallel` is that of the command line."""
    data_config, config = read(text, epochs=epochs)
    given = parse_parallel(parallel, Problems()) if parallel else None
    config = config if given is None else replace(config, parallel=given)
    return train(
        module or network(), config, open_data(data_config, folder.parent), folder,
        signature=IMAGES, data_config=data_config, device="cpu", resume=resume, world=world, reporter=reporter,
    )  # fmt: skip


def run_all(world: World, base: Path, texts: Mapping[str, str]) -> None:
    """One run after the other, in folders of their names."""
    world.begin(torch.device("cpu"), 30)
    for name, text in texts.items():
        run(base / name, text, world)
    world.end()


def saved(folder: Path) -> Checkpoint:
    found, damaged = CheckpointFolder(folder / CHECKPOINTS).newest()
    assert found is not None, damaged
    return found


def distance(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """The largest difference between two trees of numbers and tensors, in units of 1 or of the numbers' size."""
    left, right = list(_leaves(a)), list(_leaves(b))
    assert [p for p, _ in left] == [p for p, _ in right]
    return max((_difference(p, x, y) for (p, x), (_, y) in zip(left, right, strict=True)), default=0.0)


def _difference(path: str, a: Any, b: Any) -> float:
    if isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype, path
        assert a.shape == b.shape, path
        a, b = a.double(), b.double()
        return float(((a - b).abs() / a.abs().clamp(min=1)).max()) if a.numel() else 0.0
    if isinstance(a, float):
        return abs(a - b) / max(1.0, abs(a))
    assert a == b, path
    return 0.0


def _leaves(tree: Any, path: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _leaves(value, f"{path}.{key}")
    elif isinstance(tree, list | tuple):
        for number, value in enumerate(tree):
            yield from _leaves(value, f"{path}.{number}")
    else:
        yield path, tree
