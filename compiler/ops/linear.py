"""Linear and bilinear maps: the weight is (out_features, in_features), applied over the last dimension."""

from __future__ import annotations

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Inferred, Positive
from nnc.compiler.ops.product import same_dtype
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shapes import product
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@module("Linear", family="linear", inferred="in_features")
def linear_module(
    c: Call, input: TensorType, in_features: Inferred, out_features: Positive, bias: bool = True
) -> TensorType:
    """`y = x Wᵀ + b` over the last dimension: (*, in_features) → (*, out_features)."""
    c.at_least_rank(input, 1)
    features = c.infer("in_features", c.weighted(input).shape[-1])
    c.parameter("weight", out_features, features)
    if bias:
        c.parameter("bias", out_features)
    c.macs(product((*input.shape, out_features)))
    return input.with_shape(*input.shape[:-1], out_features)


@module("Bilinear", family="linear", inferred=("in1_features", "in2_features"))
def bilinear_module(
    c: Call,
    input1: TensorType,
    input2: TensorType,
    in1_features: Inferred,
    in2_features: Inferred,
    out_features: Positive,
    bias: bool = True,
) -> TensorType:
    """`y = x₁ᵀ A x₂ + b`: (*, in1_features), (*, in2_features) → (*, out_features)."""
    c.at_least_rank(c.weighted(input1, "input1"), 1, "input1")
    if c.weighted(input2, "input2").rank != input1.rank:
        c.refuse(f"input2 is {input2.rank}-D, input1 {input1.rank}-D", "input2", code="NNC0502")
    first, second = c.infer("in1_features", input1.shape[-1]), c.infer("in2_features", input2.shape[-1])
    if first == 0:
        c.refuse("in1_features must be positive", "input1")
    for a, b in zip(input1.shape[:-1], input2.shape[:-1], strict=True):
        c.equal(a, b, f"sizes {a} and {b} differ: {input1} and {input2}", "input2")
    c.parameter("weight", out_features, first, second)
    if bias:
        c.parameter("bias", out_features)
    return input1.with_shape(*input1.shape[:-1], out_features)


@module("Identity", family="linear")
def identity(c: Call, input: TensorType) -> TensorType:
    """Passes its input on: (*) → (*)."""
    return input


@function("linear", family="linear")
def linear(c: Call, input: TensorType, weight: TensorType, bias: TensorType | None = None) -> TensorType:
    """`y = x Wᵀ + b` over the last dimension: (*, in), (out, in) → (*, out)."""
    c.at_least_rank(input, 1)
    c.rank(weight, 1, 2, name="weight")
    same_dtype(c, input, weight, "weight")
    features = input.shape[-1]
    c.equal(features, weight.shape[-1], f"weight is {weight}, but {features} features flow in", "weight")
    out = weight.shape[:-1]
    result = input.with_shape(*input.shape[:-1], *out)
    if bias is not None:
        if not out:
            c.refuse("a bias belongs to a weight of two dimensions", "bias", code="NNC0502")
        same_dtype(c, input, bias, "bias")
        c.rank(bias, 1, name="bias")
        c.equal(bias.shape[0], out[0], f"bias has {bias.shape[0]} elements for {out[0]} features", "bias")
    c.macs(result.numel * features)
    return result


@function("bilinear", family="linear")
def bilinear(
    c: Call, input1: TensorType, input2: TensorType, weight: TensorType, bias: TensorType | None = None
) -> TensorType:
    """`y = x₁ᵀ A x₂ + b`: (*, in1), (*, in2), (out, in1, in2) → (*, out)."""
    c.at_least_rank(c.floating(input1, "input1"), 1, "input1")
    for name, tensor, rank in (("input2", input2, input1.rank), ("weight", weight, 3)):
        same_dtype(c, input1, tensor, name)
        c.rank(tensor, rank, name=name)
    for a, b in zip(input1.shape[:-1], input2.shape[:-1], strict=True):
        c.equal(a, b, f"sizes {a} and {b} differ: {input1} and {input2}", "input2")
    out, first, second = weight.shape
    c.equal(input1.shape[-1], first, f"weight is {weight}, but input1 has {input1.shape[-1]} features", "weight")
    c.equal(input2.shape[-1], second, f"weight is {weight}, but input2 has {input2.shape[-1]} features", "weight")
    if bias is not None:
        same_dtype(c, input1, bias, "bias")
        c.rank(bias, 1, name="bias")
        c.equal(bias.shape[0], out, f"bias has {bias.shape[0]} elements for {out} features", "bias")
    return input1.with_shape(*input1.shape[:-1], out)


OPS: tuple[OpDef, ...] = (linear_module, bilinear_module, identity, linear, bilinear)
