"""Metrics, under torchmetrics' names and arguments. Traits: the end that is better; `classes` where the target holds
classes, so that what the loss ignores is ignored here too; `ranking` where probabilities are looked at, and not only which is the
highest.

The task (binary, multiclass, multilabel) and the number of classes are read off the tensors where they are not said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from nnc.compiler.training.vocabulary.kinds import (
    Above0,
    AtLeast1,
    Finite,
    Fraction,
    Micro,
    NonNegative,
    Positive,
    Task,
)
from nnc.compiler.training.vocabulary.registry import CallDef, Vocabulary, declare

__all__ = ["METRICS"]

OMITTED = {
    "num_classes": "it is read off the output",
    "num_labels": "it is read off the output",
    "num_outputs": "it is read off the output",
    "validate_args": "values are checked before they get there",
    "multidim_average": "the log has one number for each metric",
    "thresholds": "every value is looked at",
    "ignore_index": "it is the loss's",
    "multioutput": "the log has one number for each metric",
    "reduction": "the log has one number for each metric: the mean",
    "dim": "the log has one number for each metric",
    "return_full_image": "the log has one number for each metric",
    "return_contrast_sensitivity": "the log has one number for each metric",
    "max_fpr": "the whole curve is looked at",
    "zero_division": "a class that does not occur counts 0",
    "kwargs": "they are for gathering results of several processes",
}


def metric(*traits: str, inputs: tuple[str, ...] = ("input", "target")) -> Callable[[Callable[..., None]], CallDef]:
    return declare("metric", omitted=OMITTED, inputs=inputs, traits=traits)


# -- classification ----------------------------------------------------------------------------------------------------


@metric("max", "classes")
def Accuracy(
    *, task: Task | None = None, threshold: Fraction = 0.5, average: Micro = "micro", top_k: Positive = 1
) -> None:
    """Share of right answers: scores (N, C, *) against class numbers (N, *), right when among the top_k highest."""


@metric("max", "classes")
def Precision(
    *, task: Task | None = None, threshold: Fraction = 0.5, average: Micro = "micro", top_k: Positive = 1
) -> None:
    """Of what was taken for a class, the share that is of it."""


@metric("max", "classes")
def Recall(
    *, task: Task | None = None, threshold: Fraction = 0.5, average: Micro = "micro", top_k: Positive = 1
) -> None:
    """Of what is of a class, the share that was taken for it."""


@metric("max", "classes")
def F1Score(
    *, task: Task | None = None, threshold: Fraction = 0.5, average: Micro = "micro", top_k: Positive = 1
) -> None:
    """Harmonic mean of precision and recall."""


@metric("max", "classes")
def FBetaScore(
    *,
    task: Task | None = None,
    beta: Above0 = 1.0,
    threshold: Fraction = 0.5,
    average: Micro = "micro",
    top_k: Positive = 1,
) -> None:
    """As F1Score, recall beta times as important as precision."""


@metric("max", "classes")
def Specificity(
    *, task: Task | None = None, threshold: Fraction = 0.5, average: Micro = "micro", top_k: Positive = 1
) -> None:
    """Of what is not of a class, the share that was not taken for it."""


@metric("max", "classes")
def JaccardIndex(*, task: Task | None = None, threshold: Fraction = 0.5, average: Micro = "macro") -> None:
    """Intersection over union, of each class: what segmentation calls mean IoU."""


@metric("min", "classes")
def HammingDistance(
    *, task: Task | None = None, threshold: Fraction = 0.5, average: Micro = "micro", top_k: Positive = 1
) -> None:
    """Share of wrong labels."""


@metric("max", "classes")
def ExactMatch(*, task: Task | None = None, threshold: Fraction = 0.5) -> None:
    """Share of samples all of whose labels are right."""


@metric("max", "classes")
def CohenKappa(
    *,
    task: Literal["binary", "multiclass"] | None = None,
    threshold: Fraction = 0.5,
    weights: Literal["linear", "quadratic"] | None = None,
) -> None:
    """Agreement beyond what chance would give."""


@metric("max", "classes")
def MatthewsCorrCoef(*, task: Task | None = None, threshold: Fraction = 0.5) -> None:
    """Correlation of answers and classes."""


@metric("max", "classes", "ranking")
def AUROC(*, task: Task | None = None, average: Literal["macro", "weighted"] = "macro") -> None:
    """Area under the receiver operating characteristic: how probable it is that a sample of the class scores higher than
    another."""


@metric("max", "classes", "ranking")
def AveragePrecision(*, task: Task | None = None, average: Literal["macro", "weighted"] = "macro") -> None:
    """Area under the curve of precision over recall."""


@metric("min", "classes", "ranking")
def CalibrationError(
    *,
    task: Literal["binary", "multiclass"] | None = None,
    n_bins: Positive = 15,
    norm: Literal["l1", "l2", "max"] = "l1",
) -> None:
    """How far probabilities are from the shares that come true."""


# -- regression --------------------------------------------------------------------------------------------------------


@metric("min")
def MeanSquaredError(*, squared: bool = True) -> None:
    """Mean of (input - target)² over all elements; its root with squared=False."""


@metric("min")
def MeanAbsoluteError() -> None:
    """Mean of |input - target| over all elements."""


@metric("min")
def MeanAbsolutePercentageError() -> None:
    """Mean of |input - target| / |target|."""


@metric("min")
def SymmetricMeanAbsolutePercentageError() -> None:
    """Mean of 2 |input - target| / (|input| + |target|)."""


@metric("min")
def MeanSquaredLogError() -> None:
    """Mean of (log(1 + input) - log(1 + target))²."""


@metric("min")
def LogCoshError() -> None:
    """Mean of log cosh(input - target)."""


@metric("max")
def R2Score(*, adjusted: NonNegative = 0) -> None:
    """Share of the target's variance that is explained."""


@metric("max")
def ExplainedVariance() -> None:
    """As R2Score, a constant error forgiven."""


@metric("max")
def PearsonCorrCoef() -> None:
    """Linear correlation; of several outputs, the mean."""


@metric("max")
def SpearmanCorrCoef() -> None:
    """Correlation of ranks; of several outputs, the mean."""


@metric("max")
def ConcordanceCorrCoef() -> None:
    """Agreement with the line input = target; of several outputs, the mean."""


@metric("max")
def CosineSimilarity() -> None:
    """Cosine of the angle between input and target, (N, D) each, averaged over the samples."""


@metric("min")
def TweedieDevianceScore(*, power: Finite = 0.0) -> None:
    """Deviance of a Tweedie distribution: 0 normal, 1 Poisson, 2 gamma."""


@metric("min")
def MinkowskiDistance(p: AtLeast1) -> None:
    """(Σ |input - target|ᵖ)^(1/p)."""


# -- images and text ---------------------------------------------------------------------------------------------------


@metric("max")
def PeakSignalNoiseRatio(data_range: Above0, *, base: AtLeast1 = 10.0) -> None:
    """Of images with values in a range so wide, in decibels."""


@metric("max")
def StructuralSimilarityIndexMeasure(
    *,
    gaussian_kernel: bool = True,
    sigma: Above0 = 1.5,
    kernel_size: Positive = 11,
    data_range: Above0 | None = None,
    k1: Above0 = 0.01,
    k2: Above0 = 0.03,
) -> None:
    """Structural similarity of images (N, C, H, W)."""


@metric("min", "classes", "ranking")
def Perplexity() -> None:
    """exp of the mean cross entropy: scores (N, C, T) against tokens (N, T)."""


METRICS = Vocabulary(
    "metric",
    Accuracy, Precision, Recall, F1Score, FBetaScore, Specificity, JaccardIndex, HammingDistance, ExactMatch, CohenKappa,
    MatthewsCorrCoef, AUROC, AveragePrecision, CalibrationError, MeanSquaredError, MeanAbsoluteError,
    MeanAbsolutePercentageError, SymmetricMeanAbsolutePercentageError, MeanSquaredLogError, LogCoshError, R2Score,
    ExplainedVariance, PearsonCorrCoef, SpearmanCorrCoef, ConcordanceCorrCoef, CosineSimilarity, TweedieDevianceScore,
    MinkowskiDistance, PeakSignalNoiseRatio, StructuralSimilarityIndexMeasure, Perplexity,
)  # fmt: skip
