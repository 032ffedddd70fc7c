"""Where one process fails, all end, and what is shown is the first error, of the process that had it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nnc.runtime.parallel import World
from nnc.runtime.report import Reporter
from tests.parallel.helpers import DATA, TRAIN, network, run, saved, write_images
from tests.parallel.processes import started, together

TEXT = DATA + TRAIN
SHORT = 5.0  # seconds until a process that waits gives up


class After(Reporter):
    """Does something to this process after some steps."""

    def __init__(self, steps: int, action: Any) -> None:
        self.left, self.action = steps, action

    def step(self, done: int, loss: Any) -> None:
        self.left -= 1
        if self.left == 0:
            self.action()


def fail_in(world: World, folder: Path, rank: int, steps: int, how: str) -> None:
    """A run in which one process fails after some steps."""
    world.begin(torch.device("cpu"), SHORT)
    actions = {"raise": _raise, "kill": lambda: os.kill(os.getpid(), signal.SIGKILL)}
    reporter = After(steps, actions[how]) if world.rank == rank else None
    run(folder, TEXT, world, reporter=reporter)


def _raise() -> None:
    raise RuntimeError("a layer of the user's has a fault")


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_an_error_in_one_process(tmp_path: Path, kind: str) -> None:
    write_images(tmp_path / "train.npz")
    began = time.monotonic()
    said = together(2, tmp_path / "said", fail_in, tmp_path / "run", 1, 3, "raise", expect=(1, 1))
    assert time.monotonic() - began < 20
    assert said[0] == ""  # it waited for the other, which said what was the matter
    assert "a layer of the user's has a fault" in said[1]
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_killed_process(tmp_path: Path) -> None:
    write_images(tmp_path / "train.npz")
    said = together(4, tmp_path / "said", fail_in, tmp_path / "run", 2, 10, "kill", expect=(1, 1, -9, 1))
    shown = [text for text in said if text]
    assert len(shown) == 1  # of three that miss it, one says so
    assert "NNC0930" in shown[0]
    assert saved(tmp_path / "run").state["position"]["epoch"] == 2


def broken_in(world: World, folder: Path) -> None:
    world.begin(torch.device("cpu"), SHORT)
    run(folder, TEXT.replace("CrossEntropyLoss", "NLLLoss"), world, module=Faulty(world.rank == 1))


class Faulty(nn.Module):
    """Gives NaN in one process."""

    def __init__(self, wrong: bool) -> None:
        super().__init__()
        self.inner, self.wrong = network(), wrong

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.inner(x)
        return scores.log_softmax(1) * (float("nan") if self.wrong and self.training else 1.0)


def test_a_number_that_is_none(tmp_path: Path) -> None:
    write_images(tmp_path / "train.npz")
    said = together(2, tmp_path / "said", broken_in, tmp_path / "run", expect=(1, 1))
    assert said[0] == ""
    assert "step 1: the loss is nan" in said[1]
    assert "in rank 1 of 2" in said[1]


def skipping(world: World, folder: Path, policy: str) -> None:
    world.begin(torch.device("cpu"), SHORT)
    result = run(folder, TEXT + f"      non_finite: {policy}\n", world)
    print(result.status, result.step)
    world.end()


@pytest.mark.parametrize("policy", ["skip", "rollback"])
def test_steps_are_left_out_by_all(tmp_path: Path, policy: str) -> None:
    write_images(tmp_path / "train.npz")
    data = dict(np.load(tmp_path / "train.npz"))
    images = data["image"].astype(np.float32)
    images[5] = np.nan
    np.savez(tmp_path / "train.npz", image=images, label=data["label"])
    said = together(2, tmp_path / "said", skipping, tmp_path / "run", policy)
    assert said == ["finished 24\n"] * 2
    position = saved(tmp_path / "run").state["position"]
    assert position["epoch"] == 4


def interrupted(world: World, folder: Path, rank: int) -> None:
    """A signal comes to one of the processes."""
    world.begin(torch.device("cpu"), SHORT)
    stop = After(10, lambda: os.kill(os.getpid(), signal.SIGTERM)) if world.rank == rank else None
    result = run(folder, TEXT, world, reporter=stop)
    print(result.status, result.step, result.exit_code)
    world.end()


@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_one_is_a_signal_to_all(tmp_path: Path, rank: int) -> None:
    write_images(tmp_path / "train.npz")
    said = together(2, tmp_path / "said", interrupted, tmp_path / "run", rank)
    assert said == ["interrupted 11 143\n"] * 2
    assert saved(tmp_path / "run").state["position"]["step"] == 11


def waiting(world: World, folder: Path) -> None:
    if world.main:
        world.begin(torch.device("cpu"), 2)
        run(folder, TEXT, world)


def test_one_that_never_comes(tmp_path: Path) -> None:
    """A process that ends before the others begin is waited for no longer than the timeout."""
    write_images(tmp_path / "train.npz")
    processes = started(2, tmp_path / "said", waiting, tmp_path / "run")
    for process in processes:
        process.join(30)
    assert [p.exitcode for p in processes] == [1, 0]
    assert "NNC0930" in (tmp_path / "said" / "0.txt").read_text()
