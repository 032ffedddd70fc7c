"""Softmax and its kin: a distribution along one dimension, so the shape stays."""

from __future__ import annotations

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Dtype
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shapes import axis
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@module("Softmax", family="activation")
def softmax_module(c: Call, input: TensorType, dim: int | None = None) -> TensorType:
    """exp(x) / Σ exp(x) along `dim`: (*) → (*)."""
    return _softmax(c, input, dim, None)


@module("LogSoftmax", family="activation")
def log_softmax_module(c: Call, input: TensorType, dim: int | None = None) -> TensorType:
    """log(exp(x) / Σ exp(x)) along `dim`: (*) → (*)."""
    return _softmax(c, input, dim, None)


@module("Softmin", family="activation")
def softmin_module(c: Call, input: TensorType, dim: int | None = None) -> TensorType:
    """exp(−x) / Σ exp(−x) along `dim`: (*) → (*)."""
    return _softmax(c, input, dim, None)


@module("Softmax2d", family="activation")
def softmax2d_module(c: Call, input: TensorType) -> TensorType:
    """Softmax over the channels at each place: (N, C, H, W) or (C, H, W) → the same."""
    c.rank(c.floating(input), 3, 4)
    return input


@function("softmax", family="activation")
def softmax(c: Call, input: TensorType, dim: int | None = None, dtype: Dtype | None = None) -> TensorType:
    """exp(x) / Σ exp(x) along `dim`: (*) → (*)."""
    return _softmax(c, input, dim, dtype)


@function("log_softmax", family="activation")
def log_softmax(c: Call, input: TensorType, dim: int | None = None, dtype: Dtype | None = None) -> TensorType:
    """log(exp(x) / Σ exp(x)) along `dim`: (*) → (*)."""
    return _softmax(c, input, dim, dtype)


@function("softmin", family="activation")
def softmin(c: Call, input: TensorType, dim: int | None = None, dtype: Dtype | None = None) -> TensorType:
    """exp(−x) / Σ exp(−x) along `dim`: (*) → (*)."""
    if input.dtype is DType.bool:
        c.refuse("softmin takes numbers, these are truth values", "input", code="NNC0503")
    return _softmax(c, input, dim, dtype)


@function("gumbel_softmax", family="activation")
def gumbel_softmax(
    c: Call, logits: TensorType, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> TensorType:
    """A sample of a categorical distribution that gradients flow through; one-hot if `hard`: (*) → (*)."""
    axis(c, dim, c.floating(logits, "logits").rank)
    return logits


def _softmax(c: Call, input: TensorType, dim: int | None, dtype: Dtype | None) -> TensorType:
    """Without `dim`, torch takes 0 for tensors of 0, 1 or 3 dimensions, else 1, and warns: here too it is allowed."""
    if dim is not None:
        axis(c, dim, input.rank)
    result = input if dtype is None else input.with_dtype(dtype)
    return c.floating(result)


OPS: tuple[OpDef, ...] = (
    softmax_module, log_softmax_module, softmin_module, softmax2d_module, softmax, log_softmax, softmin,
    gumbel_softmax,
)  # fmt: skip
