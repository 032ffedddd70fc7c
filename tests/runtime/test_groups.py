"""Groups of parameters and what is unfrozen later, against torch.optim by hand."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nnc.runtime.commands import run_training
from nnc.runtime.data.splits import order_of
from nnc.runtime.project import read_project
from tests.runtime.helpers import StopAfter, same_state, write_images

SPEC = """\
nnc: 1
name: net
inputs: {image: [B, 1, 8, 8]}
layers:
  backbone:
    layers:
      conv: Conv2d(4, 3, padding=1)
      bn: BatchNorm2d
      act: ReLU
      conv2: Conv2d(4, 3, padding=1)
      bn2: BatchNorm2d
  flat: flatten(1)
  fc: Linear(3)
data:
  train: Npz("train.npz")
  transforms:
    image: [ToImage, ToDtype(float32)]
train:
  loss: CrossEntropyLoss
  optimizer: AdamW(lr=1e-2)
  epochs: 3
  batch_size: 16
  seed: 3
"""
BATCHES = 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_images(tmp_path / "train.npz")
    return tmp_path


def train(folder: Path, text: str, name: str = "run", **options: Any) -> Any:
    (folder / "spec.yaml").write_text(text)
    return run_training(folder / "spec.yaml", folder=folder / name, device="cpu", **options)


class Hand:
    """The loop that a tutorial would write: `epoch` is what happens before each, `schedule` steps as it is told."""

    def __init__(self, folder: Path, text: str) -> None:
        from nnc.runtime.data import open_data

        (folder / "spec.yaml").write_text(text)
        torch.manual_seed(3)
        project = read_project(folder / "spec.yaml", {}, {})
        self.model: Any = project.module()
        data = open_data(project.data, folder)
        assert data.train is not None
        self.split = data.train

    def run(self, optimizer: torch.optim.Optimizer, before: Any = lambda epoch: None, schedule: Any = None) -> None:
        cpu = torch.device("cpu")
        for epoch in (1, 2, 3):
            self.model.train()
            before(epoch)
            for batch in self.split.batches(order_of(76, 3, epoch, shuffle=True), 16, cpu):
                optimizer.zero_grad()
                nn.functional.cross_entropy(self.model(batch["image"]), batch["label"]).backward()
                optimizer.step()
                if schedule is not None:
                    schedule.step()


def with_optimizer(*lines: str, more: str = "") -> str:
    return SPEC.replace("  optimizer: AdamW(lr=1e-2)\n", "".join(f"  {line}\n" for line in lines)) + more


# -- groups ------------------------------------------------------------------------------------------------------------


def test_types_no_decay_and_depth(folder: Path) -> None:
    text = with_optimizer(
        "optimizer:", "  type: AdamW(lr=1e-2, weight_decay=0.1)", "  no_decay: default", "  layer_decay: 0.5",
        "  groups:", "    - {type: Linear, eps: 1e-6}",
    )  # fmt: skip
    hand = Hand(folder, text)
    body, fc = hand.model.backbone, hand.model.fc
    hand.run(
        torch.optim.AdamW(
            [
                {"params": [body.conv.weight], "lr": 1e-2 * 0.25},
                {"params": [body.conv.bias, *body.bn.parameters()], "lr": 1e-2 * 0.25, "weight_decay": 0.0},
                {"params": [body.conv2.weight], "lr": 1e-2 * 0.5},
                {"params": [body.conv2.bias, *body.bn2.parameters()], "lr": 1e-2 * 0.5, "weight_decay": 0.0},
                {"params": [fc.weight], "eps": 1e-6},
                {"params": [fc.bias], "eps": 1e-6, "weight_decay": 0.0},
            ],
            lr=1e-2,
            weight_decay=0.1,
        )
    )
    done = train(folder, text)
    assert same_state(done.model.state_dict(), hand.model.state_dict())
    log = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["lr"] == pytest.approx([0.0025, 0.0025, 0.005, 0.005, 0.01, 0.01])


@pytest.mark.parametrize(
    ("written", "peaks"),
    [("0.1", [0.05, 0.05, 0.1]), ("[0.3, 0.2, 0.1]", [0.3, 0.2, 0.1])],
    ids=["a number stands for the base rate", "a list for the groups"],
)
def test_one_cycle_keeps_the_ratios(folder: Path, written: str, peaks: list[float]) -> None:
    text = with_optimizer(
        "optimizer:", "  type: SGD(lr=1e-2, momentum=0.9)", "  groups:",
        "    - {match: backbone.*, lr: 5e-3}", "    - {match: 'backbone.bn*', momentum: 0.5}",
        f"scheduler: OneCycleLR({written}, total_steps=steps)",
    )  # fmt: skip
    hand = Hand(folder, text)
    body, fc = hand.model.backbone, hand.model.fc
    convolutions = [*body.conv.parameters(), *body.conv2.parameters()]
    norms = [*body.bn.parameters(), *body.bn2.parameters()]
    groups = [
        {"params": convolutions, "lr": 5e-3}, {"params": norms, "lr": 5e-3, "momentum": 0.5}, {"params": list(fc.parameters())}
    ]  # fmt: skip
    optimizer = torch.optim.SGD(groups, lr=1e-2, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peaks, total_steps=3 * BATCHES)
    hand.run(optimizer, schedule=schedule)
    assert same_state(train(folder, text).model.state_dict(), hand.model.state_dict())


# -- unfreezing --------------------------------------------------------------------------------------------------------

UNFREEZE = (
    SPEC.replace("data:\n", "freeze: backbone\ndata:\n", 1)
    + """\
  scheduler: StepLR(1, 0.5)
  unfreeze:
    - {match: [backbone.conv2, backbone.bn2], epoch: 2, lr: 1e-3}
    - {match: backbone, epoch: 3, lr: 1e-4, STATISTICS}
"""
)


@pytest.mark.parametrize("statistics", [True, False])
def test_unfrozen_in_turn(folder: Path, statistics: bool) -> None:
    """The loop of torchvision's transfer learning tutorial, where the frozen layers are in evaluation mode until they are
    trained."""
    text = UNFREEZE.replace("STATISTICS", f"statistics: {str(statistics).lower()}")
    hand = Hand(folder, text)
    body = hand.model.backbone
    last = [*body.conv2.parameters(), *body.bn2.parameters()]
    first = [*body.conv.parameters(), *body.bn.parameters()]
    optimizer = torch.optim.AdamW(
        [{"params": first, "lr": 1e-4}, {"params": last, "lr": 1e-3}, {"params": list(hand.model.fc.parameters())}],
        lr=1e-2,
    )
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    seen = []

    def before(epoch: int) -> None:
        if epoch > 1:
            schedule.step()
        for parameter in first:
            parameter.requires_grad_(epoch > 2)
        for parameter in last:
            parameter.requires_grad_(epoch > 1)
        body.bn.train(epoch > 2 and statistics)
        body.bn2.train(epoch > 1)
        seen.append([p.requires_grad for p in (first[0], last[0])])

    hand.run(optimizer, before)
    done = train(folder, text)
    assert seen == [[False, False], [False, True], [True, True]]
    assert same_state(done.model.state_dict(), hand.model.state_dict())
    still = "backbone.bn.running_mean"
    assert torch.equal(done.model.state_dict()[still], torch.zeros(4)) is not statistics


@pytest.mark.parametrize("more", [pytest.param("", marks=pytest.mark.nightly), "  swa: 2\n"], ids=["plain", "averages"])
def test_resumed_equals_uninterrupted(folder: Path, more: str) -> None:
    """Before and after each of the epochs."""
    text = UNFREEZE.replace(", STATISTICS", "") + more
    whole = train(folder, text, "whole")
    train(folder, text, reporter=StopAfter(4, signal.SIGTERM))
    train(folder, text, resume=True, reporter=StopAfter(3, signal.SIGTERM))
    done = train(folder, text, resume=True, reporter=StopAfter(4, signal.SIGTERM))
    done = train(folder, text, resume=True)
    assert done.result.status == "finished"
    assert done.result.quantities == whole.result.quantities
    assert same_state(done.model.state_dict(), whole.model.state_dict())


def test_what_stays_frozen_keeps_its_statistics_in_the_average(folder: Path) -> None:
    """The pass over the training data is for the layers that are trained."""
    from nnc.runtime.saving.artifact import load_with_header

    text = SPEC.replace("data:\n", "freeze: backbone.bn\ndata:\n", 1) + "  swa: 2\n"
    done = train(folder, text)
    state = load_with_header(done.artifact)[0].state_dict()
    assert torch.equal(state["backbone.bn.running_mean"], torch.zeros(4))
    assert not torch.equal(state["backbone.bn2.running_mean"], torch.zeros(4))


# -- several optimizers that share the parameters ------------------------------------------------------------------------

SHARED = SPEC.replace("  optimizer: AdamW(lr=1e-2)\n", """\
  optimizer:
    - {type: Muon(lr=0.02), parameters: fc, ndim: 2}
    - {type: SGD(lr=0.1), parameters: [backbone.bn, backbone.bn2]}
    - {type: AdamW(lr=1e-3), no_decay: default}
  scheduler: OneCycleLR(0.04, total_steps=steps, cycle_momentum=False)
""")  # fmt: skip


def test_muon_and_adamw_share_the_parameters(folder: Path) -> None:
    """As Muon is used: matrices are its, the rest another's. One scheduler keeps their ratio."""
    hand = Hand(folder, SHARED)
    body, fc = hand.model.backbone, hand.model.fc
    muon = torch.optim.Muon([fc.weight], lr=0.02)
    sgd = torch.optim.SGD([*body.bn.parameters(), *body.bn2.parameters()], lr=0.1)
    convolutions = [body.conv.weight, body.conv2.weight]
    biases = [body.conv.bias, body.conv2.bias, fc.bias]
    adam = torch.optim.AdamW([{"params": convolutions}, {"params": biases, "weight_decay": 0.0}], lr=1e-3)
    every = (muon, sgd, adam)
    peaks = (0.04, 0.2, [0.002, 0.002])
    plans = [
        torch.optim.lr_scheduler.OneCycleLR(o, p, total_steps=3 * BATCHES, cycle_momentum=False)
        for o, p in zip(every, peaks, strict=True)
    ]

    class All:
        def __getattr__(self, name: str) -> Any:
            return lambda: [getattr(one, name)() for one in (plans if self is schedule else every)]

    optimizers, schedule = All(), All()
    hand.run(optimizers, schedule=schedule)  # type: ignore[arg-type]
    done = train(folder, SHARED)
    for name, value in done.model.state_dict().items():
        torch.testing.assert_close(value, hand.model.state_dict()[name], rtol=1e-6, atol=1e-8)
    log = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
    assert len(log[-1]["lr"]) == 4


def test_shared_parameters_and_resume(folder: Path) -> None:
    text = SHARED + "  ema: 0.9\n  clip_grad_norm: 1.0\n"
    whole = train(folder, text, "whole")
    train(folder, text, reporter=StopAfter(7, signal.SIGTERM))
    done = train(folder, text, resume=True)
    assert done.result.status == "finished"
    assert done.result.quantities == whole.result.quantities
    assert same_state(done.model.state_dict(), whole.model.state_dict())
