"""Modules and functions of torchvision.ops."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Ints, Probability
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shape import permuted
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@module("StochasticDepth", family="vision")
def stochastic_depth_module(c: Call, input: TensorType, p: Probability, mode: Literal["batch", "row"]) -> TensorType:
    """Drops a residual branch in training with probability `p`, for the batch or each sample: (N, *) → the same."""
    return _stochastic_depth(c, input)


@function("stochastic_depth", family="vision")
def stochastic_depth(
    c: Call, input: TensorType, p: Probability, mode: Literal["batch", "row"], training: bool = True
) -> TensorType:
    """Drops a residual branch with probability `p`, for the batch or for each sample: (N, *) → the same."""
    return _stochastic_depth(c, input)


def _stochastic_depth(c: Call, input: TensorType) -> TensorType:
    c.at_least_rank(c.floating(input), 1)
    return input


@module("Permute", family="vision")
def permute_module(c: Call, x: TensorType, dims: Ints) -> TensorType:
    """The dimensions in another order: `Permute([0, 3, 1, 2])`."""
    return permuted(c, x, (dims,) if isinstance(dims, int) else dims)


OPS: tuple[OpDef, ...] = (stochastic_depth_module, stochastic_depth, permute_module)
