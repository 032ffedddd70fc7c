"""Distances and similarities between vectors."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import magnitude, result_type
from nnc.compiler.ops.product import same_dtype
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shapes import axis, broadcast
from nnc.compiler.types.dtype import DType, floating, promote
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@module("CosineSimilarity", family="reduction")
def cosine_similarity_module(c: Call, x1: TensorType, x2: TensorType, dim: int = 1, eps: float = 1e-08) -> TensorType:
    """x₁·x₂ / (‖x₁‖ ‖x₂‖) along `dim`, which is dropped: (*, D, *), (*, D, *) → (*, *)."""
    return _cosine(c, x1, x2, dim)


@function("cosine_similarity", family="reduction")
def cosine_similarity(c: Call, x1: TensorType, x2: TensorType, dim: int = 1, eps: float = 1e-08) -> TensorType:
    """x₁·x₂ / (‖x₁‖ ‖x₂‖) along `dim`, which is dropped: (*, D, *), (*, D, *) → (*, *)."""
    return _cosine(c, x1, x2, dim)


def _cosine(c: Call, x1: TensorType, x2: TensorType, dim: int) -> TensorType:
    both = TensorType(broadcast(c, x1.shape, x2.shape, subject="x2"), promote(x1.dtype, x2.dtype))
    c.floating(both, "x1")
    i = axis(c, dim, both.rank)
    return both.with_shape(*both.shape[:i], *both.shape[i + 1 :])


@module("PairwiseDistance", family="reduction")
def pairwise_distance_module(
    c: Call, x1: TensorType, x2: TensorType, p: float = 2.0, eps: float = 1e-06, keepdim: bool = False
) -> TensorType:
    """The p-norm of x₁ − x₂ over the last dimension: (*, D), (*, D) → (*)."""
    return _pairwise(c, x1, x2, keepdim)


@function("pairwise_distance", family="reduction")
def pairwise_distance(
    c: Call, x1: TensorType, x2: TensorType, p: float = 2.0, eps: float = 1e-06, keepdim: bool = False
) -> TensorType:
    """The p-norm of x₁ − x₂ over the last dimension: (*, D), (*, D) → (*)."""
    return _pairwise(c, x1, x2, keepdim)


def _pairwise(c: Call, x1: TensorType, x2: TensorType, keepdim: bool) -> TensorType:
    for name, x in (("x1", x1), ("x2", x2)):
        if x.dtype is DType.bool:
            c.refuse("truth values have no distance", name, code="NNC0503")
    dtype = magnitude(floating(result_type(x1, x2)))
    shape = broadcast(c, x1.shape, x2.shape, subject="x2")
    return TensorType((*shape[:-1], 1) if keepdim and shape else shape[:-1], dtype)


@function("cdist", family="reduction")
def cdist(
    c: Call,
    x1: TensorType,
    x2: TensorType,
    p: float = 2.0,
    compute_mode: Literal[
        "use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"
    ] = "use_mm_for_euclid_dist_if_necessary",
) -> TensorType:
    """The p-norm between every two vectors: (*, P, M), (*, R, M) → (*, P, R)."""
    same_dtype(c, x1, x2, "x2")
    if x1.dtype not in (DType.float32, DType.float64):
        c.refuse(f"cdist takes float32 or float64, this is {x1.dtype}", "x1", code="NNC0503")
    c.at_least_rank(x1, 2, "x1")
    c.at_least_rank(x2, 2, "x2")
    if p < 0:
        c.refuse(f"p must be ≥ 0, not {p}", "p")
    c.equal(x1.shape[-1], x2.shape[-1], f"vectors of {x1.shape[-1]} and {x2.shape[-1]} differ", "x2")
    batch = broadcast(c, x1.shape[:-2], x2.shape[:-2], subject="x2")
    return x1.with_shape(*batch, x1.shape[-2], x2.shape[-2])


@function("pdist", family="reduction")
def pdist(c: Call, input: TensorType, p: float = 2.0) -> TensorType:
    """The p-norm between every two rows, once each: (N, M) → (N · (N − 1) / 2)."""
    if input.dtype not in (DType.float32, DType.float64):
        c.refuse(f"pdist takes float32 or float64, this is {input.dtype}", "input", code="NNC0503")
    c.rank(input, 2)
    if not p >= 0:
        c.refuse(f"p must be ≥ 0, not {p}", "p")
    rows = input.shape[0]
    c.at_least(rows, 2, f"there are no two rows in {input}", "input")
    return input.with_shape(rows * (rows - 1) // 2)


OPS: tuple[OpDef, ...] = (
    cosine_similarity_module, cosine_similarity, pairwise_distance_module, pairwise_distance, cdist, pdist,
)  # fmt: skip
