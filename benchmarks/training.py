"""Samples a second in training: nnc against hand-written loops, Keras 3 on torch, and Lightning.

python benchmarks/training.py [lenet] [resnet] [jpeg] [gpu] [--epochs N] [--samples N] [--rivals PYTHON]

Every contestant is a process of its own (its memory and its threads are its own affair) that is told to go, trains one
epoch, and waits: so they take turns, and medians over the epochs are compared. The first epoch warms up. `train_by_hand.py`
has the loops that people write, `train_by_rivals.py` Keras and Lightning, which need an environment of their own:

    python -m venv /tmp/rivals && /tmp/rivals/bin/pip install torch torchvision keras lightning

Where the time of a step goes (forward, backward, optimizer, the rest) is measured by the contestants themselves, with
perf_counter around the three; nothing else happens there on a CPU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).parent
MNIST = HERE.parents[1] / "shared" / "data" / "mnist-10k"
PARTS = ("forward", "backward", "optimizer")


@dataclass
class Contestant:
    """A process that trains one epoch whenever it is told to."""

    name: str
    process: subprocess.Popen[str]
    epochs: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def start(cls, name: str, python: str, script: str, *arguments: str) -> Contestant:
        command = [python, str(HERE / script), *arguments]
        return cls(name, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))

    def ready(self) -> bool:
        """Whether it can go on; a rival that is not installed says so and ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("ready"):
                return True
            if line.startswith("skip"):
                print(f"  {self.name}: left out, {line.removeprefix('skip').strip()}")
                return False
        print(f"  {self.name}: left out, it ended with {self.process.wait()}")
        return False

    def go(self) -> None:
        """One epoch, to its end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("epoch "):
                self.epochs.append(json.loads(line.removeprefix("epoch ")))
                return
        raise SystemExit(f"{self.name} ended with {self.process.wait()}")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def race(title: str, contestants: list[Contestant], epochs: int, base: str, goal: str) -> None:
    """Epoch by epoch in turn, and then the table."""
    there = [c for c in contestants if c.ready()]
    for turn in range(epochs + 1):
        shift = turn % len(there)
        for contestant in there[shift:] + there[:shift]:
            contestant.go()
            if not contestant.ready():
                raise SystemExit(f"{contestant.name} stopped early")
    for contestant in there:
        contestant.end()
    report(title, there, base, goal)


def report(title: str, contestants: list[Contestant], base: str, goal: str) -> None:
    """Medians over the epochs after the first; in the rest of a step is everything but forward, backward and optimizer."""
    print(f"\n{title}   (goal: {goal})")
    rates = {c.name: statistics.median(e["samples"] / e["seconds"] for e in c.epochs[1:]) for c in contestants}
    width = max(map(len, rates))
    for contestant in contestants:
        measured = contestant.epochs[1:]
        line = f"  {contestant.name:<{width}}  {rates[contestant.name]:>9,.0f} samples/s"
        line += f"   ×{rates[contestant.name] / rates[base]:.3f}" if base in rates else ""
        if all("forward" in e for e in measured):
            shares = {p: statistics.median(e[p] / e["seconds"] for e in measured) for p in PARTS}
            line += "   " + "  ".join(f"{p} {shares[p]:5.1%}" for p in PARTS)
            line += f"  rest {1 - sum(shares.values()):5.1%}"
        losses = " ".join(f"{e['loss']:.4f}" for e in contestant.epochs[:4] if e.get("loss") is not None)
        print(f"{line}   loss {losses}")


def by_hand(name: str, loop: str, options: argparse.Namespace, *arguments: str) -> Contestant:
    return Contestant.start(name, sys.executable, "train_by_hand.py", loop, str(options.samples), *arguments)


def by_nnc(name: str, network: str, options: argparse.Namespace, *arguments: str) -> Contestant:
    return Contestant.start(name, sys.executable, "train_by_nnc.py", network, str(options.samples), *arguments)


def by_rival(name: str, options: argparse.Namespace, network: str, folder: str) -> Contestant:
    rival = name.split()[0].lower()
    return Contestant.start(
        name, options.rivals, "train_by_rivals.py", rival, network, str(options.samples), folder
    )  # fmt: skip


def lenet(options: argparse.Namespace) -> None:
    folder = str(MNIST)
    contestants = [
        by_hand("the tutorial's loop", "lenet-tutorial", options, folder),
        by_hand("tensors in memory", "lenet-memory", options, folder),
        by_nnc("nnc", "lenet", options, folder),
        by_nnc("nnc, channels_last", "lenet", options, folder, "{channels_last: true}"),
        *(by_rival(rival, options, "lenet", folder) for rival in ("Keras 3 on torch", "Lightning") if options.rivals),
    ]
    race("LeNet, 28×28 digits, batches of 64", contestants, options.epochs, "the tutorial's loop", "nnc ≥ ×1.6")


def resnet(options: argparse.Namespace) -> None:
    with TemporaryDirectory() as folder:
        make_images(Path(folder), options.samples, jpeg=False)
        contestants = [
            by_hand("hand-written", "resnet-memory", options, folder),
            by_nnc("nnc", "resnet", options, folder),
            by_hand("hand-written, channels_last", "resnet-memory", options, folder, "channels_last"),
            by_nnc("nnc, channels_last", "resnet", options, folder, "{channels_last: true}"),
            *(
                by_rival(rival, options, "resnet", folder)
                for rival in ("Keras 3 on torch", "Lightning")
                if options.rivals
            ),
        ]
        race(
            "resnet18, 3×64×64 in memory, batches of 32", contestants, options.epochs, "hand-written",
            "nnc ≥ ×1.0, rest ≤ 3 %",
        )  # fmt: skip


def jpeg(options: argparse.Namespace) -> None:
    with TemporaryDirectory() as folder:
        make_images(Path(folder), options.samples, jpeg=True)
        contestants = [
            by_hand("hand-written", "resnet-jpeg", options, folder),
            by_nnc("nnc", "resnet-jpeg", options, folder),
        ]
        race(
            "resnet18, 3×64×64 from JPEG files, 2 workers, batches of 32", contestants, options.epochs, "hand-written",
            "nnc ≥ ×1.0, rest ≤ 3 %",
        )  # fmt: skip


def gpu(options: argparse.Namespace) -> None:
    import torch

    if not torch.cuda.is_available():
        print("\ngpu: left out, this machine has no CUDA GPU that torch can use")
        return
    with TemporaryDirectory() as folder:
        make_images(Path(folder), options.samples, jpeg=False, size=224)
        fast = "{compile: true, channels_last: true, deterministic: false, optimizer: fused}"
        contestants = [
            by_hand("hand-written", "resnet50-gpu", options, folder),
            by_nnc("nnc", "resnet50", options, folder, fast, "bf16"),
        ]
        race(
            "resnet50, 3×224×224, bf16 + channels_last + compile, batches of 128", contestants, options.epochs,
            "hand-written", "nnc ≥ ×1.0",
        )  # fmt: skip
    folder = str(MNIST)
    contestants = [
        by_nnc("nnc, eager", "lenet", options, folder, "{deterministic: false}"),
        by_nnc("nnc, CUDA graphs", "lenet", options, folder, "{cuda_graphs: true, deterministic: false}"),
    ]
    race("LeNet on a GPU, batches of 64", contestants, options.epochs, "nnc, eager", "CUDA graphs ≥ ×2")


def make_images(folder: Path, count: int, *, jpeg: bool, size: int = 64) -> None:
    """Images of ten classes, as `train.npz` or as JPEG files in a folder per class."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    labels = np.arange(count) % 10
    if not jpeg:
        images = random.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
        np.savez(folder / "train.npz", image=images, label=labels)
        return
    for number, label in enumerate(labels):
        there = folder / "images" / str(label)
        there.mkdir(parents=True, exist_ok=True)
        coarse = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((size, size)).save(there / f"{number}.jpg", quality=90)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="lenet, resnet, jpeg, gpu (default: all)")
    parser.add_argument("--epochs", type=int, default=7, help="measured epochs, after one to warm up")
    parser.add_argument("--samples", type=int, default=1024, help="images in an epoch (LeNet: at most 8,000)")
    parser.add_argument("--rivals", default="/tmp/rivals/bin/python", help="a Python with keras and lightning, or ''")
    options = parser.parse_args()
    if options.rivals and not Path(options.rivals).exists():
        print(f"Keras and Lightning: left out, there is no {options.rivals}")
        options.rivals = ""
    RACES = {"lenet": lenet, "resnet": resnet, "jpeg": jpeg, "gpu": gpu}
    for part in options.parts or RACES:
        RACES[part](options)
