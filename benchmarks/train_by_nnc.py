"""nnc's side of benchmarks/training.py: `nnc train` of a spec, one epoch for every word.

python benchmarks/train_by_nnc.py lenet|resnet|resnet-jpeg|resnet50 SAMPLES FOLDER [SPEED] [PRECISION]
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from turns import Stopwatch, tell, wait

import nnc.specs
from nnc.runtime.commands import run_training
from nnc.runtime.report import Reporter
from nnc.runtime.speed import Speed
from nnc.runtime.training.loss import Loss

LENET = """
nnc: 1
name: digits
inputs: {{image: [B, 1, 28, 28]}}
layers:
  conv1: Conv2d(6, 5, padding=2)
  act1: ReLU
  pool1: MaxPool2d(2)
  conv2: Conv2d(16, 5)
  act2: ReLU
  pool2: MaxPool2d(2)
  flat: flatten(1)
  fc1: Linear(120)
  act3: ReLU
  fc2: Linear(84)
  act4: ReLU
  fc3: Linear(10)
data:
  train: MNIST("{folder}", train=True)
  transforms: {{image: [ToImage, "ToDtype(float32, scale=True)"]}}
train: {{loss: CrossEntropyLoss, optimizer: SGD(lr=0.05), epochs: 1000, batch_size: 64}}
"""
RESNET = """
extends: resnet.yaml
args: {{block: {block}, layers: {layers}, num_classes: 10}}
data:
  train: {data}
  {more}
  transforms: {{image: [ToImage, "ToDtype(float32, scale=True)", "Normalize([0.5, 0.5, 0.5], [0.25, 0.25, 0.25])"]}}
train: {{loss: CrossEntropyLoss, optimizer: "SGD(lr=0.01, momentum=0.9)", epochs: 1000, batch_size: {batch}}}
"""


def spec(network: str, folder: str) -> str:
    if network == "lenet":
        return LENET.format(folder=folder)
    large = network == "resnet50"
    files = network == "resnet-jpeg"
    return RESNET.format(
        block="Bottleneck" if large else "BasicBlock", layers=[3, 4, 6, 3] if large else [2, 2, 2, 2],
        data=f'ImageFolder("{folder}/images")' if files else f'Npz("{folder}/train.npz")',
        more="workers: 2" if files else "fields: [image, label]", batch=128 if large else 32,
    )  # fmt: skip


class Turns(Reporter):
    """Waits before every epoch, and tells what it took."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self.stopwatch = stopwatch

    def begin(self, facts: Mapping[str, Any]) -> None:
        print(facts)

    def begin_epoch(self, epoch: int, epochs: int, steps: int, done: int) -> None:
        wait()
        self.stopwatch.read()
        self.began = time.perf_counter()

    def end_epoch(self, record: Mapping[str, Any]) -> None:
        seconds = time.perf_counter() - self.began  # nnc's own would count the waiting
        samples = round(record["samples_per_second"] * record["seconds"])
        tell(seconds, samples, record["train"]["loss"], self.stopwatch.read())


def main() -> None:
    network, _, folder, speed, precision = [*sys.argv[1:], *[None] * 5][:5]
    watch = Stopwatch()
    if not torch.cuda.is_available():  # on a GPU these return at once, and say nothing
        Speed.forward = watch.timed("forward", Speed.forward)  # type: ignore[method-assign]
        Loss.__call__ = watch.timed("forward", Loss.__call__)  # type: ignore[method-assign]
        torch.Tensor.backward = watch.timed("backward", torch.Tensor.backward)  # type: ignore[method-assign]
        torch.optim.SGD.step = watch.timed("optimizer", torch.optim.SGD.step)  # type: ignore[method-assign]
    with TemporaryDirectory() as work:
        file = Path(work) / "spec.yaml"
        shutil.copy(Path(nnc.specs.__file__).parent / "resnet.yaml", work)
        file.write_text(spec(str(network), str(folder)))
        device = "cuda" if torch.cuda.is_available() else "cpu"
        run_training(
            file, folder=Path(work) / "run", reporter=Turns(watch), device=device, speed=speed, precision=precision
        )  # fmt: skip


if __name__ == "__main__":
    main()
