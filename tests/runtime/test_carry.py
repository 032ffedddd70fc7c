"""State carried from batch to batch, against the loop of PyTorch's word_language_model example
(https://github.com/pytorch/examples/tree/main/word_language_model)."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nnc
from nnc.compiler.driver import compile_text
from nnc.runtime.commands import open_spec_data, run_evaluation, run_prediction, run_training
from nnc.runtime.evaluation.metrics import LossAverage
from nnc.runtime.failure import Failure
from nnc.runtime.project import read_project
from nnc.runtime.trials.batch_size import find_batch_size
from nnc.runtime.trials.trial import trying
from tests.expectations import compare
from tests.runtime.helpers import StopAfter, same_state

STREAMS, WINDOW, WORDS = 4, 5, 11
SPEC = """\
nnc: 1
name: words
inputs:
  tokens: {shape: [B, T], dtype: int64}
  h0: [2, B, 6]
  c0: [2, B, 6]
layers:
  encoder: {type: "Embedding(11, 5)", from: tokens}
  drop: Dropout(0.2)
  rnn: {type: LSTM, hidden_size: 6, num_layers: 2, batch_first: true, from: [drop, h0, c0]}
  decoder: {type: Linear(11), from: rnn.output}
  scores: permute(decoder, 0, 2, 1)
outputs: {logits: scores, h: rnn.h_n, c: rnn.c_n}
data:
  fields: [tokens, following]
  train: Npz("train.npz")
  validation: Npz("valid.npz")
train:
  loss: CrossEntropyLoss
  optimizer: SGD(lr=1.0)
  clip_grad_norm: 0.25
  scheduler: ReduceLROnPlateau(factor=0.25, patience=0)
  epochs: 3
  batch_size: 4
  shuffle: false
  seed: 5
  carry: {h0: h, c0: c}
"""


def write_windows(path: Path, windows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Streams side by side, cut into windows: sample `n` is window `n // STREAMS` of stream `n % STREAMS`."""
    words = np.random.default_rng(seed).integers(0, WORDS, (STREAMS, windows * WINDOW + 1))
    inputs = words[:, :-1].reshape(STREAMS, windows, WINDOW).swapaxes(0, 1)
    following = words[:, 1:].reshape(STREAMS, windows, WINDOW).swapaxes(0, 1)
    np.savez(path, tokens=inputs.reshape(-1, WINDOW), following=following.reshape(-1, WINDOW))
    return torch.from_numpy(inputs.copy()), torch.from_numpy(following.copy())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_windows(tmp_path / "train.npz", 7, 0)
    write_windows(tmp_path / "valid.npz", 3, 1)
    (tmp_path / "spec.yaml").write_text(SPEC)
    return tmp_path


def train(folder: Path, name: str = "run", text: str = SPEC, **options: Any) -> Any:
    (folder / "spec.yaml").write_text(text)
    return run_training(folder / "spec.yaml", folder=folder / name, device="cpu", **options)


def by_hand(folder: Path) -> tuple[nn.Module, list[float], list[float]]:
    """The example's `train()` and `evaluate()`: the losses of all batches, and the validation's of all epochs."""
    data, valid = write_windows(folder / "train.npz", 7, 0), write_windows(folder / "valid.npz", 3, 1)
    torch.manual_seed(5)
    model = read_project(folder / "spec.yaml", {}, {}).module()
    torch.manual_seed(5)
    lr, best, losses, validation = 1.0, None, [], []
    criterion = nn.CrossEntropyLoss()
    for _ in range(3):
        model.train()
        hidden = (torch.zeros(2, STREAMS, 6), torch.zeros(2, STREAMS, 6))
        for tokens, following in zip(*data, strict=True):
            model.zero_grad()
            hidden = tuple(h.detach() for h in hidden)
            found = model(tokens, *hidden)
            hidden = (found["h"], found["c"])
            loss = criterion(found["logits"], following)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.25)
            with torch.no_grad():
                for p in model.parameters():
                    p.add_(p.grad, alpha=-lr)
            losses.append(loss.item())
        model.eval()
        total = 0.0
        with torch.no_grad():
            hidden = (torch.zeros(2, STREAMS, 6), torch.zeros(2, STREAMS, 6))
            for tokens, following in zip(*valid, strict=True):
                found = model(tokens, *hidden)
                hidden = (found["h"], found["c"])
                total += STREAMS * criterion(found["logits"], following).item()
        validation.append(total / (3 * STREAMS))
        if best is None or validation[-1] < best:
            best = validation[-1]
        else:
            lr /= 4
    return model, losses, validation


def test_as_in_the_example(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, losses, validation = by_hand(folder)
    seen: list[float] = []
    plain = LossAverage.add

    def add(self: LossAverage, values: Any, count: int, *more: Any) -> None:
        seen.append(values["loss"].item())
        plain(self, values, count, *more)

    monkeypatch.setattr(LossAverage, "add", add)
    done = train(folder)
    assert [v for i, v in enumerate(seen) if i % 10 < 7] == losses
    assert same_state(done.model.state_dict(), model.state_dict())
    assert done.result.quantities["validation.loss"] == pytest.approx(validation[-1], rel=1e-12)
    found = run_evaluation(folder / "run", split="validation", device="cpu").quantities
    assert found["loss"] == pytest.approx(min(validation), rel=1e-6)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param("  checkpoint_every: 1\n", id="plain", marks=pytest.mark.nightly),
        pytest.param("  accumulate: 2\n  ema: 0.9\n", id="more"),
    ],
)
def test_resumed_equals_uninterrupted(folder: Path, more: str) -> None:
    """Interrupted in the middle of epochs: the state is in the checkpoint."""
    text = SPEC.replace("  seed: 5\n", f"  seed: 5\n{more}")
    whole = train(folder, "whole", text)
    train(folder, "run", text, reporter=StopAfter(3, signal.SIGTERM))
    train(folder, "run", text, resume=True, reporter=StopAfter(4, signal.SIGTERM))
    done = train(folder, "run", text, resume=True)
    assert done.result.status == "finished"
    assert done.result.quantities == whole.result.quantities
    assert same_state(done.model.state_dict(), whole.model.state_dict())


def test_a_smaller_last_batch_goes_on_with_the_first_rows(folder: Path) -> None:
    """10 samples in batches of 4: the last two continue the first two streams."""
    data = np.load(folder / "train.npz")
    np.savez(folder / "train.npz", tokens=data["tokens"][:10], following=data["following"][:10])
    assert train(folder).result.status == "finished"


def test_a_batch_that_goes_wrong_begins_anew(folder: Path) -> None:
    text = SPEC.replace("  seed: 5\n", "  seed: 5\n  non_finite: skip\n").replace("lr=1.0", "lr=1e38")
    text = text.replace("  clip_grad_norm: 0.25\n", "")
    with pytest.raises(Failure, match="for the 6th time"):
        train(folder, text=text)


def test_other_data_that_fits(folder: Path) -> None:
    assert open_spec_data(folder / "spec.yaml").train is not None


def test_what_is_carried_decides_the_course(folder: Path) -> None:
    train(folder, reporter=StopAfter(2, signal.SIGTERM))
    with pytest.raises(Failure, match="carry was"):
        train(folder, text=SPEC.replace("h0: h,", "h0: {from: h, start: 1},"), resume=True)


def test_prediction_begins_with_the_first_state(folder: Path) -> None:
    done = train(folder, text=SPEC.replace("h0: h, c0: c", "h0: {from: h, start: 0.5}, c0: c"))
    tokens = np.load(folder / "valid.npz")["tokens"]
    np.savez(folder / "some.npz", tokens=tokens)
    found = list(run_prediction(done.artifact, [folder / "some.npz"], device="cpu", batch_size=5))
    assert len(found) == len(tokens)
    model = nnc.load(done.artifact).eval()
    with torch.no_grad():
        state = (torch.full((2, len(tokens), 6), 0.5), torch.zeros(2, len(tokens), 6))
        expected = model(torch.from_numpy(tokens), *state)["logits"]
    for one, logits in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.tensor(one["outputs"]["logits"]), logits)


FAULTS = {
    "{h1: h, c0: c}": '# error: [unknown-quantity] "no input `h1`"',
    "{h0: h_n, c0: c}": '# error: [unknown-quantity] "no output `h_n`"',
    "{h0: logits, c0: c}": '# error: [conflicting-settings] "cannot come back as `h0`"',
    "{h0: {from: h, strt: 1}}": '# error: [unknown-key] "start"',
    "{h0: {from: h, start: a}}": '# error: [wrong-training-value] "a number"',
    "[h0]": '# error: [wrong-value] "a mapping from inputs"',
}


@pytest.mark.parametrize("written", FAULTS)
def test_faults(written: str) -> None:
    text = SPEC.replace("  carry: {h0: h, c0: c}\n", f"  carry: {written}  {FAULTS[written]}\n")
    assert compare(text, compile_text(text).problems.sorted()) == []


def test_the_largest_batch_is_found(folder: Path) -> None:
    """Batches of every size begin without a state."""
    with trying(folder / "spec.yaml", device="cpu") as trial:
        assert find_batch_size(trial, largest=8).suggested <= 8


def test_no_stochastic_average() -> None:
    text = SPEC + '  swa: 2  # error: [conflicting-settings] "without a state that is carried along"\n'
    assert compare(text, compile_text(text).problems.sorted()) == []


def test_a_size_that_nothing_says() -> None:
    text = """\
nnc: 1
name: net
inputs: {x: [B, 4], state: [N, 4]}
layers:
  next: state * 0.5
  out: {type: Linear(3), from: x}
outputs: {logits: out, next: next}
data:
  fields: [x, label]
  train: Npz("train.npz")
train:
  loss: CrossEntropyLoss
  optimizer: SGD
  epochs: 1
  shuffle: false
  carry: {state: next}  # error: [conflicting-settings] "nothing says how large `N` of `state` is"
"""
    assert compare(text, compile_text(text).problems.sorted()) == []
