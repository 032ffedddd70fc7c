"""Embeddings: integers look up rows of a table."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Positive, Size
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shapes import display
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@module("Embedding", family="embedding")
def embedding_module(
    c: Call,
    input: TensorType,
    num_embeddings: Positive,
    embedding_dim: Positive,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> TensorType:
    """The row of a learned table for each integer: (*) → (*, embedding_dim)."""
    c.integer(input)
    _padding_idx(c, padding_idx, num_embeddings)
    if sparse and scale_grad_by_freq:
        c.refuse(
            "sparse gradients are not scaled by frequency: give sparse or scale_grad_by_freq", "scale_grad_by_freq"
        )
    if sparse:
        c.at_least_rank(input, 1)
    c.parameter("weight", num_embeddings, embedding_dim)
    return TensorType((*input.shape, embedding_dim))


@module("EmbeddingBag", family="embedding")
def embedding_bag_module(
    c: Call,
    input: TensorType,
    num_embeddings: Positive,
    embedding_dim: Positive,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: Literal["sum", "mean", "max"] = "mean",
    sparse: bool = False,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
    offsets: TensorType | None = None,
    per_sample_weights: TensorType | None = None,
) -> TensorType:
    """The sum, mean or maximum of each bag's rows: (B, N) → (B, D), or (N) with `offsets` (B) → (B, D)."""
    c.rank(c.integer(input), 1, 2)
    _padding_idx(c, padding_idx, num_embeddings)
    c.parameter("weight", num_embeddings, embedding_dim)
    if per_sample_weights is not None:
        _sample_weights(c, input, mode, per_sample_weights)
    if mode == "max" and (scale_grad_by_freq or sparse):
        c.refuse('mode="max" has neither scale_grad_by_freq nor sparse gradients', "mode")
    return TensorType((_bags(c, input, offsets, include_last_offset), embedding_dim))


def _bags(c: Call, input: TensorType, offsets: TensorType | None, include_last_offset: bool) -> DimLike:
    if input.rank == 2:
        if offsets is not None:
            c.refuse("offsets belong to a 1-D input; each row of a 2-D one is a bag", "offsets")
        return input.shape[0]
    if offsets is None:
        c.refuse("a 1-D input needs offsets, where each bag begins", "input")
    c.rank(c.integer(offsets, "offsets"), 1, name="offsets")
    if offsets.dtype is not input.dtype:
        c.refuse(f"offsets is {offsets.dtype}, but the input is {input.dtype}", "offsets", code="NNC0503")
    if not include_last_offset:
        return offsets.shape[0]
    c.at_least(offsets.shape[0], 2, "include_last_offset needs the end of at least one bag", "offsets")
    return offsets.shape[0] - 1


def _sample_weights(c: Call, input: TensorType, mode: str, weights: TensorType, dtype: DType = DType.float32) -> None:
    if mode != "sum":
        c.refuse(f'per_sample_weights need mode="sum", not "{mode}"', "per_sample_weights")
    if weights.dtype is not dtype:
        c.refuse(f"per_sample_weights is {weights.dtype}, the table {dtype}", "per_sample_weights", code="NNC0503")
    if weights.rank != input.rank:
        c.refuse(f"per_sample_weights is {weights}, the input {input}", "per_sample_weights", code="NNC0502")
    for a, b in zip(weights.shape, input.shape, strict=True):
        reason = f"per_sample_weights is {display(weights.shape)}, the input {display(input.shape)}"
        c.equal(a, b, reason, "per_sample_weights")


@function("embedding_bag", family="embedding")
def embedding_bag(
    c: Call,
    input: TensorType,
    weight: TensorType,
    offsets: TensorType | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: Literal["sum", "mean", "max"] = "mean",
    sparse: bool = False,
    per_sample_weights: TensorType | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> TensorType:
    """The sum, mean or maximum of each bag's rows of `weight` (V, D): (B, N) → (B, D), or (N) with `offsets` (B)."""
    c.rank(c.integer(input), 1, 2)
    c.rank(c.floating(weight, "weight"), 2, name="weight")
    _padding_idx(c, padding_idx, weight.shape[0])
    if max_norm is not None:
        c.refuse("max_norm changes the table in place", "max_norm", "an EmbeddingBag layer may do so")
    if per_sample_weights is not None:
        _sample_weights(c, input, mode, per_sample_weights, weight.dtype)
    if mode == "max" and (scale_grad_by_freq or sparse):
        c.refuse('mode="max" has neither scale_grad_by_freq nor sparse gradients', "mode")
    return weight.with_shape(_bags(c, input, offsets, include_last_offset), weight.shape[1])


def _padding_idx(c: Call, padding_idx: int | None, rows: DimLike) -> None:
    if padding_idx is not None:
        least = padding_idx + 1 if padding_idx >= 0 else -padding_idx
        c.at_least(rows, least, f"padding_idx {padding_idx} is outside a table of {rows} rows", "padding_idx")


@function("embedding", family="embedding")
def embedding(
    c: Call,
    input: TensorType,
    weight: TensorType,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> TensorType:
    """The row of `weight` for each integer: (*), (V, D) → (*, D)."""
    c.integer(input)
    c.rank(weight, 2, name="weight")
    _padding_idx(c, padding_idx, weight.shape[0])
    return TensorType((*input.shape, weight.shape[1]), weight.dtype)


@function("one_hot", family="embedding")
def one_hot(c: Call, tensor: TensorType, num_classes: Size = -1) -> TensorType:
    """A 1 at each integer's place, zeros elsewhere: (*) → (*, num_classes) int64."""
    if tensor.dtype is not DType.int64:
        c.refuse(f"one_hot takes int64, this is {tensor.dtype}", "tensor", code="NNC0503")
    if isinstance(num_classes, int) and num_classes == -1:
        c.refuse("how many classes there are depends on the values; give num_classes", "num_classes", code="NNC0505")
    c.at_least(num_classes, 1, f"num_classes must be positive, not {num_classes}", "num_classes")
    return tensor.with_shape(*tensor.shape, num_classes)


OPS: tuple[OpDef, ...] = (embedding_module, embedding_bag_module, embedding_bag, embedding, one_hot)
