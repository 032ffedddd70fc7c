"""A GAN's steps and a stream's, against the loops of their tutorials on the same networks and batches.

python benchmarks/steps.py [--repeats N]

Beside the time, which is that of one batch, stand the calls of Python functions in it: for small networks these decide, and
they are the same on a busy machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import interleave, table
from torch import nn

from nnc.runtime.trials.trial import Trial, trying

ROOT = Path(__file__).parents[1]
GAN = ROOT / "examples" / "gan" / "dcgan.yaml"
STREAM = """\
nnc: 1
name: words
inputs: {tokens: {shape: [B, T], dtype: int64}, h0: [1, B, 64], c0: [1, B, 64]}
layers:
  encoder: {type: Embedding, num_embeddings: 200, embedding_dim: 32, from: tokens}
  rnn: {type: LSTM, hidden_size: 64, batch_first: true, from: [encoder, h0, c0]}
  decoder: {type: Linear, out_features: 200, from: rnn.output}
  scores: transpose(decoder, 1, 2)
outputs: {logits: scores, h: rnn.h_n, c: rnn.c_n}
data: {fields: [tokens, following], train: 'Npz("train.npz")'}
train:
  loss: CrossEntropyLoss
  optimizer: SGD(lr=0.1)
  clip_grad_norm: 0.25
  epochs: 1
  batch_size: 20
  shuffle: false
  carry: {h0: h, c0: c}
"""


def dcgan(model: Any, images: torch.Tensor) -> Callable[[], None]:
    """One batch of the DCGAN tutorial's loop, with losses on logits."""
    generator, discriminator, criterion = model.generator, model.discriminator, nn.BCEWithLogitsLoss()
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    batches = cycle(torch.split(images, 64)[:-1])

    def step() -> None:
        image = next(batches)
        discriminator.zero_grad()
        output = discriminator(image)
        error_real = criterion(output, torch.ones_like(output))
        error_real.backward()
        fake = generator(torch.randn(len(image), 16, 1, 1))
        output = discriminator(fake.detach())
        error_fake = criterion(output, torch.zeros_like(output))
        error_fake.backward()
        optimizer_d.step()
        generator.zero_grad()
        output = discriminator(fake)
        error = criterion(output, torch.ones_like(output))
        error.backward()
        optimizer_g.step()
        (error_real + error_fake).item(), error.item()  # what the tutorial prints

    return step


def word_language_model(model: Any, tokens: torch.Tensor, following: torch.Tensor) -> Callable[[], None]:
    """One batch of the example's loop."""
    criterion, batches = (
        nn.CrossEntropyLoss(),
        cycle(zip(torch.split(tokens, 20), torch.split(following, 20), strict=True)),
    )
    state = {"hidden": (torch.zeros(1, 20, 64), torch.zeros(1, 20, 64)), "total": 0.0}

    def step() -> None:
        data, targets = next(batches)
        model.zero_grad()
        found = model(data, *(h.detach() for h in state["hidden"]))
        state["hidden"] = (found["h"], found["c"])
        loss = criterion(found["logits"], targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-0.1)
        state["total"] += loss.item()

    return step


@contextmanager
def ours(spec: Path) -> Iterator[tuple[Trial, Callable[[], None]]]:
    with trying(spec, device="cpu") as trial:
        steps = trial.steps()
        trial.loop.training.enter_epoch()
        yield trial, lambda: trial.loop.take_step(next(steps))


def calls(step: Callable[[], None], count: int = 20) -> float:
    """Calls of Python functions in one step."""
    found = 0

    def seen(frame: Any, event: str, argument: Any) -> None:
        nonlocal found
        found += event == "call"

    step()
    sys.setprofile(seen)
    try:
        for _ in range(count):
            step()
    finally:
        sys.setprofile(None)
    return found / count


def compare(title: str, spec: Path, by_hand: Callable[[Any, Trial], Callable[[], None]], repeats: int) -> None:
    with ours(spec) as (trial, step):
        hand = by_hand(trial.prepared.project.module().train(), trial)
        rows = interleave({"by hand": hand, "nnc": step}, repeats=repeats, inner=10)
        print(table(title, rows, base="by hand", goal="≤ 1.05"))
        print(f"  calls of Python functions in a step: by hand {calls(hand):.0f}, nnc {calls(step):.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        words = np.random.default_rng(0).integers(0, 200, (2, 2000, 35))
        np.savez(Path(folder) / "train.npz", tokens=words[0], following=words[1])
        stream = Path(folder) / "words.yaml"
        stream.write_text(STREAM)
        digits = np.load(ROOT / "examples" / "data" / "digits" / "digits.npz")["train_images"]
        images = (torch.from_numpy(digits).float().unsqueeze(1) - 8) / 8
        compare("DCGAN on digits 8×8", GAN, lambda model, trial: dcgan(model, images), options.repeats)
        tokens, following = map(torch.from_numpy, words)
        compare(
            "LSTM over a stream, 20 × 35", stream,
            lambda model, trial: word_language_model(model, tokens, following), options.repeats,
        )  # fmt: skip


if __name__ == "__main__":
    main()
