"""torch.optim.lr_scheduler: the fifteen schedulers. Those with the trait `step` step with every batch, the others with
every epoch, unless `every:` says otherwise or an argument counts in `steps`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from nnc.compiler.training.config import BoundCall
from nnc.compiler.training.vocabulary.kinds import (
    Above0,
    AtLeast0,
    BelowOne,
    Finite,
    Formula,
    Formulas,
    Fraction,
    Milestones,
    NonNegative,
    Numbers,
    Positive,
    Schedulers,
)
from nnc.compiler.training.vocabulary.registry import CallDef, Vocabulary, declare, refuse

__all__ = ["SCHEDULERS"]

OMITTED = {
    "optimizer": "the optimizer is the one of `optimizer:`",
    "last_epoch": "a resumed run takes it from the checkpoint",
    "scale_fn": "it is a Python function; `mode` and `gamma` choose one of torch's",
    "scale_mode": "it belongs to scale_fn, which is a Python function",
}


def _no_plateau(schedulers: Schedulers) -> None:
    if any(isinstance(s, BoundCall) and s.name == "ReduceLROnPlateau" for s in schedulers):
        refuse("ReduceLROnPlateau waits for a metric and cannot be combined with others", "schedulers")


def scheduler(*traits: str) -> Callable[[Callable[..., None]], CallDef]:
    return declare("scheduler", omitted=OMITTED, traits=traits)


@scheduler("formula")
def LambdaLR(lr_lambda: Formula | Formulas) -> None:
    """The initial rate times a formula of `epoch`: `LambdaLR("0.95 ** epoch")`. A list has one per parameter group."""


@scheduler("formula")
def MultiplicativeLR(lr_lambda: Formula | Formulas) -> None:
    """The current rate times a formula of `epoch`: `MultiplicativeLR("0.95")`. A list has one per parameter group."""


@scheduler()
def StepLR(step_size: Positive, gamma: Finite = 0.1) -> None:
    """Times gamma every step_size epochs."""


@scheduler()
def MultiStepLR(milestones: Milestones, gamma: Finite = 0.1) -> None:
    """Times gamma at each milestone."""


@scheduler()
def ConstantLR(factor: Fraction = 1.0 / 3, total_iters: NonNegative = 5) -> None:
    """Times factor for the first total_iters epochs."""


@scheduler()
def LinearLR(start_factor: Fraction = 1.0 / 3, end_factor: Fraction = 1.0, total_iters: Positive = 5) -> None:
    """From start_factor to end_factor times the rate, in total_iters epochs: a warm-up."""
    if start_factor == 0:
        refuse("start_factor is above 0", "start_factor")


@scheduler()
def ExponentialLR(gamma: Finite) -> None:
    """Times gamma every epoch."""


@scheduler()
def PolynomialLR(total_iters: Positive = 5, power: Finite = 1.0) -> None:
    """Down to 0 in total_iters epochs: (1 - epoch / total_iters) ** power."""


@scheduler()
def CosineAnnealingLR(T_max: Positive, eta_min: AtLeast0 = 0.0) -> None:
    """Half a cosine from the rate to eta_min in T_max epochs (https://arxiv.org/abs/1608.03983)."""


@scheduler()
def CosineAnnealingWarmRestarts(T_0: Positive, T_mult: Positive = 1, eta_min: AtLeast0 = 0.0) -> None:
    """Half cosines that begin anew after T_0, T_0 · T_mult, … epochs (https://arxiv.org/abs/1608.03983)."""


@scheduler("combines")
def ChainedScheduler(schedulers: Schedulers) -> None:
    """All of them at once: their factors multiply."""
    _no_plateau(schedulers)


@scheduler("combines")
def SequentialLR(schedulers: Schedulers, milestones: Milestones) -> None:
    """One after the other, the next from each milestone on: `SequentialLR([LinearLR(…), CosineAnnealingLR(…)],
    [5])`."""
    _no_plateau(schedulers)
    if len(milestones) != len(schedulers) - 1:
        refuse(
            f"{len(schedulers)} schedulers have {len(schedulers) - 1} milestones between them, not {len(milestones)}",
            "milestones",
        )


@scheduler("plateau")
def ReduceLROnPlateau(
    mode: Literal["min", "max"] = "min",
    factor: BelowOne = 0.1,
    patience: NonNegative = 10,
    threshold: AtLeast0 = 1e-4,
    threshold_mode: Literal["rel", "abs"] = "rel",
    cooldown: NonNegative = 0,
    min_lr: AtLeast0 | Numbers = 0,
    eps: AtLeast0 = 1e-8,
) -> None:
    """Times factor when the quantity of `monitor:` has not become better for `patience` epochs."""


@scheduler("step")
def CyclicLR(
    base_lr: AtLeast0 | Numbers,
    max_lr: AtLeast0 | Numbers,
    step_size_up: Positive = 2000,
    step_size_down: Positive | None = None,
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
    gamma: Finite = 1.0,
    *,
    cycle_momentum: bool = True,
    base_momentum: Fraction = 0.8,
    max_momentum: Fraction = 0.9,
) -> None:
    """Up and down between base_lr and max_lr, every batch (https://arxiv.org/abs/1506.01186)."""


@scheduler("step")
def OneCycleLR(
    max_lr: Above0 | Numbers,
    total_steps: Positive | None = None,
    epochs: Positive | None = None,
    steps_per_epoch: Positive | None = None,
    pct_start: Fraction = 0.3,
    anneal_strategy: Literal["cos", "linear"] = "cos",
    cycle_momentum: bool = True,
    base_momentum: Fraction | Numbers = 0.85,
    max_momentum: Fraction | Numbers = 0.95,
    div_factor: Above0 = 25.0,
    final_div_factor: Above0 = 1e4,
    three_phase: bool = False,
) -> None:
    """Up to max_lr and down to almost nothing, every batch (https://arxiv.org/abs/1708.07120): `OneCycleLR(0.01,
    total_steps=steps)`."""
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        refuse("give total_steps=steps, or epochs and steps_per_epoch", "total_steps")


SCHEDULERS = Vocabulary(
    "scheduler",
    LambdaLR, MultiplicativeLR, StepLR, MultiStepLR, ConstantLR, LinearLR, ExponentialLR, PolynomialLR,
    CosineAnnealingLR, CosineAnnealingWarmRestarts, ChainedScheduler, SequentialLR, ReduceLROnPlateau, CyclicLR,
    OneCycleLR,
)  # fmt: skip
