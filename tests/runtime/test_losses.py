"""Sums of losses: auxiliary heads, terms of several outputs, and what the log says of them."""

from __future__ import annotations

import json
import signal
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import nnc
from nnc.compiler.driver import compile_text
from nnc.runtime.commands import run_evaluation, run_training
from nnc.runtime.failure import Failure
from nnc.runtime.saving.checkpoint import CheckpointFolder
from nnc.runtime.training.balance import class_weights, positive_weights
from tests.runtime.helpers import StopAfter, same_state, write_images

SPEC = """\
nnc: 1
name: heads
inputs: {image: [B, 1, 8, 8]}
layers:
  conv: Conv2d(4, 3, padding=1)
  act: ReLU
  flat: flatten(1)
  aux: Linear(3)
  fc: {type: Linear(3), from: flat}
outputs:
  logits: fc
  aux: {from: aux, mode: train}
data:
  train: Npz("train.npz")
  validation: 12
  transforms:
    image: [ToImage, "ToDtype(float32, scale=True)"]
train:
  loss:
    - {type: CrossEntropyLoss, from: [logits, label]}
    - {type: CrossEntropyLoss(label_smoothing=0.1), from: [aux, label], factor: 0.4}
  optimizer: SGD(lr=0.1)
  metrics: [Accuracy]
  epochs: 2
  batch_size: 16
"""


def spec(tmp_path: Path, text: str = SPEC) -> Path:
    write_images(tmp_path / "train.npz")
    path = tmp_path / "heads.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_auxiliary_head_counts_in_training_only(tmp_path: Path) -> None:
    trained = run_training(spec(tmp_path), folder=tmp_path / "run")
    first = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[0])
    train, validation = first["train"], first["validation"]
    assert train["loss"] == pytest.approx(train["logits_loss"] + 0.4 * train["aux_loss"], rel=1e-12)
    assert validation["loss"] == validation["logits_loss"]
    assert "aux_loss" not in validation
    assert trained.result.status == "finished"


def test_the_gradient_is_that_of_the_sum(tmp_path: Path) -> None:
    """One step over all samples, beside the same by hand."""
    text = (
        SPEC.replace("epochs: 2", "epochs: 1")
        .replace("batch_size: 16", "batch_size: 64")
        .replace("  metrics: [Accuracy]\n", "")
    )
    trained = run_training(spec(tmp_path, text), folder=tmp_path / "run")
    torch.manual_seed(0)
    model = nnc.load(tmp_path / "heads.yaml")
    from nnc.runtime.data import open_data
    from tests.runtime.helpers import read

    data_config, _ = read(text[text.index("data:") :], outputs=("logits", "aux"))
    split = open_data(data_config, tmp_path).train
    assert split is not None
    batch = next(iter(split.batches(torch.arange(len(split)), 64, torch.device("cpu"))))
    out = model.train()(batch["image"])
    aux = nn.functional.cross_entropy(out["aux"], batch["label"], label_smoothing=0.1)
    (nn.functional.cross_entropy(out["logits"], batch["label"]) + 0.4 * aux).backward()
    with torch.no_grad():
        for p in model.parameters():
            assert p.grad is not None
            p -= 0.1 * p.grad
    for ours, theirs in zip(trained.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)  # another order of the same samples


def test_resumed_in_the_middle(tmp_path: Path) -> None:
    path = spec(tmp_path)
    whole = run_training(path, folder=tmp_path / "whole")
    run_training(path, folder=tmp_path / "run", reporter=StopAfter(2, signal.SIGTERM))
    resumed = run_training(path, folder=tmp_path / "run", resume=True)
    assert same_state(resumed.model.state_dict(), whole.model.state_dict())
    assert resumed.result.quantities == whole.result.quantities
    assert CheckpointFolder(tmp_path / "run" / "checkpoints").names()


FAULTS = {
    "two of a name": (
        SPEC.replace("[aux, label]", "[logits, label]"),
        "two terms of the loss are called `logits_loss`",
    ),
    "only in training": (
        SPEC.replace("    - {type: CrossEntropyLoss, from: [logits, label]}\n", "").replace(
            "from: [aux, label], factor", "from: [aux, label], name: a, factor"
        ),
        "training mode only",
    ),
    "not a number": (SPEC.replace("factor: 0.4", "factor: much"), "`factor` must be a number"),
    "not an output": (SPEC.replace("[aux, label]", "[aus, label]"), "there is no output or field `aus`"),
    "a metric's name": (
        SPEC.replace("[Accuracy]", "{aux_loss: {type: Accuracy, from: [logits, label]}}"),
        "there is a quantity `aux_loss` already",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(name: str) -> None:
    text, expected = FAULTS[name]
    (only,) = compile_text(text).problems
    assert expected in only.message


# -- weights from the data ---------------------------------------------------------------------------------------------


def test_a_class_weighs_by_how_often_it_occurs() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    assert class_weights(labels, 4) == (0.5, 0.75, 1.5, 1.0)
    weighed = sum(class_weights(labels, 3)[i] for i in labels.tolist())
    assert weighed == pytest.approx(6), "all together weigh as much as the samples"
    table = torch.tensor([[1, 0], [0, 0], [0, 0], [1, 0], [0, 0]])
    assert positive_weights(table) == (1.5, 1.0)


BALANCED = SPEC.replace("- {type: CrossEntropyLoss, from", "- {type: CrossEntropyLoss, weight: balanced, from")


def uneven(base: Path) -> None:
    write_images(base / "all.npz", count=90)
    with np.load(base / "all.npz") as arrays:
        keep = (arrays["label"] != 2) | (np.arange(90) < 30)
        np.savez(base / "train.npz", image=arrays["image"][keep], label=arrays["label"][keep])


def test_balanced_is_the_same_as_the_numbers(tmp_path: Path) -> None:
    uneven(tmp_path)
    path = tmp_path / "heads.yaml"
    path.write_text(BALANCED)
    ours = run_training(path, folder=tmp_path / "run")
    (weights,) = json.loads((tmp_path / "run" / "run.json").read_text())["weights"].values()
    assert len(weights) == 3
    assert weights[2] > 1.5 * weights[0]
    path.write_text(
        SPEC.replace("- {type: CrossEntropyLoss, from", f"- {{type: CrossEntropyLoss, weight: {weights}, from")
    )
    theirs = run_training(path, folder=tmp_path / "numbers")
    assert same_state(ours.model.state_dict(), theirs.model.state_dict())
    assert ours.result.quantities == theirs.result.quantities


def test_what_was_counted_goes_with_the_model(tmp_path: Path) -> None:
    """Evaluation has the weights of training, of which the data need not be there."""
    uneven(tmp_path)
    path = tmp_path / "heads.yaml"
    path.write_text(BALANCED)
    trained = run_training(path, folder=tmp_path / "run")
    assert trained.artifact is not None
    assert trained.result.best is not None
    for source in (tmp_path / "run", trained.artifact):
        found = run_evaluation(source, split="validation", device="cpu")
        assert found.quantities["accuracy"] == pytest.approx(trained.result.best.value)
    resumed = run_training(path, folder=tmp_path / "run", resume=True, epochs=3)
    assert resumed.result.status == "finished"


@pytest.mark.parametrize("streamed", [False, True])
def test_labels_are_known_without_reading_images(tmp_path: Path, streamed: bool) -> None:
    from PIL import Image

    for i, name in enumerate(["cat", "cat", "dog"]):
        (tmp_path / "pictures" / name).mkdir(parents=True, exist_ok=True)
        file = tmp_path / "pictures" / name / f"{i}.png"
        if streamed:
            file.write_bytes(b"no image")
        else:
            Image.new("L", (8, 8)).save(file)
    data = 'data:\n  train: ImageFolder("pictures")\n'
    from nnc.runtime.data import open_data
    from tests.runtime.helpers import TRAIN, read

    split = open_data(read(data + textwrap.dedent(TRAIN))[0], tmp_path).train
    assert split is not None
    assert split.labels("label").tolist() == [0, 0, 1]


def test_labels_that_are_no_classes(tmp_path: Path) -> None:
    text = BALANCED.replace("fc: {type: Linear(3)", "fc: {type: Linear(2)").replace("image, label]", "image, label]")
    with pytest.raises(Failure) as caught:
        run_training(spec(tmp_path, text), folder=tmp_path / "run")
    assert caught.value.diagnostics[0].code == "NNC0815"
