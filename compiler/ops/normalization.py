"""Normalization: the shape stays."""

from __future__ import annotations

from collections.abc import Sequence

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Inferred, Positive, PositiveInts
from nnc.compiler.ops.registry import OpDef, module
from nnc.compiler.ops.shapes import product, trailing, with_batch
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]

ONE_VALUE = "a channel of one value has no statistics"
_NEW_BIAS = {"bias": "2.12"}  # the keyword that drops the bias of an affine normalization


# -- over the batch ----------------------------------------------------------------------------------------------------


@module("BatchNorm1d", family="normalization", inferred="num_features", since=_NEW_BIAS)
def batch_norm1d(
    c: Call,
    input: TensorType,
    num_features: Inferred,
    eps: float = 1e-05,
    momentum: float | None = 0.1,
    affine: bool = True,
    track_running_stats: bool = True,
    *,
    bias: bool = True,
) -> TensorType:
    """Normalizes each channel over the batch: (N, C) or (N, C, L) → the same."""
    c.rank(input, 2, 3)
    return _batch_norm(c, input, eps, affine, track_running_stats, bias)


@module("BatchNorm2d", family="normalization", inferred="num_features", since=_NEW_BIAS)
def batch_norm2d(
    c: Call,
    input: TensorType,
    num_features: Inferred,
    eps: float = 1e-05,
    momentum: float | None = 0.1,
    affine: bool = True,
    track_running_stats: bool = True,
    *,
    bias: bool = True,
) -> TensorType:
    """Normalizes each channel over the batch: (N, C, H, W) → the same."""
    c.rank(input, 4)
    return _batch_norm(c, input, eps, affine, track_running_stats, bias)


@module("BatchNorm3d", family="normalization", inferred="num_features", since=_NEW_BIAS)
def batch_norm3d(
    c: Call,
    input: TensorType,
    num_features: Inferred,
    eps: float = 1e-05,
    momentum: float | None = 0.1,
    affine: bool = True,
    track_running_stats: bool = True,
    *,
    bias: bool = True,
) -> TensorType:
    """Normalizes each channel over the batch: (N, C, D, H, W) → the same."""
    c.rank(input, 5)
    return _batch_norm(c, input, eps, affine, track_running_stats, bias)


@module("SyncBatchNorm", family="normalization", inferred="num_features", since=_NEW_BIAS)
def sync_batch_norm(
    c: Call,
    input: TensorType,
    num_features: Inferred,
    eps: float = 1e-05,
    momentum: float | None = 0.1,
    affine: bool = True,
    track_running_stats: bool = True,
    *,
    bias: bool = True,
) -> TensorType:
    """Batch normalization over all processes of a distributed run: (N, C, *) → the same."""
    c.at_least_rank(input, 2)
    return _batch_norm(c, input, eps, affine, track_running_stats, bias)


def _batch_norm(
    c: Call, input: TensorType, eps: float, affine: bool, track_running_stats: bool, bias: bool
) -> TensorType:
    _positive(c, eps)
    c.weighted(input) if affine or track_running_stats else c.floating(input)
    features = c.infer("num_features", input.shape[1])
    _affine_and_statistics(c, features, affine, track_running_stats, bias)
    values = product((input.shape[0], *input.shape[2:]))
    if track_running_stats:
        c.at_least_in_training(values, 2, ONE_VALUE)
    else:
        c.at_least(values, 2, ONE_VALUE, "input")
    return input


def _positive(c: Call, eps: float) -> None:
    if eps <= 0:
        c.refuse(f"eps must be positive, not {eps}", "eps")


def _affine_and_statistics(c: Call, features: int, affine: bool, track_running_stats: bool, bias: bool) -> None:
    """torch's `_NormBase`."""
    if affine:
        c.parameter("weight", features)
        if bias:
            c.parameter("bias", features)
    if track_running_stats:
        c.buffer("running_mean", features)
        c.buffer("running_var", features)
        c.buffer("num_batches_tracked", dtype=DType.int64)


# -- over one sample's channel -----------------------------------------------------------------------------------------


@module("InstanceNorm1d", family="normalization", inferred="num_features", since=_NEW_BIAS)
def instance_norm1d(
    c: Call,
    input: TensorType,
    num_features: Inferred,
    eps: float = 1e-05,
    momentum: float = 0.1,
    affine: bool = False,
    track_running_stats: bool = False,
    *,
    bias: bool = True,
) -> TensorType:
    """Normalizes each channel of each sample: (N, C, L) or (C, L) → the same."""
    return _instance_norm(c, input, 1, eps, affine, track_running_stats, bias)


@module("InstanceNorm2d", family="normalization", inferred="num_features", since=_NEW_BIAS)
def instance_norm2d(
    c: Call,
    input: TensorType,
    num_features: Inferred,
    eps: float = 1e-05,
    momentum: float = 0.1,
    affine: bool = False,
    track_running_stats: bool = False,
    *,
    bias: bool = True,
) -> TensorType:
    """Normalizes each channel of each sample: (N, C, H, W) or (C, H, W) → the same."""
    return _instance_norm(c, input, 2, eps, affine, track_running_stats, bias)


@module("InstanceNorm3d", family="normalization", inferred="num_features", since=_NEW_BIAS)
def instance_norm3d(
    c: Call,
    input: TensorType,
    num_features: Inferred,
    eps: float = 1e-05,
    momentum: float = 0.1,
    affine: bool = False,
    track_running_stats: bool = False,
    *,
    bias: bool = True,
) -> TensorType:
    """Normalizes each channel of each sample: (N, C, D, H, W) or (C, D, H, W) → the same."""
    return _instance_norm(c, input, 3, eps, affine, track_running_stats, bias)


def _instance_norm(
    c: Call, input: TensorType, n: int, eps: float, affine: bool, track_running_stats: bool, bias: bool
) -> TensorType:
    c.rank(c.weighted(input) if affine or track_running_stats else c.floating(input), n + 1, n + 2)
    _positive(c, eps)
    with_batch(c, input, n)
    features = c.infer("num_features", input.shape[-n - 1])
    _affine_and_statistics(c, features, affine, track_running_stats, bias)
    if not track_running_stats:
        c.at_least(product(input.shape[-n:]), 2, ONE_VALUE, "input")
    else:
        c.at_least_in_training(product(input.shape[-n:]), 2, ONE_VALUE)
    return input


# -- over groups of channels -------------------------------------------------------------------------------------------


@module("GroupNorm", family="normalization", inferred="num_channels", since=_NEW_BIAS)
def group_norm(
    c: Call,
    input: TensorType,
    num_groups: Positive,
    num_channels: Inferred,
    eps: float = 1e-05,
    affine: bool = True,
    *,
    bias: bool = True,
) -> TensorType:
    """Normalizes each of `num_groups` groups of channels: (N, C, *) → the same."""
    c.at_least_rank(c.weighted(input) if affine else c.floating(input), 2)
    channels = c.infer("num_channels", input.shape[1])
    if channels % num_groups:
        c.refuse(f"num_groups={num_groups} does not divide the {channels} channels that flow in", "num_groups")
    if affine:
        c.parameter("weight", channels)
        if bias:
            c.parameter("bias", channels)
    values = product((input.shape[0], channels // num_groups, *input.shape[2:]))
    c.at_least(values, 2, "a group of one value has no statistics", "input")
    return input


@module("LocalResponseNorm", family="normalization")
def local_response_norm(
    c: Call, input: TensorType, size: Positive, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0
) -> TensorType:
    """Divides by the activity of `size` neighbouring channels: (N, C, *) → the same."""
    c.at_least_rank(c.floating(input), 3)
    return input


@module("CrossMapLRN2d", family="normalization")
def cross_map_lrn2d(
    c: Call, input: TensorType, size: Positive, alpha: float = 0.0001, beta: float = 0.75, k: float = 1
) -> TensorType:
    """Divides by the activity of `size` neighbouring channels: (N, C, H, W) → the same."""
    c.rank(c.floating(input), 4)
    return input


# -- over the last dimensions ------------------------------------------------------------------------------------------


@module("LayerNorm", family="normalization", inferred="normalized_shape")
def layer_norm_module(
    c: Call,
    input: TensorType,
    normalized_shape: PositiveInts | None,
    eps: float = 1e-05,
    elementwise_affine: bool = True,
    bias: bool = True,
) -> TensorType:
    """Normalizes over the last dimension, or over the last ones that `normalized_shape` lists: (*) → (*)."""
    shape = _normalized(c, c.weighted(input) if elementwise_affine else c.floating(input), normalized_shape)
    if elementwise_affine:
        c.parameter("weight", *shape)
        if bias:
            c.parameter("bias", *shape)
    return input


@module("RMSNorm", family="normalization", inferred="normalized_shape")
def rms_norm_module(
    c: Call,
    x: TensorType,
    normalized_shape: PositiveInts | None,
    eps: float | None = None,
    elementwise_affine: bool = True,
) -> TensorType:
    """Divides by the root mean square over the last dimension, or the last ones listed: (*) → (*)."""
    shape = _normalized(c, c.weighted(x, "x") if elementwise_affine else c.floating(x, "x"), normalized_shape)
    if elementwise_affine:
        c.parameter("weight", *shape)
    return x


def _normalized(c: Call, input: TensorType, written: int | Sequence[int] | None) -> tuple[int, ...]:
    """`normalized_shape`: left out, the last dimension; a list of it is checked size by size."""
    c.at_least_rank(input, 1)
    if written is None or isinstance(written, int):
        return (c.infer("normalized_shape", input.shape[-1]),)
    shape = tuple(written)
    trailing(c, input.shape, shape)
    c.inferred["normalized_shape"] = shape
    return shape


OPS: tuple[OpDef, ...] = (
    batch_norm1d, batch_norm2d, batch_norm3d, sync_batch_norm, instance_norm1d, instance_norm2d, instance_norm3d,
    group_norm, local_response_norm, cross_map_lrn2d, layer_norm_module,
    rms_norm_module, )  # fmt: skip
