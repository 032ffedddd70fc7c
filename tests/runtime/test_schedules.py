"""The rates of every scheduler, step by step, as torch's own gives them; and of groups, whose ratios stay."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as torch_

from nnc.runtime.training.optimize import build_scheduler
from tests.runtime.helpers import DATA, TRAIN, read

STEPS, EPOCHS = 4, 5  # 64 samples in batches of 16


def groups(rates: tuple[float, ...] = (0.1,)) -> torch.optim.SGD:
    return torch.optim.SGD(
        [{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in rates], lr=rates[-1], momentum=0.9
    )


def ours(written: str, optimizer: torch.optim.Optimizer, count: int, losses: Any = None) -> list[list[float]]:
    text = TRAIN.replace("epochs: 3", f"epochs: {EPOCHS}") + f"      scheduler: {written}\n"
    config = read(DATA + text)[1]
    assert config.scheduler is not None
    scheduler = build_scheduler(config.scheduler, optimizer, config.names, STEPS)
    found = []
    for i in range(count):
        optimizer.step()
        if config.scheduler.every == "step":
            scheduler.after_step()
        else:
            scheduler.after_epoch({"validation.accuracy": losses[i] if losses else 0.0})
        found.append([g["lr"] for g in optimizer.param_groups])
    return found


def theirs(made: Any, optimizer: torch.optim.Optimizer, count: int, losses: Any = None) -> list[list[float]]:
    found = []
    for i in range(count):
        optimizer.step()
        made.step(*([losses[i]] if losses else []))
        found.append([g["lr"] for g in optimizer.param_groups])
    return found


CASES = {
    """LambdaLR("0.9 ** epoch")""": lambda o: torch_.LambdaLR(o, lambda e: 0.9**e),
    """LambdaLR("min((epoch + 1) / 4, 1 / (epoch + 1) ** 0.5)")""": lambda o: torch_.LambdaLR(
        o, lambda e: min((e + 1) / 4, 1 / (e + 1) ** 0.5)
    ),
    """MultiplicativeLR("0.5 if epoch < 3 else 1.5")""": lambda o: torch_.MultiplicativeLR(
        o, lambda e: 0.5 if e < 3 else 1.5
    ),
    "StepLR(2, 0.3)": lambda o: torch_.StepLR(o, 2, 0.3),
    "MultiStepLR([1, 4], 0.3)": lambda o: torch_.MultiStepLR(o, [1, 4], 0.3),
    "ConstantLR(0.5, 3)": lambda o: torch_.ConstantLR(o, 0.5, 3),
    "LinearLR(0.1, 0.9, 3)": lambda o: torch_.LinearLR(o, 0.1, 0.9, 3),
    "ExponentialLR(0.7)": lambda o: torch_.ExponentialLR(o, 0.7),
    "PolynomialLR(epochs, 2.0)": lambda o: torch_.PolynomialLR(o, EPOCHS, 2.0),
    "CosineAnnealingLR(epochs, 0.01)": lambda o: torch_.CosineAnnealingLR(o, EPOCHS, 0.01),
    "CosineAnnealingLR(steps)": lambda o: torch_.CosineAnnealingLR(o, STEPS * EPOCHS),
    "CosineAnnealingWarmRestarts(2, 2)": lambda o: torch_.CosineAnnealingWarmRestarts(o, 2, 2),
    "ChainedScheduler([ConstantLR(0.5, 2), ExponentialLR(0.9)])": lambda o: torch_.ChainedScheduler(
        [torch_.ConstantLR(o, 0.5, 2), torch_.ExponentialLR(o, 0.9)]
    ),
    "SequentialLR([LinearLR(0.1, total_iters=4), CosineAnnealingLR(steps - 4)], [4])": lambda o: torch_.SequentialLR(
        o, [torch_.LinearLR(o, 0.1, total_iters=4), torch_.CosineAnnealingLR(o, STEPS * EPOCHS - 4)], [4]
    ),
    "SequentialLR([ChainedScheduler([LinearLR(0.1), StepLR(1)]), StepLR(3)], [2])": lambda o: torch_.SequentialLR(
        o, [torch_.ChainedScheduler([torch_.LinearLR(o, 0.1), torch_.StepLR(o, 1)]), torch_.StepLR(o, 3)], [2]
    ),
    'CyclicLR(0.01, 0.2, 3, mode="triangular2")': lambda o: torch_.CyclicLR(o, 0.01, 0.2, 3, mode="triangular2"),
    "OneCycleLR(0.3, total_steps=steps)": lambda o: torch_.OneCycleLR(o, 0.3, total_steps=STEPS * EPOCHS),
    "OneCycleLR(0.3, epochs=epochs, steps_per_epoch=steps_per_epoch, three_phase=True)": lambda o: torch_.OneCycleLR(
        o, 0.3, epochs=EPOCHS, steps_per_epoch=STEPS, three_phase=True
    ),
}


SAME_FOR_ALL = ("CyclicLR", "OneCycleLR")  # torch gives every group the same rate; see below


@pytest.mark.parametrize(
    ("written", "rates"),
    [(w, r) for w in CASES for r in ((0.1,), (0.02, 0.1)) if len(r) == 1 or not w.startswith(SAME_FOR_ALL)],
)
def test_as_torchs(written: str, rates: tuple[float, ...]) -> None:
    count = STEPS * EPOCHS if "steps" in written or "CyclicLR" in written else EPOCHS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch deprecates inside its own SequentialLR
        one, other = groups(rates), groups(rates)
        assert ours(f"'{written}'", one, count) == theirs(CASES[written](other), other, count)


def test_on_a_plateau() -> None:
    accuracies = [0.1, 0.5, 0.5, 0.4, 0.6]
    one, other = groups(), groups()
    made = torch_.ReduceLROnPlateau(other, "max", factor=0.5, patience=0)
    written = "ReduceLROnPlateau(factor=0.5, patience=0)"
    assert ours(written, one, 5, accuracies) == theirs(made, other, 5, accuracies)


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("OneCycleLR(0.3, total_steps=steps)", lambda o: torch_.OneCycleLR(o, [0.06, 0.3], total_steps=STEPS * EPOCHS)),
        ("CyclicLR(0.05, 0.2, 3)", lambda o: torch_.CyclicLR(o, [0.01, 0.05], [0.04, 0.2], 3)),
        (
            "OneCycleLR([0.2, 0.3], total_steps=steps)",
            lambda o: torch_.OneCycleLR(o, [0.2, 0.3], total_steps=STEPS * EPOCHS),
        ),
        ('LambdaLR(["0.9 ** epoch", "1"])', lambda o: torch_.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1.0])),
    ],
)
def test_groups_keep_their_ratio_or_have_their_own(written: str, made: Any) -> None:
    one, other = groups((0.02, 0.1)), groups((0.02, 0.1))
    expected = theirs(made(other), other, STEPS * EPOCHS)
    found = ours(f"'{written}'", one, STEPS * EPOCHS)
    assert found == [pytest.approx(e) for e in expected]
