"""torch.optim: the fifteen optimizers, with the ranges that their constructors accept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from nnc.compiler.training.vocabulary.kinds import (
    Above0,
    AtLeast0,
    AtLeast1,
    Betas,
    EpsPair,
    Finite,
    Fraction,
    Positive,
    ThreeNumbers,
    TwoNumbers,
)
from nnc.compiler.training.vocabulary.registry import CallDef, Vocabulary, declare, refuse

__all__ = ["OPTIMIZERS"]

OMITTED = {
    "params": "the network's parameters are given by `nnc`; `groups:` gives some of them settings of their own",
    "differentiable": "the training loop does not differentiate through the optimizer",
    "capturable": "it is for CUDA graphs, which the training loop does not capture",
}


def optimizer(*traits: str) -> Callable[[Callable[..., None]], CallDef]:
    return declare("optimizer", omitted=OMITTED, traits=traits)


def _either(foreach: bool | None, fused: bool | None) -> None:
    if foreach and fused:
        refuse("foreach and fused are two implementations: choose one", "fused")


@optimizer()
def Adadelta(
    lr: AtLeast0 = 1.0,
    rho: Fraction = 0.9,
    eps: AtLeast0 = 1e-6,
    weight_decay: AtLeast0 = 0,
    foreach: bool | None = None,
    *,
    maximize: bool = False,
) -> None:
    """Adapts the step to a window of past gradients (https://arxiv.org/abs/1212.5701)."""


@optimizer()
def Adafactor(
    lr: AtLeast0 = 1e-2,
    beta2_decay: Finite = -0.8,
    eps: EpsPair = (None, 1e-3),
    d: AtLeast1 = 1.0,
    weight_decay: AtLeast0 = 0.0,
    *,
    foreach: bool | None = None,
    maximize: bool = False,
) -> None:
    """Adam with factored second moments, for little memory (https://arxiv.org/abs/1804.04235)."""
    if beta2_decay > 0:
        refuse("beta2_decay is at most 0", "beta2_decay")


@optimizer()
def Adagrad(
    lr: AtLeast0 = 1e-2,
    lr_decay: AtLeast0 = 0,
    weight_decay: AtLeast0 = 0,
    initial_accumulator_value: AtLeast0 = 0,
    eps: AtLeast0 = 1e-10,
    foreach: bool | None = None,
    *,
    maximize: bool = False,
    fused: bool | None = None,
) -> None:
    """A step per parameter, smaller the more gradient it has seen (https://jmlr.org/papers/v12/duchi11a.html)."""
    _either(foreach, fused)


@optimizer()
def Adam(
    lr: AtLeast0 = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: AtLeast0 = 1e-8,
    weight_decay: AtLeast0 = 0,
    amsgrad: bool = False,
    *,
    foreach: bool | None = None,
    maximize: bool = False,
    fused: bool | None = None,
    decoupled_weight_decay: bool = False,
) -> None:
    """Adaptive moments (https://arxiv.org/abs/1412.6980)."""
    _either(foreach, fused)


@optimizer()
def AdamW(
    lr: AtLeast0 = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: AtLeast0 = 1e-8,
    weight_decay: AtLeast0 = 1e-2,
    amsgrad: bool = False,
    *,
    maximize: bool = False,
    foreach: bool | None = None,
    fused: bool | None = None,
) -> None:
    """Adam whose weight decay does not pass through the moments (https://arxiv.org/abs/1711.05101)."""
    _either(foreach, fused)


@optimizer()
def Adamax(
    lr: AtLeast0 = 2e-3,
    betas: Betas = (0.9, 0.999),
    eps: AtLeast0 = 1e-8,
    weight_decay: AtLeast0 = 0,
    foreach: bool | None = None,
    *,
    maximize: bool = False,
) -> None:
    """Adam with the infinity norm (https://arxiv.org/abs/1412.6980)."""


@optimizer()
def ASGD(
    lr: AtLeast0 = 1e-2,
    lambd: AtLeast0 = 1e-4,
    alpha: Finite = 0.75,
    t0: Finite = 1e6,
    weight_decay: AtLeast0 = 0,
    foreach: bool | None = None,
    maximize: bool = False,
) -> None:
    """Averaged stochastic gradient descent (https://dl.acm.org/doi/10.1137/0330046)."""


@optimizer("closure")
def LBFGS(
    lr: AtLeast0 = 1,
    max_iter: Positive = 20,
    max_eval: Positive | None = None,
    tolerance_grad: AtLeast0 = 1e-7,
    tolerance_change: AtLeast0 = 1e-9,
    history_size: Positive = 100,
    line_search_fn: Literal["strong_wolfe"] | None = None,
    *,
    maximize: bool = False,
) -> None:
    """Limited-memory BFGS: evaluates the batch several times a step. It knows no parameter groups."""


@optimizer("matrices")
def Muon(
    lr: AtLeast0 = 1e-3,
    weight_decay: AtLeast0 = 0.1,
    momentum: AtLeast0 = 0.95,
    nesterov: bool = True,
    ns_coefficients: ThreeNumbers = (3.4445, -4.775, 2.0315),
    eps: AtLeast0 = 1e-7,
    ns_steps: Positive = 5,
    adjust_lr_fn: Literal["original", "match_rms_adamw", "spectral_unclamped"] | None = None,
) -> None:
    """Momentum with orthogonalized updates, for two-dimensional parameters only (https://kellerjordan.github.io/posts/muon/)."""
    if ns_steps >= 100:
        refuse("ns_steps is below 100", "ns_steps")


@optimizer()
def NAdam(
    lr: AtLeast0 = 2e-3,
    betas: Betas = (0.9, 0.999),
    eps: AtLeast0 = 1e-8,
    weight_decay: AtLeast0 = 0,
    momentum_decay: AtLeast0 = 4e-3,
    decoupled_weight_decay: bool = False,
    *,
    foreach: bool | None = None,
    maximize: bool = False,
) -> None:
    """Adam with Nesterov momentum."""


@optimizer()
def RAdam(
    lr: AtLeast0 = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: AtLeast0 = 1e-8,
    weight_decay: AtLeast0 = 0,
    decoupled_weight_decay: bool = False,
    *,
    foreach: bool | None = None,
    maximize: bool = False,
) -> None:
    """Adam whose first steps have their variance rectified (https://arxiv.org/abs/1908.03265)."""


@optimizer()
def RMSprop(
    lr: AtLeast0 = 1e-2,
    alpha: AtLeast0 = 0.99,
    eps: AtLeast0 = 1e-8,
    weight_decay: AtLeast0 = 0,
    momentum: AtLeast0 = 0,
    centered: bool = False,
    *,
    foreach: bool | None = None,
    maximize: bool = False,
) -> None:
    """The gradient divided by a running root mean square of itself."""


@optimizer()
def Rprop(
    lr: AtLeast0 = 1e-2,
    etas: TwoNumbers = (0.5, 1.2),
    step_sizes: TwoNumbers = (1e-6, 50),
    *,
    foreach: bool | None = None,
    maximize: bool = False,
) -> None:
    """Resilient backpropagation: only the sign of the gradient counts. For full batches."""
    if not 0 < etas[0] < 1 < etas[1]:
        refuse("etas are [a number from 0 to 1, a number above 1]", "etas")


@optimizer()
def SGD(
    lr: AtLeast0 = 1e-3,
    momentum: AtLeast0 = 0,
    dampening: Finite = 0,
    weight_decay: AtLeast0 = 0,
    nesterov: bool = False,
    *,
    maximize: bool = False,
    foreach: bool | None = None,
    fused: bool | None = None,
) -> None:
    """Stochastic gradient descent, optionally with momentum."""
    if nesterov and (not momentum or dampening):
        refuse("nesterov needs a momentum above 0 and no dampening", "nesterov")
    _either(foreach, fused)


@optimizer("sparse")
def SparseAdam(lr: Above0 = 1e-3, betas: Betas = (0.9, 0.999), eps: Above0 = 1e-8, maximize: bool = False) -> None:
    """Adam for sparse gradients: every parameter must be an `Embedding(sparse=True)`'s."""


OPTIMIZERS = Vocabulary(
    "optimizer",
    Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, ASGD, LBFGS, Muon, NAdam, RAdam, RMSprop, Rprop, SGD, SparseAdam,
)  # fmt: skip
