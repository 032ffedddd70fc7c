"""Losses as modules: predictions and targets → one number, or with reduction "none" one for each sample or element.

A `weight` is written as numbers, `CrossEntropyLoss(weight=[1, 2, 0.5])`; the module keeps them as a buffer, as torch's do.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

from nnc.compiler.ops import loss_rules as rules
from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Inferred, Ints, Numbers, Positive
from nnc.compiler.ops.registry import OpDef, module
from nnc.compiler.ops.shapes import product
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


# -- numbers against numbers -------------------------------------------------------------------------------------------


@module("MSELoss", family="loss")
def mse(
    c: Call, input: TensorType, target: TensorType, *, reduction: Literal["none", "mean", "sum"] = "mean"
) -> TensorType:
    """Squared error: (*) against (*)."""
    return rules.elementwise_loss(c, input, target, reduction)


@module("L1Loss", family="loss")
def l1(
    c: Call, input: TensorType, target: TensorType, *, reduction: Literal["none", "mean", "sum"] = "mean"
) -> TensorType:
    """Absolute error: (*) against (*)."""
    return rules.elementwise_loss(c, input, target, reduction)


@module("SmoothL1Loss", family="loss")
def smooth_l1(
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


@module("HuberLoss", family="loss")
def huber(
    c: Call,
    input: TensorType,
    target: TensorType,
    reduction: Literal["none", "mean", "sum"] = "mean",
    delta: float = 1.0,
) -> TensorType:
    """Half the squared error below `delta`, `delta` times the absolute above it: (*) against (*)."""
    rules.positive(c, delta, "delta")
    return rules.elementwise_loss(c, input, target, reduction)


@module("BCELoss", family="loss")
def bce(
    c: Call,
    input: TensorType,
    target: TensorType,
    weight: Numbers | None = None,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """Binary cross entropy: probabilities (*) against targets from 0 to 1 (*)."""
    rules.broadcasts(c, input, rules.weights(c, weight))
    return rules.elementwise_loss(c, input, target, reduction)


@module("BCEWithLogitsLoss", family="loss")
def bce_with_logits(
    c: Call,
    input: TensorType,
    target: TensorType,
    weight: Numbers | None = None,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
    pos_weight: Numbers | None = None,
) -> TensorType:
    """Sigmoid and binary cross entropy: logits (*) against targets from 0 to 1 (*)."""
    rules.broadcasts(c, input, rules.weights(c, weight))
    rules.broadcasts(c, input, rules.weights(c, pos_weight, "pos_weight"), "pos_weight")
    return rules.elementwise_loss(c, input, target, reduction)


@module("KLDivLoss", family="loss")
def kl_div(
    c: Call,
    input: TensorType,
    target: TensorType,
    *,
    reduction: Literal["none", "batchmean", "mean", "sum"] = "mean",
    log_target: bool = False,
) -> TensorType:
    """Kullback-Leibler divergence of log-probabilities (*) from probabilities (*); "batchmean" is the mathematical
    one."""
    return rules.elementwise_loss(c, input, target, reduction)


@module("PoissonNLLLoss", family="loss")
def poisson_nll(
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


@module("GaussianNLLLoss", family="loss")
def gaussian_nll(
    c: Call,
    input: TensorType,
    target: TensorType,
    var: TensorType,
    *,
    full: bool = False,
    eps: float = 1e-06,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """Negative log likelihood of a Gaussian with mean `input` (*) and variance `var`, one for each element, or for all
    along one dimension."""
    return rules.gaussian(c, input, target, var, reduction)


@module("SoftMarginLoss", family="loss")
def soft_margin(
    c: Call, input: TensorType, target: TensorType, *, reduction: Literal["none", "mean", "sum"] = "mean"
) -> TensorType:
    """Logistic loss: scores (*) against targets 1 and -1 (*)."""
    return rules.elementwise_loss(c, input, target, reduction, whole=True)


@module("HingeEmbeddingLoss", family="loss")
def hinge_embedding(
    c: Call,
    input: TensorType,
    target: TensorType,
    margin: float = 1.0,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """Distances (*) against 1 for alike and -1 for unlike (*)."""
    return rules.elementwise_loss(c, input, target, reduction, whole=True)


# -- scores against classes --------------------------------------------------------------------------------------------


@module("CrossEntropyLoss", family="loss")
def cross_entropy(
    c: Call,
    input: TensorType,
    target: TensorType,
    weight: Numbers | None = None,
    *,
    ignore_index: int = -100,
    reduction: Literal["none", "mean", "sum"] = "mean",
    label_smoothing: float = 0.0,
) -> TensorType:
    """Softmax and negative log likelihood: logits (N, C, *) against class numbers (N, *) or probabilities (N, C, *)."""
    rules.smooth(c, label_smoothing)
    rules.class_weight(c, input, rules.classes(c, input), rules.class_weights(c, weight))
    return rules.class_loss(c, input, target, reduction, ignore_index, True)


@module("NLLLoss", family="loss")
def nll(
    c: Call,
    input: TensorType,
    target: TensorType,
    weight: Numbers | None = None,
    *,
    ignore_index: int = -100,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """Negative log likelihood: log-probabilities (N, C, *) against class numbers (N, *)."""
    rules.class_weight(c, input, rules.classes(c, input), rules.class_weights(c, weight))
    return rules.class_loss(c, input, target, reduction, ignore_index, False)


@module("LinearCrossEntropyLoss", family="loss", inferred="in_features", since="2.13")
def linear_cross_entropy(
    c: Call,
    input: TensorType,
    target: TensorType,
    in_features: Inferred,
    num_classes: Positive,
    *,
    out_features: Ints = (),
    bias: bool = False,
    reduction: Literal["none", "mean", "sum"] = "mean",
    weight: Numbers | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    allow_retain_graph: bool | None = None,
    batch_chunk_size: Positive | None = None,
    chunking_method: str | None = None,
    acc_policy: Literal["accurate", "compact", "auto"] | None = None,
) -> TensorType:
    """A linear layer and cross entropy in one: (N, in_features) against class numbers (N, *out_features) or
    probabilities (N, C, *out_features). Any of the last four, which are those of torch's LinearCrossEntropyOptions, asks for
    the batch in chunks, so that the logits are never all there."""
    c.rank(c.weighted(input), 1, 2)
    rules.smooth(c, label_smoothing)
    if chunking_method is not None:
        rules.chunking(c, chunking_method)
    if isinstance(out_features, int) or any(size < 1 for size in out_features):
        c.refuse("out_features is a list of positive sizes", "out_features")
    features = c.infer("in_features", input.shape[-1])
    shape = (num_classes, *out_features)
    weighed = rules.class_weights(c, weight)
    outputs = product(shape)
    assert isinstance(outputs, int)
    c.parameter("linear.weight", outputs, features)
    if bias:
        c.parameter("linear.bias", outputs)
    c.macs(product((*input.shape, outputs)))
    return rules.linear_classes(c, input, target, shape, weighed, reduction, ignore_index)


@module("MultiMarginLoss", family="loss")
def multi_margin(
    c: Call,
    input: TensorType,
    target: TensorType,
    p: int = 1,
    margin: float = 1.0,
    weight: Numbers | None = None,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """Hinge loss: scores (N, C) against class numbers (N)."""
    return rules.multi_margin(c, input, target, p, rules.class_weights(c, weight), reduction)


@module("MultiLabelMarginLoss", family="loss")
def multi_label_margin(
    c: Call, input: TensorType, target: TensorType, *, reduction: Literal["none", "mean", "sum"] = "mean"
) -> TensorType:
    """Hinge loss with several right classes: scores (N, C) against lists of class numbers (N, C) that end with -1."""
    return rules.multi_label(c, input, target, reduction)


@module("MultiLabelSoftMarginLoss", family="loss")
def multi_label_soft_margin(
    c: Call,
    input: TensorType,
    target: TensorType,
    weight: Numbers | None = None,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """Binary cross entropy with logits, averaged over classes: (*, C) against (*, C)."""
    return rules.margins(c, input, target, rules.weights(c, weight), reduction)


@module("AdaptiveLogSoftmaxWithLoss", family="loss", inferred="in_features", results=("output", "loss"))
def adaptive_log_softmax(
    c: Call,
    input_: TensorType,
    target_: TensorType,
    in_features: Inferred,
    n_classes: Positive,
    cutoffs: Ints,
    div_value: float = 4.0,
    head_bias: bool = False,
) -> Mapping[str, TensorType]:
    """Softmax over many classes, rare ones in clusters: (N, in_features) against class numbers (N) → log-probabilities
    (N) and the loss (Grave et al., https://arxiv.org/abs/1609.04309)."""
    c.rank(c.weighted(input_, "input_"), 1, 2, name="input_")
    features = c.infer("in_features", input_.shape[-1])
    if isinstance(cutoffs, int) or not cutoffs:
        c.refuse("cutoffs is a list of class numbers", "cutoffs")
    ends = (0, *cutoffs, n_classes)
    if any(low >= high for low, high in pairwise(ends)):
        c.refuse(f"cutoffs increase from 1 to n_classes - 1, which is {n_classes - 1}", "cutoffs")
    rules.positive(c, div_value, "div_value")
    if target_.dtype is not DType.int64:
        c.refuse(f"target_ holds class numbers, which are int64, not {target_.dtype}", "target_", code="NNC0503")
    rules.same_shape(c, target_.shape, input_.shape[:-1], "target_", "input_ without its features")
    clusters = len(cutoffs)
    c.parameter("head.weight", cutoffs[0] + clusters, features)
    if head_bias:
        c.parameter("head.bias", cutoffs[0] + clusters)
    for i, (low, high) in enumerate(pairwise(ends[1:])):
        hidden = int(features // div_value ** (i + 1))
        c.parameter(f"tail.{i}.0.weight", hidden, features)
        c.parameter(f"tail.{i}.1.weight", high - low, hidden)
    c.macs(product((*input_.shape, cutoffs[0] + clusters)))  # the clusters' depend on the targets
    return {"output": input_.with_shape(*input_.shape[:-1]), "loss": input_.with_shape()}


# -- two inputs, three, sequences --------------------------------------------------------------------------------------


@module("MarginRankingLoss", family="loss")
def margin_ranking(
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


@module("CosineEmbeddingLoss", family="loss")
def cosine_embedding(
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


@module("TripletMarginLoss", family="loss")
def triplet_margin(
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


@module("TripletMarginWithDistanceLoss", family="loss")
def triplet_margin_with_distance(
    c: Call,
    anchor: TensorType,
    positive: TensorType,
    negative: TensorType,
    *,
    margin: float = 1.0,
    swap: bool = False,
    reduction: Literal["none", "mean", "sum"] = "mean",
) -> TensorType:
    """As TripletMarginLoss, by PairwiseDistance: (*, D) each. Another distance is a Python function, and no spec has
    those."""
    return rules.triplet(c, anchor, positive, negative, margin, reduction)


@module("CTCLoss", family="loss")
def ctc(
    c: Call,
    log_probs: TensorType,
    targets: TensorType,
    input_lengths: TensorType,
    target_lengths: TensorType,
    blank: int = 0,
    reduction: Literal["none", "mean", "sum"] = "mean",
    zero_infinity: bool = False,
) -> TensorType:
    """Connectionist temporal classification: log-probabilities (T, N, C) against targets (N, S), or one behind the other
    in a row as long as the lengths' sum, with lengths (N) each."""
    return rules.ctc(c, log_probs, targets, input_lengths, target_lengths, blank, reduction)


OPS: tuple[OpDef, ...] = (
    mse, l1, smooth_l1, huber, bce, bce_with_logits, kl_div, poisson_nll, gaussian_nll, soft_margin, hinge_embedding,
    cross_entropy, nll, linear_cross_entropy, multi_margin, multi_label_margin, multi_label_soft_margin,
    adaptive_log_softmax, margin_ranking, cosine_embedding, triplet_margin, triplet_margin_with_distance, ctc,
)  # fmt: skip
