"""Out of memory: the layer is named, in whichever pass it was, at its line, with the batch and what would help."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nnc.runtime.commands import run_training
from nnc.runtime.failure import Failure
from nnc.runtime.saving.checkpoint import CheckpointFolder
from nnc.runtime.training.loop import Loop
from nnc.runtime.training.memory import is_out_of_memory, layer_of
from tests.runtime.killing import started

SPEC = """\
nnc: 1
name: hungry
inputs: {x: [B, 8]}
blocks:
  Part:
    inputs: {x: [B, D]}
    layers:
      fc: Linear(D)
      act: ReLU
layers:
  first: Part
  second: Part
  head: Linear(2)
data:
  fields: [x, y]
  train: Npz("data.npz")
train:
  loss: CrossEntropyLoss
  optimizer: SGD(lr=0.1)
  epochs: 3
  batch_size: 16
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    x = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=(x[:, 0] > 0).astype(np.int64))
    (tmp_path / "hungry.yaml").write_text(SPEC)
    return tmp_path / "hungry.yaml"


class Exhausted(torch.autograd.Function):
    """The identity, which runs out of memory on the way back."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore text")


def run_out(monkeypatch: pytest.MonkeyPatch, *, steps: int, backward: bool) -> None:
    """From step number `steps` on, the layer `second.fc` runs out of memory."""
    forward, calls = nn.Linear.forward, [0]

    def limited(self: nn.Linear, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.out_features == 2:
            return forward(self, x)
        calls[0] += 1
        here = calls[0] % 2 == 0 and calls[0] > 2 * (steps - 1)  # two such layers, of which it is the second
        if here and not backward:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore text")
        return forward(self, Exhausted.apply(x) if here else x)

    monkeypatch.setattr(nn.Linear, "forward", limited)


@pytest.mark.parametrize("backward", [False, True])
def test_the_layer_is_named_at_its_line(spec: Path, monkeypatch: pytest.MonkeyPatch, backward: bool) -> None:
    run_out(monkeypatch, steps=6, backward=backward)
    folder = spec.parent / "run"
    with pytest.raises(Failure) as caught:
        run_training(spec, folder=folder, device="cpu")
    (found,) = caught.value.diagnostics
    which = "backward" if backward else "forward"
    assert found.code == "NNC0850"
    assert found.message == f"step 6 ran out of memory in the {which} pass of `second.fc`, with batches of 16 on cpu"
    assert SPEC.splitlines()[found.span.line - 1].strip() == "fc: Linear(D)"
    assert found.notes == (
        "the last checkpoint is intact",
        "torch says: CUDA out of memory. Tried to allocate 2.00 GiB.",
        "`batch_size: 8` with `accumulate: 2` makes the same steps with half the memory",
        "`nnc train --find-batch-size` finds the largest batch that fits",
        "`speed: {checkpointing: true}` keeps fewer activations, and computes them again",
    )
    assert CheckpointFolder(folder / "checkpoints").newest()[0].name == "000001"


def test_validation_runs_out(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec.write_text(SPEC.replace("  train: Npz", "  validation: 16\n  train: Npz"))
    forward = nn.Linear.forward

    def limited(self: nn.Linear, x: torch.Tensor) -> torch.Tensor:
        evaluated[0] += not self.training and self.out_features == 2
        if evaluated[0] > 1:  # the first is the trial before the first step
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, x)

    evaluated = [0]
    monkeypatch.setattr(nn.Linear, "forward", limited)
    with pytest.raises(Failure) as caught:
        run_training(spec, folder=spec.parent / "run", device="cpu")
    (found,) = caught.value.diagnostics
    assert found.message.startswith("validation after step 3 ran out of memory in the forward pass of `head`")
    assert SPEC.splitlines()[found.span.line - 1].strip() == "head: Linear(2)"


def test_a_run_goes_on_from_its_checkpoint(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run_training(spec, folder=spec.parent / "whole", device="cpu").model.state_dict()
    with monkeypatch.context() as exhausted:
        run_out(exhausted, steps=6, backward=True)
        with pytest.raises(Failure):
            run_training(spec, folder=spec.parent / "run", device="cpu")
    resumed = run_training(spec, folder=spec.parent / "run", device="cpu", resume=True).model.state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_the_machine_s_own_memory(spec: Path) -> None:
    """A process that may have no more than it has needs a gigabyte for a layer. It is no fork of this one: torch's threads do
    not survive that once a test before has run a backward pass."""
    spec.write_text(SPEC.replace("head: Linear(2)", "wide: Linear(2000000)\n  head: Linear(2)"))
    said = spec.parent / "said.txt"
    process = started(train_without_memory, spec, said)
    process.join(60)
    assert said.read_text().startswith("Failure: "), said.read_text()
    assert "ran out of memory" in said.read_text()
    assert "`wide`, with batches of 16 on cpu" in said.read_text()
    assert "hungry.yaml:13" in said.read_text()


def train_without_memory(spec: Path, said: Path) -> None:
    Loop.run = limited(Loop.run)  # type: ignore[method-assign]  # of this process alone
    try:
        run_training(spec, folder=spec.parent / "run", device="cpu")
    except BaseException as error:
        said.write_text(f"{type(error).__name__}: {error}")


def limited(run: Any) -> Any:
    """From here on, 100 MB more than there are."""

    def within(*args: Any, **options: Any) -> Any:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20), used + (100 << 20)))
        return run(*args, **options)

    return within


def test_what_is_out_of_memory() -> None:
    with pytest.raises(RuntimeError, match="allocate") as refused:
        torch.empty(1 << 50)
    assert is_out_of_memory(refused.value)
    assert is_out_of_memory(torch.OutOfMemoryError("x"))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_no_layer_is_named_where_none_was_met() -> None:
    assert layer_of(ValueError("x"), nn.Linear(1, 1)) is None
