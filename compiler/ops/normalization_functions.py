"""Normalization with tensors of the network for statistics and affine numbers: the shape stays."""

from __future__ import annotations

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Ints, Positive
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shapes import axes, display, product, trailing
from nnc.compiler.types.tensor import Shape, TensorType

__all__ = ["OPS"]


@function("layer_norm", family="normalization")
def layer_norm(
    c: Call,
    input: TensorType,
    normalized_shape: Ints,
    weight: TensorType | None = None,
    bias: TensorType | None = None,
    eps: float = 1e-05,
) -> TensorType:
    """Normalizes over the last dimensions, which are of `normalized_shape`: (*) → (*)."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    trailing(c, c.floating(input).shape, shape)
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None:
            _same_shape(c, name, tensor, shape)
            _same_dtype(c, name, tensor, input)
    return input


@function("rms_norm", family="normalization")
def rms_norm(
    c: Call, input: TensorType, normalized_shape: Ints, weight: TensorType | None = None, eps: float | None = None
) -> TensorType:
    """Divides by the root mean square over the last dimensions, which are of `normalized_shape`: (*) → (*)."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    trailing(c, c.floating(input).shape, shape)
    if weight is not None:
        _same_shape(c, "weight", weight, shape)
        _same_dtype(c, "weight", weight, input)
    return input


@function("group_norm", family="normalization")
def group_norm(
    c: Call,
    input: TensorType,
    num_groups: Positive,
    weight: TensorType | None = None,
    bias: TensorType | None = None,
    eps: float = 1e-05,
) -> TensorType:
    """Normalizes each of `num_groups` groups of channels: (N, C, *) → the same."""
    c.at_least_rank(c.floating(input), 2)
    channels = input.shape[1]
    c.multiple(channels, num_groups, f"num_groups={num_groups} does not divide the {channels} channels", "num_groups")
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None:
            _same_shape(c, name, tensor, (channels,))
            _same_dtype(c, name, tensor, input)
    values = product((input.shape[0], channels // num_groups, *input.shape[2:]))
    c.at_least(values, 2, "a group of one value has no statistics", "input")
    return input


@function("normalize", family="normalization")
def normalize(c: Call, input: TensorType, p: float = 2.0, dim: Ints = 1, eps: float = 1e-12) -> TensorType:
    """Divides by the `p`-norm along `dim`: (*) → (*)."""
    axes(c, dim, c.floating(input).rank)
    return input


def _same_shape(c: Call, name: str, tensor: TensorType, shape: Shape) -> None:
    if tensor.rank != len(shape):
        c.refuse(f"{name} is {tensor}, not {display(shape)}", name)
    for have, want in zip(tensor.shape, shape, strict=True):
        c.equal(have, want, f"{name} is {tensor}, not {display(shape)}", name)


def _same_dtype(c: Call, name: str, tensor: TensorType, input: TensorType) -> None:
    if tensor.dtype is not input.dtype:
        c.refuse(f"{name} is {tensor.dtype}, but the input is {input.dtype}", name, code="NNC0503")


@function("local_response_norm", family="normalization")
def local_response_norm(
    c: Call, input: TensorType, size: Positive, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0
) -> TensorType:
    """Divides by the activity of `size` neighbouring channels: (N, C, *) → the same."""
    c.at_least_rank(c.floating(input), 3)
    return input


@function("batch_norm", family="normalization")
def batch_norm(
    c: Call,
    input: TensorType,
    running_mean: TensorType | None,
    running_var: TensorType | None,
    weight: TensorType | None = None,
    bias: TensorType | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> TensorType:
    """Normalizes each channel with given statistics, or in training with the batch's: (N, C, *) → the same."""
    c.at_least_rank(c.floating(input), 2)
    if eps < 0 or (training and eps == 0):
        c.refuse(f"eps must be positive, not {eps}", "eps")
    _channelwise(c, input, running_mean, running_var, weight, bias)
    if training:
        values = product((input.shape[0], *input.shape[2:]))
        c.at_least(values, 2, "a channel of one value has no statistics", "input")
    elif running_mean is None or running_var is None:
        c.refuse("running_mean and running_var are needed unless training", "running_mean")
    return input


@function("instance_norm", family="normalization")
def instance_norm(
    c: Call,
    input: TensorType,
    running_mean: TensorType | None = None,
    running_var: TensorType | None = None,
    weight: TensorType | None = None,
    bias: TensorType | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> TensorType:
    """Normalizes each channel of each sample, with its own statistics or with given ones: (N, C, *) → the same."""
    c.at_least_rank(c.floating(input), 3)
    if eps <= 0:
        c.refuse(f"eps must be positive, not {eps}", "eps")
    _channelwise(c, input, running_mean, running_var, weight, bias)
    if use_input_stats:
        c.at_least(product(input.shape[2:]), 2, "a channel of one value has no statistics", "input")
    elif running_mean is None or running_var is None:
        c.refuse("running_mean and running_var are needed unless use_input_stats", "running_mean")
    return input


def _channelwise(
    c: Call,
    input: TensorType,
    running_mean: TensorType | None,
    running_var: TensorType | None,
    weight: TensorType | None,
    bias: TensorType | None,
) -> None:
    """One number for each channel, given together in pairs."""
    if (running_mean is None) != (running_var is None):
        c.refuse("running_mean and running_var are given together or not at all", "running_mean")
    for name, tensor in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if tensor is not None:
            _same_shape(c, name, tensor, input.shape[1:2])
            _same_dtype(c, name, tensor, input)


OPS: tuple[OpDef, ...] = (
    layer_norm, rms_norm, group_norm, normalize, local_response_norm, batch_norm, instance_norm,
)  # fmt: skip
