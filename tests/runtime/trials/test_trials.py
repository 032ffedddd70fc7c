"""Trials find out what they say, and leave nothing behind."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnc.runtime.commands import run_training
from nnc.runtime.failure import Failure
from nnc.runtime.trials import dry_run, find_batch_size, find_learning_rate, profile, trying, write_rates
from nnc.runtime.trials.batch_size import TriedSize
from nnc.runtime.trials.learning_rate import steepest

SPEC = """\
nnc: 1
name: signs
inputs: {x: [B, 8]}
blocks:
  Part:
    inputs: {x: [B, D]}
    layers:
      fc: Linear(D)
      bn: BatchNorm1d
      out: relu(bn) + x
layers:
  first: Part
  second: Part
  head: Linear(2)
data:
  fields: [x, y]
  train: Npz("data.npz")
  validation: 20
train:
  loss: CrossEntropyLoss
  optimizer:
    type: SGD(lr=0.1, momentum=0.9, weight_decay=0.01)
    groups:
      - {match: "head.*", lr: 1.0, weight_decay: 0}
  scheduler: CosineAnnealingLR(T_max=steps)
  metrics: [Accuracy]
  epochs: 2
  batch_size: 16
  accumulate: 2
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    x = np.random.default_rng(0).normal(size=(148, 8)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=(x[:, 0] + x[:, 1] > 0).astype(np.int64))
    (tmp_path / "signs.yaml").write_text(SPEC)
    return tmp_path / "signs.yaml"


@pytest.fixture(autouse=True)
def nothing_is_left(spec: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Neither beside the spec, nor in the working folder, nor where temporary files are."""
    elsewhere = spec.parent / "temporary"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    monkeypatch.chdir(spec.parent)
    before = sorted(spec.parent.rglob("*"))
    yield
    left = [p for p in sorted(spec.parent.rglob("*")) if p not in before and p.suffix not in (".svg", ".json")]
    assert left == []


def test_dry_run(spec: Path) -> None:
    heard: list[str] = []
    with trying(spec, device="cpu") as trial:
        found = dry_run(trial, lambda done: heard.append(done.what))
    assert heard == ["data", "check", "step", "schedule", "validation", "checkpoint"]
    results = {d.what: d.result for d in found.done}
    assert results["data"] == "8 batches of 16 in an epoch: x [16, 8] float32, y [16] int64"
    assert results["step"].endswith("; 10 of 10 parameters changed")
    assert results["schedule"] == "learning rate 0.1, 1 → 0.09619, 0.9619 after the step"
    assert results["validation"].startswith("loss 0.")
    assert results["checkpoint"].endswith("MiB written, read again and compared; nothing is left of it")
    assert [(g.rate, g.decay, g.numbers) for g in found.groups] == [
        (0.1, 0.01, 2 * (64 + 8 + 16)),
        (1.0, 0, 18),
    ]
    assert found.groups[1].names == ("head.weight", "head.bias")
    assert found.facts["data"] == "128 samples in batches of 16, 2 to a step, 20 for validation"


def test_a_dry_run_says_what_does_not_fit(spec: Path) -> None:
    spec.write_text(SPEC.replace("head: Linear(2)", "head: Linear(1)"))
    with pytest.raises(Failure) as caught, trying(spec, device="cpu") as trial:
        dry_run(trial)
    assert caught.value.code in ("NNC0813", "NNC0815")


def test_a_run_after_a_trial_is_as_without(spec: Path) -> None:
    whole = run_training(spec, folder=spec.parent / "temporary" / "a.json", device="cpu").model.state_dict()
    with trying(spec, device="cpu") as trial:
        dry_run(trial)
    with trying(spec, device="cpu") as trial:
        find_learning_rate(trial, steps=10)
    with trying(spec, device="cpu") as trial:
        find_batch_size(trial, largest=8)
    again = run_training(spec, folder=spec.parent / "temporary" / "b.json", device="cpu").model.state_dict()
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    import shutil

    for name in ("a.json", "b.json"):
        shutil.rmtree(spec.parent / "temporary" / name)


# -- the batch size ----------------------------------------------------------------------------------------------------


class Machine:
    """Stands for a device: batches above `fits` do not fit, and the rate is as `rate` says."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, fits: int, rate: Any, cpu: bool, bytes_each: int = 0
    ) -> None:
        from nnc.runtime.trials import batch_size

        def seconds(search: Any, size: int) -> float:
            if size > fits:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return float(size / rate(size))

        self.size = 0
        monkeypatch.setattr(batch_size._Search, "seconds", seconds)
        monkeypatch.setattr(batch_size._Search, "memory", lambda search: bytes_each * search.size_now)
        init, attempt = batch_size._Search.__init__, batch_size._Search.attempt

        def begin(search: Any, *args: Any) -> None:
            init(search, *args)
            search.cpu = cpu

        def attempting(search: Any, size: int) -> TriedSize:
            search.size_now = size
            return attempt(search, size)

        monkeypatch.setattr(batch_size._Search, "__init__", begin)
        monkeypatch.setattr(batch_size._Search, "attempt", attempting)


@pytest.mark.parametrize("fits", [5, 37, 100, 127])
def test_a_gpu_s_memory_decides(spec: Path, monkeypatch: pytest.MonkeyPatch, fits: int) -> None:
    Machine(monkeypatch, fits=fits, rate=lambda size: 1000, cpu=False)
    with trying(spec, device="cpu") as trial:
        found = find_batch_size(trial)
    assert found.reason == "larger ones do not fit into memory"
    assert found.suggested <= fits < found.suggested + max(1, found.suggested // 8) + 1
    assert len(found.tried) < 14


def test_all_the_data_fit(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, fits=1000, rate=lambda size: 1000, cpu=False)
    with trying(spec, device="cpu") as trial:
        found = find_batch_size(trial)
    assert (found.suggested, found.reason) == (128, "the training data have 128 samples")


def test_not_even_two_samples(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, fits=1, rate=lambda size: 1000, cpu=False)
    with trying(spec, device="cpu") as trial, pytest.raises(Failure, match="not even a batch of 2 fits"):
        find_batch_size(trial)


def test_a_cpu_s_gain_decides(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, fits=1000, rate=lambda size: min(size, 8) * 100, cpu=True)
    with trying(spec, device="cpu") as trial:
        found = find_batch_size(trial, room=1 << 40)
    assert (found.suggested, found.reason) == (8, "larger ones are not faster")


def test_a_cpu_s_memory_is_not_filled(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, fits=1000, rate=lambda size: size, cpu=True, bytes_each=1 << 30)
    with trying(spec, device="cpu") as trial:
        found = find_batch_size(trial, room=20 << 30)
    assert [t.size for t in found.tried] == [2, 4, 8, 16]
    assert found.reason == "a batch of 32 would need about 32.0 GiB, most of what is left"


def test_for_real(spec: Path) -> None:
    with trying(spec, device="cpu") as trial:
        found = find_batch_size(trial, largest=16)
    assert all(t.fits and t.seconds > 0 for t in found.tried)
    assert found.suggested in [t.size for t in found.tried]


# -- the learning rate -------------------------------------------------------------------------------------------------


def test_a_sweep_finds_where_the_loss_falls(spec: Path, tmp_path: Path) -> None:
    with trying(spec, device="cpu") as trial:
        found = find_learning_rate(trial, lowest=1e-5, highest=100, steps=60)
        ratio = [g["lr"] for g in trial.loop.training.updater.optimizer.param_groups]
    assert ratio[1] == pytest.approx(10 * ratio[0])
    assert len(found.rates) == len(found.losses) == len(found.smoothed)
    assert found.rates[0] == pytest.approx(1e-5)
    assert found.suggested is not None
    assert 1e-4 < found.suggested < found.at_minimum < 50
    write_rates(found, tmp_path / "rates.svg")
    assert "learning rate" in (tmp_path / "rates.svg").read_text()


def test_the_steepest_place() -> None:
    rates = [10 ** (i / 10) for i in range(40)]
    losses = [2.0 if i < 15 else 2.0 - 0.1 * (i - 15) if i < 25 else 1.0 + (i - 25) for i in range(40)]
    losses[20] -= 0.1  # here it falls fastest
    suggested, lowest = steepest(rates, losses)
    assert suggested == pytest.approx(rates[19])
    assert lowest == pytest.approx(rates[25])
    assert steepest(rates, sorted(losses)) == (None, None)


def test_a_loss_that_is_no_number_ends_a_sweep(spec: Path) -> None:
    with trying(spec, device="cpu") as trial:
        found = find_learning_rate(trial, lowest=1e-3, highest=1e38, steps=60)
    assert 3 <= len(found.rates) < 60
    assert all(math.isfinite(loss) for loss in found.losses)


# -- where time goes ---------------------------------------------------------------------------------------------------


def test_profile(spec: Path, tmp_path: Path) -> None:
    with trying(spec, device="cpu") as trial:
        forwards = {n: vars(m).get("forward") for n, m in trial.loop.model.named_modules()}
        found = profile(trial, tmp_path / "trace.json")
        assert forwards == {n: vars(m).get("forward") for n, m in trial.loop.model.named_modules()}
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in trial.loop.model.modules())
    rows = {r.path: r for r in found.rows}
    lines = SPEC.splitlines()
    assert {p: lines[r.line - 1].strip() for p, r in rows.items() if r.line and p.endswith("fc")} == {
        "first.fc": "fc: Linear(D)",
        "second.fc": "fc: Linear(D)",
    }
    assert lines[rows["head"].line - 1].strip() == "head: Linear(2)"
    assert all(r.forward > 0 for r in found.rows)
    assert rows["second.fc"].backward > 0
    # (2 · 16 · 8 · 8) for the forward pass and for the gradients of inputs and weights, which the first layer's need not
    assert rows["second.fc"].flops == 2 * 3 * 2 * 16 * 8 * 8
    assert rows["first.fc"].flops == 2 * 2 * 2 * 16 * 8 * 8
    assert rows["second.fc"].kept == 16 * 8 * 4 * 2
    assert 0 < found.optimizer < found.step
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {"step", "network", "first.fc", "second.bn"} <= {e.get("name") for e in events}
