"""A run goes on with another number of processes, and comes to where it would have come; with the same number it is the same to
the last bit, dropout and batch statistics included."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

from nnc.runtime.parallel import ALONE, World
from tests.parallel.helpers import distance, network, run, saved, write_images
from tests.parallel.processes import together
from tests.parallel.test_equal import EXACT, log_of, text_of
from tests.parallel.test_failing import After
from tests.runtime.helpers import network as noisy

COURSE = "optimizer: AdamW(1e-2)\n      ema: 0.9\n      scheduler: OneCycleLR(0.05, total_steps=steps)"


def part(world: World, folder: Path, text: str, stop: int, kind: str) -> None:
    """Goes on for `stop` steps, 0 for the rest."""
    if world is not ALONE:
        world.begin(torch.device("cpu"), 30)
    asked = After(stop, lambda: os.kill(os.getpid(), signal.SIGTERM)) if world.main and stop else None
    module = noisy().double() if kind == "noisy" else network()
    run(folder, text, world, resume=folder.exists(), reporter=asked, module=module)
    if world is not ALONE:
        world.end()


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_with_other_processes(tmp_path: Path, kind: str) -> None:
    """Begun by 4, stopped in the middle of an epoch, taken up by 2, by 3, and ended by one."""
    write_images(tmp_path / "train.npz")
    text = text_of(COURSE, kind)
    run(tmp_path / "alone", text)
    for size, stop, step in ((4, 5, 6), (2, 6, 13), (3, 3, 16)):
        together(size, tmp_path / f"said{size}", part, tmp_path / "run", text, stop, kind)
        assert saved(tmp_path / "run").state["position"]["step"] == step
    part(ALONE, tmp_path / "run", text, 0, kind)
    one, many = saved(tmp_path / "alone"), saved(tmp_path / "run")
    assert distance(one.model, many.model) < EXACT
    for name in ("optimizer", "averaging"):
        assert distance({name: one.state[name]}, {name: many.state[name]}) < EXACT, name
    assert distance({"log": log_of(tmp_path / "alone")}, {"log": log_of(tmp_path / "run")}) < EXACT


def test_with_the_same_processes(tmp_path: Path) -> None:
    write_images(tmp_path / "train.npz")
    text = text_of(COURSE, "ddp")
    together(2, tmp_path / "said0", part, tmp_path / "whole", text, 0, "noisy")
    together(2, tmp_path / "said1", part, tmp_path / "run", text, 11, "noisy")
    together(2, tmp_path / "said2", part, tmp_path / "run", text, 0, "noisy")
    whole, resumed = saved(tmp_path / "whole"), saved(tmp_path / "run")
    assert all(torch.equal(whole.model[n], resumed.model[n]) for n in whole.model)
    assert distance({"log": log_of(tmp_path / "whole")}, {"log": log_of(tmp_path / "run")}) < EXACT  # sums of sums
