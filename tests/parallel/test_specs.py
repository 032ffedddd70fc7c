"""Whole specs on two processes: what a file may ask for beside a plain loss and optimizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnc.runtime.commands import run_training
from nnc.runtime.parallel import ALONE, World
from tests.parallel.helpers import distance, saved, write_images
from tests.parallel.processes import together
from tests.runtime.test_carry import SPEC as CARRIED
from tests.runtime.test_carry import write_windows

NEAR = 2e-5  # float32, with sums in another order
HEAD = """\
nnc: 1
name: t
inputs: {image: [B, 1, 8, 8]}
"""
DATA = """\
data:
  train: Npz("train.npz")
  validation: 12
  transforms: {image: [ToImage, ToDtype(float32), "Normalize([8.0], [6.0])"]}
"""
TRAIN = """\
train:
  loss: CrossEntropyLoss
  optimizer: SGD(0.05, momentum=0.9)
  metrics: [Accuracy]
  epochs: 2
  batch_size: 16
  device: cpu
"""
PLAIN = "layers: {flat: flatten(1), hidden: Linear(24), act: tanh, last: Linear(3)}\n"
AUXILIARY = """\
layers:
  flat: flatten(1)
  hidden: Linear(24)
  act: tanh
  spare: Linear(5)
  last: {type: Linear(3), from: act}
outputs: {output: last, spare: spare}
"""
STEPS = """\
layers:
  flat: flatten(1)
  first: Linear(8)
  code: tanh
  second: Linear(64)
  guess: {type: Linear(3), from: code}
outputs: {picture: second, output: guess}
"""
GAN = """\
train:
  epochs: 2
  batch_size: 16
  device: cpu
  steps:
    autoencoder:
      parameters: [first, second]
      loss:
        layers:
          loss: mean((picture - flatten(image, 1)) ** 2)
      optimizer: Adam(lr=2e-3)
    classifier:
      parameters: guess
      loss: {type: CrossEntropyLoss, from: [output, label]}
      optimizer: SGD(0.05)
"""
HALF = {"half": "ddp", "half sharded": "fsdp"}  # bf16: near, and with FSDP parameters are sent in bf16 too
SPECS = {
    "plain": HEAD + PLAIN + DATA + TRAIN,
    "unused": HEAD + AUXILIARY + DATA + TRAIN,  # `spare` is in no loss: DDP must not wait for its gradient
    "unfrozen": HEAD + PLAIN + "freeze: hidden\n" + DATA + TRAIN + "  unfreeze: {match: hidden, epoch: 2}\n",
    "unfrozen sharded": HEAD
    + PLAIN
    + "freeze: hidden\n"
    + DATA
    + TRAIN
    + "  unfreeze: {match: hidden, epoch: 2}\n  parallel: fsdp\n",
    "steps": HEAD + STEPS + DATA + GAN,
    "weighted": HEAD + PLAIN + DATA.replace("  validation", "  sampler: Balanced\n  validation") + TRAIN,
    "carried": CARRIED.replace("train.npz", "words.npz").replace("Dropout(0.2)", "Dropout(0.0)") + "  device: cpu\n",
    **{name: HEAD + PLAIN + DATA + TRAIN + f"  precision: bf16\n  parallel: {kind}\n" for name, kind in HALF.items()},
    "ranked": HEAD + PLAIN + DATA + TRAIN.replace("[Accuracy]", "[AUROC, F1Score]"),
}


def write(base: Path) -> None:
    base.mkdir(exist_ok=True)
    write_images(base / "train.npz")
    write_windows(base / "words.npz", 7, 0)
    write_windows(base / "valid.npz", 3, 1)
    for name, text in SPECS.items():
        (base / f"{name}.yaml").write_text(text)


def train_all(world: World, base: Path, names: list[str]) -> None:
    """One spec after the other, by processes that stay together."""
    world.begin(torch.device("cpu"), 30)
    end, world.begin, world.end = world.end, lambda device, timeout: None, world.barrier  # type: ignore[method-assign]
    agreed = world.agreed
    for name in names:
        world.agreed = lambda key, value, of=name: agreed(f"{of}/{key}", value)  # type: ignore[method-assign]
        run_training(base / f"{name}.yaml", folder=base / name, world=world)
    end()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders of the runs on one process and on two."""
    alone, several = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("several")
    write(alone)
    write(several)
    for name in SPECS:
        run_training(alone / f"{name}.yaml", folder=alone / name, world=ALONE)
    said = together(2, several / "said", train_all, several, list(SPECS))
    assert said == ["", ""]
    return alone, several


@pytest.mark.parametrize("name", SPECS)
def test_near(runs: tuple[Path, Path], name: str) -> None:
    alone, several = (saved(base / name) for base in runs)
    near = 0.03 if name in HALF else NEAR
    assert distance(alone.model, several.model) < near
    if name not in HALF:
        assert distance({"log": log_of(runs[0] / name)}, {"log": log_of(runs[1] / name)}) < near
    assert (runs[1] / name / "model.safetensors").stat().st_size > 0


def test_what_was_asked_for_was_done(runs: tuple[Path, Path]) -> None:
    plain, unfrozen = (saved(runs[1] / name).model for name in ("plain", "unfrozen"))
    assert not torch.equal(plain["hidden.weight"], unfrozen["hidden.weight"])
    assert saved(runs[1] / "unused").model["spare.weight"].std() > 0
    assert distance(plain, saved(runs[1] / "half").model) > NEAR
    assert {"auroc", "f1_score"} <= log_of(runs[1] / "ranked")[0]["validation"].keys()


def log_of(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if "second" not in k} for line in lines]


def broken_pictures(base: Path) -> None:
    """20 image files in two classes, of which two are no images."""
    from PIL import Image

    random = np.random.default_rng(0)
    for i in range(20):
        folder = base / "pictures" / ("cat" if i % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (8, 8), dtype=np.uint8)).save(folder / f"{i:02}.png")
    for name in ("cat/03.png", "dog/08.png"):
        (base / "pictures" / name).write_bytes(b"no image")


PICTURES = """\
data:
  train: ImageFolder("pictures")
  on_error: {policy}
  workers: 0
  transforms: {{image: [Grayscale, "ToDtype(float32, scale=True)"]}}
"""


@pytest.mark.parametrize("size", [2, 4])
def test_files_that_cannot_be_read_are_left_out_by_all(tmp_path: Path, size: int) -> None:
    broken_pictures(tmp_path)
    text = HEAD + PLAIN + PICTURES.format(policy="skip") + TRAIN.replace("16", "4")
    for name in ("alone", "several"):
        (tmp_path / f"{name}.yaml").write_text(text)
    run_training(tmp_path / "alone.yaml", folder=tmp_path / "alone")
    together(size, tmp_path / "said", train_all, tmp_path, ["several"])
    one, many = log_of(tmp_path / "alone"), log_of(tmp_path / "several")
    assert [line.get("dropped") for line in one if "epochs" in line] == [2, 2]
    assert distance({"log": sorted(map(str, map(names_of, one)))}, {"log": sorted(map(str, map(names_of, many)))}) == 0
    assert distance(saved(tmp_path / "alone").model, saved(tmp_path / "several").model) < NEAR


def names_of(line: dict[str, Any]) -> Any:
    return (line.get("event"), line.get("names"), line.get("dropped"))


def test_a_file_of_one_process_that_cannot_be_read(tmp_path: Path) -> None:
    """By default that ends the run: all of it, with the name of the file."""
    broken_pictures(tmp_path)
    (tmp_path / "run.yaml").write_text(HEAD + PLAIN + PICTURES.format(policy="fail") + TRAIN)
    said = together(2, tmp_path / "said", train_all, tmp_path, ["run"], expect=(1, 1))
    shown = [text for text in said if text]
    assert len(shown) == 1
    assert ".png" in shown[0]
    assert "of 2" in shown[0]
