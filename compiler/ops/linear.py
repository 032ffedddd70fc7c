"""Linear maps: the weight is (out_features, in_features), applied over the last dimension."""

from __future__ import annotations

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Inferred, NonNegative
from nnc.compiler.ops.registry import OpDef, module
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@module("Linear", family="linear", inferred="in_features")
def linear(
    c: Call, input: TensorType, in_features: Inferred, out_features: NonNegative, bias: bool = True
) -> TensorType:
    """`y = x Wᵀ + b` over the last dimension: (*, in_features) → (*, out_features)."""
    c.at_least_rank(input, 1)
    features = c.infer("in_features", c.weighted(input).shape[-1])
    c.parameter("weight", out_features, features)
    if bias:
        c.parameter("bias", out_features)
    result = input.with_shape(*input.shape[:-1], out_features)
    c.macs(result.numel * features)
    return result


@module("Identity", family="linear")
def identity(c: Call, input: TensorType) -> TensorType:
    """Passes its input on: (*) → (*)."""
    return input


OPS: tuple[OpDef, ...] = (linear, identity)
