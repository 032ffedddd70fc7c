"""Dropout: the shape stays, and in eval mode so do the values. A module drops only in training; of a function's
`training`, see its default, which is torch's."""

from __future__ import annotations

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Probability
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@module("Dropout", family="dropout")
def dropout_module(c: Call, input: TensorType, p: Probability = 0.5, inplace: bool = False) -> TensorType:
    """Zeroes elements with probability `p` and scales the rest by 1/(1 − p): (*) → (*)."""
    return c.floating(input, complex=True)


@module("Dropout1d", family="dropout")
def dropout1d_module(c: Call, input: TensorType, p: Probability = 0.5, inplace: bool = False) -> TensorType:
    """Zeroes whole channels with probability `p`: (N, C, L) or (C, L) → the same."""
    c.rank(input, 2, 3)
    return c.floating(input, complex=True)


@module("Dropout2d", family="dropout")
def dropout2d_module(c: Call, input: TensorType, p: Probability = 0.5, inplace: bool = False) -> TensorType:
    """Zeroes whole channels with probability `p`: (N, C, H, W) → the same."""
    c.at_least_rank(input, 2)
    return c.floating(input, complex=True)


@module("Dropout3d", family="dropout")
def dropout3d_module(c: Call, input: TensorType, p: Probability = 0.5, inplace: bool = False) -> TensorType:
    """Zeroes whole channels with probability `p`: (N, C, D, H, W) → the same."""
    c.at_least_rank(input, 1)
    return c.floating(input, complex=True)


@module("AlphaDropout", family="dropout")
def alpha_dropout_module(c: Call, input: TensorType, p: Probability = 0.5, inplace: bool = False) -> TensorType:
    """Dropout that keeps the mean and variance of SELU activations: (*) → (*)."""
    return c.floating(input, complex=True)


@module("FeatureAlphaDropout", family="dropout")
def feature_alpha_dropout_module(c: Call, input: TensorType, p: Probability = 0.5, inplace: bool = False) -> TensorType:
    """Alpha dropout of whole channels: (N, C, *) → the same."""
    c.at_least_rank(input, 2)
    return c.floating(input, complex=True)


@function("dropout", family="dropout")
def dropout(
    c: Call, input: TensorType, p: Probability = 0.5, training: bool = True, inplace: bool = False
) -> TensorType:
    """Zeroes elements with probability `p` and scales the rest by 1/(1 − p): (*) → (*)."""
    return c.floating(input, complex=True) if training else input


@function("dropout1d", family="dropout")
def dropout1d(
    c: Call, input: TensorType, p: Probability = 0.5, training: bool = True, inplace: bool = False
) -> TensorType:
    """Zeroes whole channels with probability `p`: (N, C, L) or (C, L) → the same."""
    c.rank(input, 2, 3)
    return c.floating(input, complex=True) if training else input


@function("dropout2d", family="dropout")
def dropout2d(
    c: Call, input: TensorType, p: Probability = 0.5, training: bool = True, inplace: bool = False
) -> TensorType:
    """Zeroes whole channels with probability `p`: (N, C, H, W) → the same."""
    c.at_least_rank(input, 2)
    return c.floating(input, complex=True) if training else input


@function("dropout3d", family="dropout")
def dropout3d(
    c: Call, input: TensorType, p: Probability = 0.5, training: bool = True, inplace: bool = False
) -> TensorType:
    """Zeroes whole channels with probability `p`: (N, C, D, H, W) → the same."""
    c.at_least_rank(input, 1)
    return c.floating(input, complex=True) if training else input


@function("alpha_dropout", family="dropout")
def alpha_dropout(
    c: Call, input: TensorType, p: Probability = 0.5, training: bool = False, inplace: bool = False
) -> TensorType:
    """Dropout that keeps the mean and variance of SELU activations: (*) → (*)."""
    return c.floating(input, complex=True) if training else input


@function("feature_alpha_dropout", family="dropout")
def feature_alpha_dropout(
    c: Call, input: TensorType, p: Probability = 0.5, training: bool = False, inplace: bool = False
) -> TensorType:
    """Alpha dropout of whole channels: (N, C, *) → the same."""
    if not training:
        return input
    c.at_least_rank(input, 2)
    return c.floating(input, complex=True)


OPS: tuple[OpDef, ...] = (
    dropout_module, dropout1d_module, dropout2d_module, dropout3d_module, alpha_dropout_module,
    feature_alpha_dropout_module, dropout, dropout1d, dropout2d, dropout3d, alpha_dropout, feature_alpha_dropout,
)  # fmt: skip
