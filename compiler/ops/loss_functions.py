"""Losses as functions: predictions and targets → one number, or with reduction "none" one for each sample or element.
A `weight` is a tensor."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.ops import loss_rules as rules
from nnc.compiler.ops.call import Call
from nnc.compiler.ops.product import same_dtype
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shapes import product
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@function("mse_loss", family="loss")
def mse_loss(
    c: Call,
    input: TensorType,
    target: TensorType,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
    weight: TensorType | None = None,
) -> TensorType:
    """Squared error: (*) against (*)."""
    return rules.elementwise_loss(c, input, target, reduction, weight)


@function("l1_loss", family="loss")
def l1_loss(
    c: Call,
    input: TensorType,
    target: TensorType,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
    weight: TensorType | None = None,
) -> TensorType:
    """Absolute error: (*) against (*)."""
    return rules.elementwise_loss(c, input, target, reduction, weight)


@function("smooth_l1_loss", family="loss")
def smooth_l1_loss(
    c: Call,
    input: TensorType,
    target: TensorType,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
    beta: float = 1.0,
) -> TensorType:
    """Squared error below `beta`, absolute above it: (*) against (*)."""
    if not beta >= 0:
        c.refuse(f"beta must be at least 0, not {beta}", "beta")
    return rules.elementwise_loss(c, input, target, reduction)


@function("huber_loss", family="loss")
def huber_loss(
    c: Call,
    input: TensorType,
    target: TensorType,
    reduction: Literal["none", "mean", "sum"] = "mean",
    delta: float = 1.0,
    weight: TensorType | None = None,
) -> TensorType:
    """Half the squared error below `delta`, `delta` times the absolute above it: (*) against (*)."""
    rules.positive(c, delta, "delta")
    return rules.elementwise_loss(c, input, target, reduction, weight)


@function("binary_cross_entropy", family="loss")
def binary_cross_entropy(
    c: Call,
    input: TensorType,
    target: TensorType,
    weight: TensorType | None = None,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """Binary cross entropy: probabilities (*) against targets from 0 to 1 (*)."""
    rules.broadcasts(c, input, weight)
    return rules.elementwise_loss(c, input, target, reduction)


@function("binary_cross_entropy_with_logits", family="loss")
def binary_cross_entropy_with_logits(
    c: Call,
    input: TensorType,
    target: TensorType,
    weight: TensorType | None = None,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
    pos_weight: TensorType | None = None,
) -> TensorType:
    """Sigmoid and binary cross entropy: logits (*) against targets from 0 to 1 (*)."""
    rules.broadcasts(c, input, weight)
    rules.broadcasts(c, input, pos_weight, "pos_weight")
    return rules.elementwise_loss(c, input, target, reduction)


@function("kl_div", family="loss")
def kl_div(
    c: Call,
    input: TensorType,
    target: TensorType,
    *,
    reduction: Literal["none", "batchmean", "mean", "sum"] = "mean",
    log_target: bool = False,
) -> TensorType:
    """Kullback-Leibler divergence of log-probabilities (*) from probabilities (*)."""
    return rules.elementwise_loss(c, input, target, reduction)


@function("poisson_nll_loss", family="loss")
def poisson_nll_loss(
    c: Call,
    input: TensorType,
    target: TensorType,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-08,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """Negative log likelihood of counts: (log) rates (*) against counts (*)."""
    return rules.elementwise_loss(c, input, target, reduction, whole=True)


@function("gaussian_nll_loss", family="loss")
def gaussian_nll_loss(
    c: Call,
    input: TensorType,
    target: TensorType,
    var: TensorType | float,
    full: bool = False,
    eps: float = 1e-06,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """Negative log likelihood of a Gaussian with mean `input` (*) and variance `var`."""
    return rules.gaussian(c, input, target, var, reduction)


@function("soft_margin_loss", family="loss")
def soft_margin_loss(
    c: Call, input: TensorType, target: TensorType, *, reduction: Literal["none", "mean", "sum"] = "mean"
) -> TensorType:
    """Logistic loss: scores (*) against targets 1 and -1 (*)."""
    return rules.elementwise_loss(c, input, target, reduction, whole=True)


@function("hinge_embedding_loss", family="loss")
def hinge_embedding_loss(
    c: Call,
    input: TensorType,
    target: TensorType,
    margin: float = 1.0,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """Distances (*) against 1 for alike and -1 for unlike (*)."""
    return rules.elementwise_loss(c, input, target, reduction, whole=True)


@function("cross_entropy", family="loss")
def cross_entropy(
    c: Call,
    input: TensorType,
    target: TensorType,
    weight: TensorType | None = None,
    *,
    ignore_index: int = -100,
    reduction: Literal["none", "mean", "sum"] = "mean",
    label_smoothing: float = 0.0,
) -> TensorType:
    """Softmax and negative log likelihood: logits (N, C, *) against class numbers (N, *) or probabilities (N, C, *)."""
    rules.smooth(c, label_smoothing)
    rules.class_weight(c, input, rules.classes(c, input), weight)
    return rules.class_loss(c, input, target, reduction, ignore_index, True)


@function("nll_loss", family="loss")
def nll_loss(
    c: Call,
    input: TensorType,
    target: TensorType,
    weight: TensorType | None = None,
    *,
    ignore_index: int = -100,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """Negative log likelihood: log-probabilities (N, C, *) against class numbers (N, *)."""
    rules.class_weight(c, input, rules.classes(c, input), weight)
    return rules.class_loss(c, input, target, reduction, ignore_index, False)


@function("linear_cross_entropy", family="loss", since="2.13")
def linear_cross_entropy(
    c: Call,
    input: TensorType,
    linear_weight: TensorType,
    target: TensorType,
    *,
    linear_bias: TensorType | None = None,
    weight: TensorType | None = None,
    reduction: Literal["none", "mean", "sum"] = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> TensorType:
    """A linear layer and cross entropy in one: (N, D) and weights (C, *, D) against class numbers (N, *) or probabilities."""
    c.rank(c.floating(input), 1, 2)
    rules.smooth(c, label_smoothing)
    same_dtype(c, input, linear_weight, "linear_weight")
    c.at_least_rank(linear_weight, 2, "linear_weight")
    shape, features = linear_weight.shape[:-1], linear_weight.shape[-1]
    c.equal(
        input.shape[-1], features, f"linear_weight takes {features} features, not {input.shape[-1]}", "linear_weight"
    )
    if linear_bias is not None:
        same_dtype(c, input, linear_bias, "linear_bias")
        rules.same_shape(c, linear_bias.shape, shape, "linear_bias", "linear_weight without its features")
    c.macs(product((*input.shape, *shape)))
    return rules.linear_classes(c, input, target, shape, weight, reduction, ignore_index)


@function("multi_margin_loss", family="loss")
def multi_margin_loss(
    c: Call,
    input: TensorType,
    target: TensorType,
    p: int = 1,
    margin: float = 1.0,
    weight: TensorType | None = None,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """Hinge loss: scores (N, C) against class numbers (N)."""
    return rules.multi_margin(c, input, target, p, weight, reduction)


@function("multilabel_margin_loss", family="loss")
def multilabel_margin_loss(
    c: Call, input: TensorType, target: TensorType, *, reduction: Literal["none", "mean", "sum"] = "mean"
) -> TensorType:
    """Hinge loss with several right classes: scores (N, C) against lists of class numbers (N, C) that end with -1."""
    return rules.multi_label(c, input, target, reduction)


@function("multilabel_soft_margin_loss", family="loss")
def multilabel_soft_margin_loss(
    c: Call,
    input: TensorType,
    target: TensorType,
    weight: TensorType | None = None,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """Binary cross entropy with logits, averaged over classes: (*, C) against (*, C)."""
    return rules.margins(c, input, target, weight, reduction)


@function("margin_ranking_loss", family="loss")
def margin_ranking_loss(
    c: Call,
    input1: TensorType,
    input2: TensorType,
    target: TensorType,
    margin: float = 0.0,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """Which of two scores (*) is the larger: 1 for the first, -1 for the second (*)."""
    return rules.ranking(c, input1, input2, target, reduction)


@function("cosine_embedding_loss", family="loss")
def cosine_embedding_loss(
    c: Call,
    input1: TensorType,
    input2: TensorType,
    target: TensorType,
    margin: float = 0.0,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """Whether two vectors (N, D) point alike: 1, or not: -1 (N)."""
    return rules.cosine(c, input1, input2, target, reduction)


@function("triplet_margin_loss", family="loss")
def triplet_margin_loss(
    c: Call,
    anchor: TensorType,
    positive: TensorType,
    negative: TensorType,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-06,
    swap: bool = False,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """The positive is to be nearer to the anchor than the negative, by the margin: (*, D) each."""
    return rules.triplet(c, anchor, positive, negative, margin, reduction)


@function("triplet_margin_with_distance_loss", family="loss")
def triplet_margin_with_distance_loss(
    c: Call,
    anchor: TensorType,
    positive: TensorType,
    negative: TensorType,
    *,
    margin: float = 1.0,
    swap: bool = False,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """As triplet_margin_loss, by pairwise_distance: (*, D) each."""
    return rules.triplet(c, anchor, positive, negative, margin, reduction)


@function("ctc_loss", family="loss")
def ctc_loss(
    c: Call,
    log_probs: TensorType,
    targets: TensorType,
    input_lengths: TensorType,
    target_lengths: TensorType,
    blank: int = 0,
    reduction: Literal["none", "mean", "sum"] = "mean",
    zero_infinity: bool = False,
) -> TensorType:
    """Connectionist temporal classification: (T, N, C) against targets (N, S), or one behind the other in a row as
    long as the lengths' sum, with lengths (N) each."""
    return rules.ctc(c, log_probs, targets, input_lengths, target_lengths, blank, reduction)


OPS: tuple[OpDef, ...] = (
    mse_loss, l1_loss, smooth_l1_loss, huber_loss, binary_cross_entropy, binary_cross_entropy_with_logits,
    kl_div, poisson_nll_loss, gaussian_nll_loss, soft_margin_loss, hinge_embedding_loss, cross_entropy,
    nll_loss, linear_cross_entropy, multi_margin_loss, multilabel_margin_loss, multilabel_soft_margin_loss,
    margin_ranking_loss, cosine_embedding_loss, triplet_margin_loss, triplet_margin_with_distance_loss,
    ctc_loss,
)  # fmt: skip
