"""torch.nn's losses, with the tensors that their `forward` takes.

Traits: what the first input is, so that predictions can be given as probabilities (`logits`: softmax,
`log_probabilities`: exp, `binary_logits`: sigmoid, `probabilities`), and `classes` where the target holds class
numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from nnc.compiler.training.kinds import Above0, AtLeast0, Balanced, Finite, Fraction, NonNegative, Numbers, OneOrTwo
from nnc.compiler.training.registry import CallDef, Vocabulary, declare

__all__ = ["BALANCED", "LOSSES"]

BALANCED = "balanced"  # weights that come from the training data

OMITTED = {
    "size_average": "it is deprecated in torch: use reduction",
    "reduce": "it is deprecated in torch: use reduction",
}
TARGET = ("input", "target")


def loss(*traits: str, inputs: tuple[str, ...] = TARGET) -> Callable[[Callable[..., None]], CallDef]:
    return declare("loss", omitted=OMITTED, inputs=inputs, traits=traits)


@loss("logits", "classes")
def CrossEntropyLoss(
    weight: Numbers | Balanced | None = None,
    *,
    ignore_index: int = -100,
    reduction: Literal["mean", "sum"] = "mean",
    label_smoothing: Fraction = 0.0,
) -> None:
    """Softmax and negative log likelihood: logits (N, C, *) against class numbers (N, *) or probabilities (N, C, *)."""


@loss("log_probabilities", "classes")
def NLLLoss(
    weight: Numbers | Balanced | None = None, *, ignore_index: int = -100, reduction: Literal["mean", "sum"] = "mean"
) -> None:
    """Negative log likelihood: log-probabilities (N, C, *) against class numbers (N, *)."""


@loss("probabilities")
def BCELoss(weight: Numbers | None = None, *, reduction: Literal["mean", "sum"] = "mean") -> None:
    """Binary cross entropy: probabilities (*) against targets from 0 to 1 (*)."""


@loss("binary_logits")
def BCEWithLogitsLoss(
    weight: Numbers | None = None,
    *,
    reduction: Literal["mean", "sum"] = "mean",
    pos_weight: Numbers | Balanced | None = None,
) -> None:
    """Sigmoid and binary cross entropy: logits (*) against targets from 0 to 1 (*)."""


@loss()
def MSELoss(*, reduction: Literal["mean", "sum"] = "mean") -> None:
    """Squared error."""


@loss()
def L1Loss(*, reduction: Literal["mean", "sum"] = "mean") -> None:
    """Absolute error."""


@loss()
def SmoothL1Loss(*, reduction: Literal["mean", "sum"] = "mean", beta: AtLeast0 = 1.0) -> None:
    """Squared below beta, absolute above it."""


@loss()
def HuberLoss(reduction: Literal["mean", "sum"] = "mean", delta: Above0 = 1.0) -> None:
    """Squared below delta, delta times absolute above it."""


@loss()
def PoissonNLLLoss(
    log_input: bool = True, full: bool = False, *, eps: Above0 = 1e-8, reduction: Literal["mean", "sum"] = "mean"
) -> None:
    """Negative log likelihood of a Poisson distribution; its input is the log of the rate unless log_input is false."""


@loss(inputs=("input", "target", "var"))
def GaussianNLLLoss(*, full: bool = False, eps: Above0 = 1e-6, reduction: Literal["mean", "sum"] = "mean") -> None:
    """Negative log likelihood of a Gaussian with mean `input` and variance `var`."""


@loss()
def KLDivLoss(*, reduction: Literal["batchmean", "mean", "sum"] = "mean", log_target: bool = False) -> None:
    """Kullback-Leibler divergence of log-probabilities from probabilities; reduction "batchmean" is the mathematical
    one."""


@loss()
def SoftMarginLoss(*, reduction: Literal["mean", "sum"] = "mean") -> None:
    """Logistic loss against targets -1 and 1."""


@loss()
def HingeEmbeddingLoss(margin: Finite = 1.0, *, reduction: Literal["mean", "sum"] = "mean") -> None:
    """Hinge loss of distances against targets -1 and 1."""


@loss("classes")
def MultiMarginLoss(
    p: OneOrTwo = 1,
    margin: Finite = 1.0,
    weight: Numbers | Balanced | None = None,
    *,
    reduction: Literal["mean", "sum"] = "mean",
) -> None:
    """Multi-class hinge loss: scores (N, C) against class numbers (N)."""


@loss()
def MultiLabelMarginLoss(*, reduction: Literal["mean", "sum"] = "mean") -> None:
    """Multi-label hinge loss: scores (N, C) against lists of classes (N, C) that end with -1."""


@loss("binary_logits")
def MultiLabelSoftMarginLoss(weight: Numbers | None = None, *, reduction: Literal["mean", "sum"] = "mean") -> None:
    """Binary cross entropy with logits, averaged over the classes: (N, C) against (N, C)."""


@loss(inputs=("input1", "input2", "target"))
def CosineEmbeddingLoss(margin: Finite = 0.0, *, reduction: Literal["mean", "sum"] = "mean") -> None:
    """Pulls embeddings together (target 1) or apart (target -1) by their cosine."""


@loss(inputs=("input1", "input2", "target"))
def MarginRankingLoss(margin: Finite = 0.0, *, reduction: Literal["mean", "sum"] = "mean") -> None:
    """The first input should rank higher (target 1) or lower (target -1) than the second."""


@loss(inputs=("anchor", "positive", "negative"))
def TripletMarginLoss(
    margin: Above0 = 1.0,
    p: Above0 = 2.0,
    eps: Above0 = 1e-6,
    swap: bool = False,
    *,
    reduction: Literal["mean", "sum"] = "mean",
) -> None:
    """The positive should be nearer to the anchor than the negative, by the margin."""


@loss(inputs=("log_probs", "targets", "input_lengths", "target_lengths"))
def CTCLoss(blank: NonNegative = 0, reduction: Literal["mean", "sum"] = "mean", zero_infinity: bool = False) -> None:
    """Connectionist temporal classification: (T, N, C) log-probabilities against unaligned targets (N, S)."""


LOSSES = Vocabulary(
    "loss",
    BCELoss, BCEWithLogitsLoss, CTCLoss, CosineEmbeddingLoss, CrossEntropyLoss, GaussianNLLLoss, HingeEmbeddingLoss,
    HuberLoss, KLDivLoss, L1Loss, MSELoss, MarginRankingLoss, MultiLabelMarginLoss, MultiLabelSoftMarginLoss,
    MultiMarginLoss, NLLLoss, PoissonNLLLoss, SmoothL1Loss, SoftMarginLoss, TripletMarginLoss,
)  # fmt: skip
