"""The run that is killed, starved and damaged: a small network with everything that has state, through the whole program
(`run_training`), so that run.json, the log, checkpoints and the saved model are all at stake."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from nnc.runtime.commands import run_training
from nnc.runtime.failure import Failure
from nnc.runtime.report import Reporter
from nnc.runtime.runs import ARTIFACT, CHECKPOINTS, LOG, RUN
from nnc.runtime.saving.artifact import load_with_header
from nnc.runtime.saving.checkpoint import CheckpointFolder
from tests.runtime.helpers import write_images
from tests.runtime.killing import started

__all__ = ["Ending", "begin", "checkpoints_of", "ending", "go_on", "write_project"]

SPEC = """\
nnc: 1
name: trial
inputs: {image: [B, 1, 8, 8]}
layers:
  conv: Conv2d(4, 3, padding=1)
  bn: BatchNorm2d
  act: relu
  drop: Dropout(0.3)
  flat: flatten(1)
  fc: Linear(3)
data:
  train: Npz("train.npz")
  validation: 12
  transforms:
    image:
      train: [ToImage, "RandomCrop(8, padding=1)", "ToDtype(float32)"]
      eval: [ToImage, "ToDtype(float32)"]
train:
  loss: CrossEntropyLoss
  optimizer: AdamW(lr=1e-2)
  scheduler: CosineAnnealingLR(steps)
  metrics: [Accuracy]
  ema: 0.9
  epochs: 3
  batch_size: 16
  seed: 7
  checkpoint_every: 1
"""


@dataclass(frozen=True)
class Ending:
    """What a run came to: digests of the weights in the newest checkpoint and in the saved model, and the log without
    its clock times."""

    checkpoint: str
    model: str
    log: str


def write_project(folder: Path) -> Path:
    """The spec with its data; the file's path."""
    write_images(folder / "train.npz")
    path = folder / "trial.yaml"
    path.write_text(SPEC)
    return path


def go_on(spec: Path, folder: Path) -> None:
    """Trains to the end: from where the folder's run stands, or from the beginning where none was begun. Raises
    `Failure`."""
    torch.set_num_threads(1)
    run_training(spec, folder=folder, device="cpu", resume=(folder / RUN).exists(), reporter=Reporter())


def and_say(spec: Path, folder: Path) -> None:
    """`go_on`, the faults written to a file beside the folder."""
    try:
        go_on(spec, folder)
    except Failure as failure:
        folder.with_suffix(".failure").write_text(str(failure))


def begin(spec: Path, folder: Path) -> BaseProcess:
    """A process that trains; `folder` with the suffix .failure is what it says where it cannot."""
    return started(and_say, spec, folder)


def checkpoints_of(folder: Path) -> CheckpointFolder:
    return CheckpointFolder(folder / CHECKPOINTS)


def ending(folder: Path) -> Ending:
    newest, wrong = checkpoints_of(folder).newest()
    assert newest is not None
    assert not wrong
    model, _ = load_with_header(folder / ARTIFACT)
    lines = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    log = [{k: v for k, v in line.items() if "second" not in k} for line in lines]
    return Ending(digest(dict(newest.model)), digest(model.state_dict()), json.dumps(log))


def digest(tensors: dict[str, torch.Tensor]) -> str:
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)} ".encode())
        found.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
