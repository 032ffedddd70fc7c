"""Scaling over two processes: ours against torch's own DDP in a hand-written script, on the CPU (Gloo).

python benchmarks/distributed.py [turns] [steps]

Four contestants take turns: nnc and the script, on one process and on two, with the same network (resnet18 for 3×32×32), the same
samples and batches of 64 in all. The time is that of the steps of an epoch, from the second on, without starting processes,
checkpoints and validation. Efficiency is t₁ / (2 t₂); on two cores that share memory it is below 1 for both.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import Row, table
from torch import nn
from torch._C._distributed_c10d import FileStore

from nnc.runtime.commands import run_training
from nnc.runtime.parallel import ALONE, World
from nnc.runtime.parallel.group import Group
from nnc.runtime.project import read_project
from nnc.runtime.report import Reporter

BATCH, LR, MOMENTUM = 64, 0.01, 0.9
GOAL = "nnc's efficiency ≥ 0.98 of the script's"
SPEC = f"""\
nnc: 1
name: scaling
inputs: {{image: [B, 3, 32, 32]}}
layers: {{net: zoo:resnet18(num_classes=10)(image)}}
data: {{train: Npz("train.npz")}}
train:
  loss: CrossEntropyLoss
  optimizer: SGD({LR}, momentum={MOMENTUM})
  epochs: 1
  batch_size: {BATCH}
  device: cpu
"""


class Clock(Reporter):
    """The seconds of an epoch's steps, from the second on."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def step(self, done: int, loss: Callable[[], float]) -> None:
        self.times.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        return (self.times[-1] - self.times[0]) / (len(self.times) - 1)


def ours(world: World, base: Path, turn: int) -> float:
    clock = Clock()
    run_training(base / "spec.yaml", folder=base / f"run{turn}", reporter=clock, world=world)
    return clock.seconds


def by_hand(world: World, base: Path, turn: int) -> float:
    """What the tutorial on DDP teaches (https://docs.pytorch.org/tutorials/intermediate/ddp_tutorial.html)."""
    from torch.nn.parallel import DistributedDataParallel
    from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

    data = np.load(base / "train.npz")
    dataset = TensorDataset(torch.from_numpy(data["image"]), torch.from_numpy(data["label"]))
    sampler: Any = DistributedSampler(dataset) if world.size > 1 else None
    loader = DataLoader(dataset, batch_size=BATCH // world.size, sampler=sampler, shuffle=sampler is None)
    torch.manual_seed(0)
    model: nn.Module = read_project(base / "spec.yaml", {}, {}).module()
    if world.size > 1:
        model = DistributedDataParallel(model)
    loss_function, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    times: list[float] = []
    model.train()
    for image, label in loader:
        optimizer.zero_grad()
        loss = loss_function(model(image), label)
        loss.backward()
        optimizer.step()
        loss.item()  # a script that shows or sums its loss
        times.append(time.perf_counter())
    return (times[-1] - times[0]) / (len(times) - 1)


def process(rank: int, size: int, base: Path, turns: int, results: Any) -> None:
    """One of `size` processes: both contestants, in turns."""
    torch.set_num_threads(1)
    world = ALONE if size == 1 else Group(FileStore(str(base / "store"), size), rank, size, local_size=size)
    if size > 1:
        world.begin(torch.device("cpu"), 600)
        world.begin, world.end = lambda device, timeout: None, world.barrier  # type: ignore[method-assign]
        world.agreed = lambda key, value: value()  # type: ignore[method-assign]
    for turn in range(turns + 1):
        found = {}
        for name, contestant in (("nnc", ours), ("script", by_hand))[:: 1 if turn % 2 else -1]:
            world.barrier()
            found[name] = contestant(world, base, turn)
        if turn and rank == 0:  # the first one warms up
            results.put((size, found))
    world.barrier()


def rounds(turns: int, base: Path) -> Mapping[tuple[str, int], list[float]]:
    """Seconds of a step, by contestant and number of processes. One process and two take turns too."""
    context = multiprocessing.get_context("spawn")
    found: dict[tuple[str, int], list[float]] = {}
    for turn in range(turns):
        for size in (1, 2) if turn % 2 else (2, 1):
            results = context.Queue()
            folder = Path(tempfile.mkdtemp(dir=base))
            for file in ("spec.yaml", "train.npz"):
                os.symlink(base / file, folder / file)
            running = [context.Process(target=process, args=(r, size, folder, 1, results)) for r in range(size)]
            for one in running:
                one.start()
            for name, seconds in results.get(timeout=900)[1].items():
                found.setdefault((name, size), []).append(seconds)
            for one in running:
                one.join()
    return found


def main(turns: int = 5, steps: int = 12) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as where:
        base = Path(where)
        random = np.random.default_rng(0)
        images = random.normal(size=(BATCH * steps, 3, 32, 32)).astype(np.float32)
        np.savez(base / "train.npz", image=images, label=random.integers(0, 10, BATCH * steps))
        (base / "spec.yaml").write_text(SPEC)
        found = rounds(turns, base)
    rows = [
        Row(f"{name}, {size} process{'es' if size > 1 else ''}", *_quarters(found[name, size]))
        for size in (1, 2)
        for name in ("nnc", "script")
    ]
    print(table("a step of resnet18, 3×32×32, batch 64", rows, base="script, 1 process", goal=GOAL))
    one = {name: float(np.median(found[name, 1])) for name in ("nnc", "script")}
    two = {name: float(np.median(found[name, 2])) for name in ("nnc", "script")}
    efficiency = {name: one[name] / (2 * two[name]) for name in one}
    ratio = efficiency["nnc"] / efficiency["script"]
    print(
        f"  efficiency over 2 processes: nnc {efficiency['nnc']:.3f}, script {efficiency['script']:.3f}, ratio {ratio:.3f}"
    )
    print(f"  a step on 2 processes: nnc takes {two['nnc'] / two['script']:.3f} of the script's time")


def _quarters(seconds: list[float]) -> tuple[float, float, float]:
    low, median, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    return float(median), float(low), float(high)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
