"""What changes the course of training: accumulation, averages of the weights, an early end, numbers that are none."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from nnc.runtime.data import open_data
from nnc.runtime.data.splits import order_of
from nnc.runtime.failure import Failure
from nnc.runtime.saving.checkpoint import CheckpointFolder
from nnc.runtime.training.averaging import averaged_weights
from tests.runtime.helpers import DATA, TRAIN, StopAfter, network, read, run, same_state, write_images


def plain(seed: int = 1) -> nn.Module:
    """No batch statistics and no dropout: the gradient of a batch is the mean of its samples'."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 3)).double()


DOUBLE = DATA.replace("ToDtype(float32)", "ToDtype(float64)")


def with_keys(*lines: str, train: str = TRAIN) -> str:
    return train + "".join(f"      {line}\n" for line in lines)


def signature() -> Any:
    from nnc.compiler.types.dim import size
    from nnc.compiler.types.dtype import DType
    from nnc.compiler.types.tensor import TensorType
    from nnc.runtime.signature import Signature

    return Signature({"x": TensorType((size("B"), 1, 8, 8), DType.float64)})


# -- accumulation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("optimizer", ["SGD(lr=1e-2, momentum=0.9)", "LBFGS(lr=0.1, max_iter=3)"])
def test_four_small_batches_are_one_large_one(tmp_path: Path, reduction: str, optimizer: str) -> None:
    """64 samples: a full step of 4 × 12 and a ragged one of 12 + 4. The plain mean of batch means would differ there."""
    train = TRAIN.replace("AdamW(lr=1e-2)", optimizer).replace(
        "CrossEntropyLoss", f'CrossEntropyLoss(reduction="{reduction}")'
    )
    large = train.replace("batch_size: 16", "batch_size: 48").replace("1e-2", "1e-4" if reduction == "sum" else "1e-2")
    small = large.replace("batch_size: 48", "batch_size: 12\n      accumulate: 4")
    _, expected = run(tmp_path / "large", DOUBLE + large, module=plain(), signature=signature())
    result, found = run(tmp_path / "small", DOUBLE + small, module=plain(), signature=signature())
    assert result.step == 6
    for a, b in zip(found.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
    assert not torch.equal(next(found.parameters()), next(plain().parameters()))


def test_the_log_counts_samples_and_not_batches(tmp_path: Path) -> None:
    """The training loss of the first epoch is the mean over samples whatever the batches, while nothing is learned."""
    still = TRAIN.replace("AdamW(lr=1e-2)", "SGD(lr=0.0)").replace("epochs: 3", "epochs: 1")
    losses = []
    for name, keys in {"a": "batch_size: 64", "b": "batch_size: 12\n      accumulate: 5"}.items():
        text = DOUBLE + still.replace("batch_size: 16", keys)
        result, _ = run(tmp_path / name, text, module=plain(), signature=signature())
        losses.append(result.quantities["train.loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_schedulers_count_steps_not_batches(tmp_path: Path) -> None:
    text = DATA + with_keys("accumulate: 2", "scheduler: LinearLR(0.5, 0.0, total_iters=steps)")
    result, _ = run(tmp_path / "run", text)
    assert result.step == 6
    log = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert json.loads(log[-1])["lr"] == [pytest.approx(0.0)]


COURSES = {
    "accumulate": ["accumulate: 3"],
    "ema": ["ema: {decay: 0.9, start: 2, every: 2}"],
    "swa": ["swa: {start: 2, lr: 0.02, anneal_epochs: 2}", "scheduler: StepLR(1, 0.5)"],
    "early": ["early_stopping: 1"],
    "all": ["accumulate: 2", "ema: 0.9", "early_stopping: {patience: 5, min_delta: 0.1}", "checkpoint_every: 1"],
}


@pytest.mark.parametrize("keys", COURSES.values(), ids=COURSES)
def test_resumed_equals_uninterrupted(tmp_path: Path, keys: list[str]) -> None:
    """After every single step."""
    text = DATA + with_keys(*keys)
    whole, expected = run(tmp_path / "whole", text)
    result, found = run(tmp_path / "run", text, reporter=StopAfter(1, signal.SIGTERM))
    for _ in range(20):
        if result.status == "finished":
            break
        result, found = run(tmp_path / "run", text, resume=True, reporter=StopAfter(1, signal.SIGTERM))
    assert result.status == "finished"
    assert (result.step, result.quantities, result.epoch) == (whole.step, whole.quantities, whole.epoch)
    assert same_state(found.state_dict(), expected.state_dict())
    averages = [averages_of(tmp_path / name) for name in ("run", "whole")]
    if any("ema" in k or "swa" in k for k in keys):
        assert same_state(averages[0], averages[1])


def averages_of(folder: Path) -> dict[str, torch.Tensor]:
    newest, _ = CheckpointFolder(folder / "checkpoints").newest()
    assert newest is not None
    return averaged_weights(newest.state["averaging"]) or {}


# -- averages ----------------------------------------------------------------------------------------------------------


def by_hand(base: Path, text: str) -> tuple[nn.Module, AveragedModel]:
    """The loop that a tutorial would write, up to the averages."""
    data_config, config = read(text)
    split = open_data(data_config, base).train
    assert split is not None
    model = without_dropout()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    ema = config.averaging is not None and config.averaging.kind == "ema"
    average = (
        AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True) if ema else AveragedModel(model)
    )
    cpu = torch.device("cpu")
    for epoch in range(1, 4):
        order = order_of(len(split), config.seed, epoch, shuffle=True)
        for batch in split.batches(order, 16, cpu, seed=config.seed, epoch=epoch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(batch["image"]), batch["label"]).backward()
            optimizer.step()
            if ema:
                average.update_parameters(model)
        if not ema and epoch >= 2:
            average.update_parameters(model)
            images = [b["image"] for b in split.batches(torch.arange(len(split)), 16, cpu, seed=config.seed, epoch=0)]
            update_bn(images, average)
    return model, average


@pytest.mark.parametrize("key", ["ema: 0.9", "swa: 2"])
def test_as_torchs_own_averages(tmp_path: Path, key: str) -> None:
    text = DATA + with_keys(key)
    write_images(tmp_path / "train.npz")
    _, found = run(tmp_path / "run", text, module=without_dropout())
    model, average = by_hand(tmp_path, text)
    assert same_state(found.state_dict(), model.state_dict())
    assert same_state(averages_of(tmp_path / "run"), average.module.state_dict())
    assert not same_state(average.module.state_dict(), model.state_dict())


def without_dropout() -> nn.Module:
    model = network()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def test_validation_and_artifact_take_the_average(tmp_path: Path) -> None:
    """A decay of almost one keeps the average at the first steps' weights: validation stays poor while training learns."""
    slow, _ = run(tmp_path / "slow", DATA + with_keys("ema: 0.9999999"))
    usual, _ = run(tmp_path / "usual")
    assert usual.quantities["train.loss"] == slow.quantities["train.loss"]
    assert usual.quantities["validation.loss"] < slow.quantities["validation.loss"]


# -- an early end ------------------------------------------------------------------------------------------------------


def test_early_stopping(tmp_path: Path) -> None:
    """Nothing is learned with lr 0, so the first epoch stays the best: 1 + 2 epochs."""
    train = (
        TRAIN.replace("AdamW(lr=1e-2)", "SGD(lr=0.0)").replace("epochs: 3", "epochs: 50").replace("[Accuracy]", "[]")
    )
    module = plain()
    result, _ = run(
        tmp_path / "run", DOUBLE + with_keys("early_stopping: 2", train=train), module=module, signature=signature()
    )
    assert result.status == "finished"
    assert result.epoch == 3
    again, _ = run(
        tmp_path / "run", DOUBLE + with_keys("early_stopping: 2", train=train), module=module, signature=signature(),
        resume=True,
    )  # fmt: skip
    assert again.epoch == 3


def test_what_counts_as_better(tmp_path: Path) -> None:
    from nnc.runtime.training.state import Position

    at = Position()
    waited = []
    for value in (1.0, 0.95, 0.89, float("nan"), 0.85, 0.5):
        at.wait(value, "min", 0.1)
        waited.append(at.waited)
    assert waited == [0, 1, 0, 1, 2, 0]
    at = Position()
    for value in (0.2, 0.3, 0.25):
        at.wait(value, "max", 0.0)
    assert (at.waited, at.reference) == (1, 0.3)


# -- numbers that are none ---------------------------------------------------------------------------------------------


def poisoned(base: Path, samples: int = 1) -> str:
    """The shipped images, one of them infinite."""
    write_images(base / "whole.npz")
    with np.load(base / "whole.npz") as arrays:
        images, labels = arrays["image"].astype(np.float32), arrays["label"].astype(np.int64)
    images[20 : 20 + samples] = np.inf
    np.savez(base / "train.npz", image=images, label=labels)
    return DATA.replace("- ToDtype(float32)\n", "- Identity\n").replace("validation: 12", "validation: 0.1")


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    data = poisoned(tmp_path)
    with pytest.raises(Failure) as caught:
        run(tmp_path / "run", data + TRAIN)
    assert caught.value.diagnostics[0].code == "NNC0825"
    assert "the loss is nan" in caught.value.diagnostics[0].message


@pytest.mark.parametrize("policy", ["skip", "rollback"])
def test_steps_are_passed_over(tmp_path: Path, policy: str) -> None:
    """One bad sample an epoch: the weights stay finite, the log says what happened, and resuming changes nothing."""
    text = poisoned(tmp_path) + with_keys(f"non_finite: {policy}", "checkpoint_every: 2")
    module = without_batch_statistics()
    result, model = run(tmp_path / "whole", text, module=module)
    assert all(p.isfinite().all() for p in model.parameters())
    lines = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    events = [line for line in lines if "event" in line]
    assert [e["epoch"] for e in events] == [1, 2, 3]
    assert [line["passed over"] for line in lines if "event" not in line] == [1, 1, 1]
    outcome, again = run(
        tmp_path / "run", text, module=without_batch_statistics(), reporter=StopAfter(2, signal.SIGTERM)
    )
    while outcome.status != "finished":
        reporter = StopAfter(2, signal.SIGTERM)
        outcome, again = run(tmp_path / "run", text, module=without_batch_statistics(), resume=True, reporter=reporter)
    assert outcome.step == result.step
    if policy == "skip":  # going back goes to the newest checkpoint, and an interruption leaves one
        assert same_state(again.state_dict(), model.state_dict())


def without_batch_statistics() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))


def test_what_goes_wrong_again_and_again_ends_the_run(tmp_path: Path) -> None:
    text = poisoned(tmp_path, samples=56) + with_keys("non_finite: skip", "batch_size: 4").replace(
        "      batch_size: 16\n", ""
    )
    with pytest.raises(Failure) as caught:
        run(tmp_path / "run", text, module=without_batch_statistics())
    assert "since the last checkpoint" in caught.value.diagnostics[0].message


def test_a_gradient_that_is_no_number(tmp_path: Path) -> None:
    """A finite loss with an infinite gradient: the square root at zero."""

    class Root(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(64, 3)
            self.scale = nn.Parameter(torch.zeros(()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.fc(x.flatten(1)) + self.scale.sqrt()
            return found

    with pytest.raises(Failure) as caught:
        run(tmp_path / "run", DATA + with_keys("non_finite: skip"), module=Root())
    assert "every step of epoch 1" in caught.value.diagnostics[0].message
    event = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[0])
    assert event["reason"] == "the gradient of `scale` is no number"
