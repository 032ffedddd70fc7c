"""Pooling by the p-norm, and max pooling over windows of random places."""

from __future__ import annotations

from collections.abc import Mapping

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import (
    Number,
    Numbers,
    Positive,
    PositivePair,
    PositiveTriple,
)
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shapes import ntuple, scaled, window
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]

Pooled = TensorType | Mapping[str, TensorType]
WITH_INDICES = ("output", "indices")


# -- by the p-norm -----------------------------------------------------------------------------------------------------


@module("LPPool1d", family="pooling")
def lp_pool1d_module(
    c: Call,
    input: TensorType,
    norm_type: Number,
    kernel_size: Positive,
    stride: Positive | None = None,
    ceil_mode: bool = False,
) -> TensorType:
    """(Σ xᵖ)^(1/p) of each window: (N, C, L) → (N, C, L')."""
    return _lp_pool(c, input, 1, norm_type, kernel_size, stride, ceil_mode)


@module("LPPool2d", family="pooling")
def lp_pool2d_module(
    c: Call,
    input: TensorType,
    norm_type: Number,
    kernel_size: PositivePair,
    stride: PositivePair | None = None,
    ceil_mode: bool = False,
) -> TensorType:
    """(Σ xᵖ)^(1/p) of each window: (N, C, H, W) → (N, C, H', W')."""
    return _lp_pool(c, input, 2, norm_type, kernel_size, stride, ceil_mode)


@module("LPPool3d", family="pooling")
def lp_pool3d_module(
    c: Call,
    input: TensorType,
    norm_type: Number,
    kernel_size: PositiveTriple,
    stride: PositiveTriple | None = None,
    ceil_mode: bool = False,
) -> TensorType:
    """(Σ xᵖ)^(1/p) of each window: (N, C, D, H, W) → (N, C, D', H', W')."""
    return _lp_pool(c, input, 3, norm_type, kernel_size, stride, ceil_mode)


@function("lp_pool1d", family="pooling")
def lp_pool1d(
    c: Call,
    input: TensorType,
    norm_type: Number,
    kernel_size: Positive,
    stride: Positive | None = None,
    ceil_mode: bool = False,
) -> TensorType:
    """(Σ xᵖ)^(1/p) of each window: (N, C, L) → (N, C, L')."""
    return _lp_pool(c, input, 1, norm_type, kernel_size, stride, ceil_mode)


@function("lp_pool2d", family="pooling")
def lp_pool2d(
    c: Call,
    input: TensorType,
    norm_type: Number,
    kernel_size: PositivePair,
    stride: PositivePair | None = None,
    ceil_mode: bool = False,
) -> TensorType:
    """(Σ xᵖ)^(1/p) of each window: (N, C, H, W) → (N, C, H', W')."""
    return _lp_pool(c, input, 2, norm_type, kernel_size, stride, ceil_mode)


@function("lp_pool3d", family="pooling")
def lp_pool3d(
    c: Call,
    input: TensorType,
    norm_type: Number,
    kernel_size: PositiveTriple,
    stride: PositiveTriple | None = None,
    ceil_mode: bool = False,
) -> TensorType:
    """(Σ xᵖ)^(1/p) of each window: (N, C, D, H, W) → (N, C, D', H', W')."""
    return _lp_pool(c, input, 3, norm_type, kernel_size, stride, ceil_mode)


def _lp_pool(
    c: Call,
    input: TensorType,
    n: int,
    norm_type: int | float,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None,
    ceil_mode: bool,
) -> TensorType:
    c.rank(c.floating(input), n + 1, n + 2)
    if norm_type == 0:
        c.refuse("norm_type must not be 0", "norm_type")
    kernel = ntuple(c, kernel_size, n, "kernel_size")
    steps = kernel if stride is None else ntuple(c, stride, n, "stride")
    if n == 3:  # torch's AvgPool3d, which stands behind this, wants the whole window to fit
        for size, k in zip(input.shape[-3:], kernel, strict=True):
            c.at_least(size, k, f"a window of {k} does not fit into {size}", "kernel_size")
    triples = zip(input.shape[-n:], kernel, steps, strict=True)
    return input.with_shape(*input.shape[:-n], *(window(c, d, k, s, ceil=ceil_mode) for d, k, s in triples))


# -- at random places --------------------------------------------------------------------------------------------------


@module("FractionalMaxPool2d", family="pooling", results=WITH_INDICES)
def fractional_max_pool2d_module(
    c: Call,
    input: TensorType,
    kernel_size: PositivePair,
    output_size: PositivePair | None = None,
    output_ratio: Numbers | None = None,
    return_indices: bool = False,
) -> Pooled:
    """The largest values of windows whose steps are drawn: (N, C, H, W) → (N, C, H', W')."""
    return _fractional(c, input, 2, kernel_size, output_size, output_ratio, return_indices)


@module("FractionalMaxPool3d", family="pooling", results=WITH_INDICES)
def fractional_max_pool3d_module(
    c: Call,
    input: TensorType,
    kernel_size: PositiveTriple,
    output_size: PositiveTriple | None = None,
    output_ratio: Numbers | None = None,
    return_indices: bool = False,
) -> Pooled:
    """The largest values of windows whose steps are drawn: (N, C, D, H, W) → (N, C, D', H', W')."""
    return _fractional(c, input, 3, kernel_size, output_size, output_ratio, return_indices)


@function("fractional_max_pool2d", family="pooling", results=WITH_INDICES)
def fractional_max_pool2d(
    c: Call,
    input: TensorType,
    kernel_size: PositivePair,
    output_size: PositivePair | None = None,
    output_ratio: Numbers | None = None,
    return_indices: bool = False,
) -> Pooled:
    """The largest values of windows whose steps are drawn: (N, C, H, W) → (N, C, H', W')."""
    _listed(c, output_ratio)
    return _fractional(c, input, 2, kernel_size, output_size, output_ratio, return_indices)


@function("fractional_max_pool3d", family="pooling", results=WITH_INDICES)
def fractional_max_pool3d(
    c: Call,
    input: TensorType,
    kernel_size: PositiveTriple,
    output_size: PositiveTriple | None = None,
    output_ratio: Numbers | None = None,
    return_indices: bool = False,
) -> Pooled:
    """The largest values of windows whose steps are drawn: (N, C, D, H, W) → (N, C, D', H', W')."""
    return _fractional(c, input, 3, kernel_size, output_size, output_ratio, return_indices)


def _listed(c: Call, output_ratio: Numbers | None) -> None:
    """torch's function for 2 dimensions takes a list only; the one for 3, and both modules, a number too."""
    if isinstance(output_ratio, int | float):
        c.refuse("output_ratio is a list here, one number for each dimension", "output_ratio")


def _fractional(
    c: Call,
    input: TensorType,
    n: int,
    kernel_size: int | tuple[int, ...],
    output_size: int | tuple[int, ...] | None,
    output_ratio: Numbers | None,
    return_indices: bool,
) -> Pooled:
    c.rank(c.floating(input), n + 1, n + 2)
    if (output_size is None) == (output_ratio is None):
        c.refuse("give either output_size or output_ratio", "output_size" if output_size is None else "output_ratio")
    kernel, sizes = ntuple(c, kernel_size, n, "kernel_size"), input.shape[-n:]
    space: tuple[DimLike, ...]
    if output_size is not None:
        space = ntuple(c, output_size, n, "output_size")
    else:
        assert output_ratio is not None
        ratios = (output_ratio,) * n if isinstance(output_ratio, int | float) else tuple(output_ratio)
        if len(ratios) != n or not all(0 < r < 1 for r in ratios):
            c.refuse(f"output_ratio is a number between 0 and 1, or {n} of them", "output_ratio")
        space = tuple(scaled(c, d, r, "output_ratio") for d, r in zip(sizes, ratios, strict=True))
    for size, new, k in zip(sizes, space, kernel, strict=True):
        c.at_least(new, 1, f"the result would have size {new}", "output_ratio")
        c.at_least(size, new + k - (1 if n == 2 else 0), f"{new} windows of {k} do not fit into {size}", "kernel_size")
    output = input.with_shape(*input.shape[:-n], *space)
    return {"output": output, "indices": output.with_dtype(DType.int64)} if return_indices else output


OPS: tuple[OpDef, ...] = (
    lp_pool1d_module, lp_pool2d_module, lp_pool3d_module, lp_pool1d, lp_pool2d, lp_pool3d,
    fractional_max_pool2d_module, fractional_max_pool3d_module, fractional_max_pool2d, fractional_max_pool3d,
)  # fmt: skip
