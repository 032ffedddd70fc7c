"""Activations: element by element, so the shape stays. Each stands as a module and as a function."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Positive
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shapes import axis
from nnc.compiler.types.dtype import DType, floating
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


def _not_bool(c: Call, input: TensorType) -> TensorType:
    if input.dtype is DType.bool:
        c.refuse(f"{c.op} takes numbers, these are truth values", "input", code="NNC0503")
    return input


@module("ReLU", family="activation")
def relu_module(c: Call, input: TensorType, inplace: bool = False) -> TensorType:
    """max(0, x): (*) → (*)."""
    return c.real(input)


@function("relu", family="activation")
def relu(c: Call, input: TensorType, inplace: bool = False) -> TensorType:
    """max(0, x): (*) → (*)."""
    return c.real(input)


@module("ReLU6", family="activation")
def relu6_module(c: Call, input: TensorType, inplace: bool = False) -> TensorType:
    """min(max(0, x), 6): (*) → (*)."""
    return c.real(input)


@function("relu6", family="activation")
def relu6(c: Call, input: TensorType, inplace: bool = False) -> TensorType:
    """min(max(0, x), 6): (*) → (*)."""
    return c.real(input)


@module("Sigmoid", family="activation")
def sigmoid_module(c: Call, input: TensorType) -> TensorType:
    """1 / (1 + exp(−x)): (*) → (*)."""
    return input.with_dtype(floating(input.dtype))


@function("sigmoid", family="activation")
def sigmoid(c: Call, input: TensorType) -> TensorType:
    """1 / (1 + exp(−x)): (*) → (*)."""
    return input.with_dtype(floating(input.dtype))


@module("Tanh", family="activation")
def tanh_module(c: Call, input: TensorType) -> TensorType:
    """tanh(x): (*) → (*)."""
    return input.with_dtype(floating(input.dtype))


@function("tanh", family="activation")
def tanh(c: Call, input: TensorType) -> TensorType:
    """tanh(x): (*) → (*)."""
    return input.with_dtype(floating(input.dtype))


@module("GELU", family="activation")
def gelu_module(c: Call, input: TensorType, approximate: Literal["none", "tanh"] = "none") -> TensorType:
    """x · Φ(x), Φ the normal distribution function: (*) → (*)."""
    return c.floating(input)


@function("gelu", family="activation")
def gelu(c: Call, input: TensorType, *, approximate: Literal["none", "tanh"] = "none") -> TensorType:
    """x · Φ(x), Φ the normal distribution function: (*) → (*)."""
    return c.floating(input)


@module("SiLU", family="activation")
def silu_module(c: Call, input: TensorType, inplace: bool = False) -> TensorType:
    """x · sigmoid(x): (*) → (*)."""
    return c.floating(input, complex=True)


@function("silu", family="activation")
def silu(c: Call, input: TensorType, inplace: bool = False) -> TensorType:
    """x · sigmoid(x): (*) → (*)."""
    return c.floating(input, complex=True)


@module("Mish", family="activation")
def mish_module(c: Call, input: TensorType, inplace: bool = False) -> TensorType:
    """x · tanh(softplus(x)): (*) → (*)."""
    return c.floating(input)


@function("mish", family="activation")
def mish(c: Call, input: TensorType, inplace: bool = False) -> TensorType:
    """x · tanh(softplus(x)): (*) → (*)."""
    return c.floating(input)


@module("ELU", family="activation")
def elu_module(c: Call, input: TensorType, alpha: float = 1.0, inplace: bool = False) -> TensorType:
    """x above 0, alpha · (exp(x) − 1) below: (*) → (*)."""
    return c.floating(input)


@function("elu", family="activation")
def elu(c: Call, input: TensorType, alpha: float = 1.0, inplace: bool = False) -> TensorType:
    """x above 0, alpha · (exp(x) − 1) below: (*) → (*)."""
    return c.floating(input)


@module("CELU", family="activation")
def celu_module(c: Call, input: TensorType, alpha: float = 1.0, inplace: bool = False) -> TensorType:
    """max(0, x) + min(0, alpha · (exp(x / alpha) − 1)): (*) → (*)."""
    if alpha == 0:
        c.refuse("alpha must not be 0", "alpha")
    return c.floating(input)


@function("celu", family="activation")
def celu(c: Call, input: TensorType, alpha: float = 1.0, inplace: bool = False) -> TensorType:
    """max(0, x) + min(0, alpha · (exp(x / alpha) − 1)): (*) → (*)."""
    if alpha == 0:
        c.refuse("alpha must not be 0", "alpha")
    return c.floating(input)


@module("SELU", family="activation")
def selu_module(c: Call, input: TensorType, inplace: bool = False) -> TensorType:
    """Scaled ELU that keeps mean 0 and variance 1: (*) → (*)."""
    return c.floating(input)


@function("selu", family="activation")
def selu(c: Call, input: TensorType, inplace: bool = False) -> TensorType:
    """scaled ELU that keeps mean 0 and variance 1: (*) → (*)."""
    return c.floating(input)


@module("LeakyReLU", family="activation")
def leaky_relu_module(c: Call, input: TensorType, negative_slope: float = 0.01, inplace: bool = False) -> TensorType:
    """x above 0, negative_slope · x below: (*) → (*)."""
    return c.floating(input)


@function("leaky_relu", family="activation")
def leaky_relu(c: Call, input: TensorType, negative_slope: float = 0.01, inplace: bool = False) -> TensorType:
    """x above 0, negative_slope · x below: (*) → (*)."""
    return c.floating(input)


@module("RReLU", family="activation")
def rrelu_module(
    c: Call, input: TensorType, lower: float = 0.125, upper: float = 1 / 3, inplace: bool = False
) -> TensorType:
    """Leaky ReLU whose slope is drawn from [lower, upper] in training: (*) → (*)."""
    if lower > upper:
        c.refuse(f"lower {lower} is above upper {upper}", "lower")
    return c.floating(input)


@function("rrelu", family="activation")
def rrelu(
    c: Call,
    input: TensorType,
    lower: float = 0.125,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> TensorType:
    """leaky ReLU whose slope is drawn from [lower, upper] in training: (*) → (*)."""
    if lower > upper:
        c.refuse(f"lower {lower} is above upper {upper}", "lower")
    return c.floating(input)


@module("Hardswish", family="activation")
def hardswish_module(c: Call, input: TensorType, inplace: bool = False) -> TensorType:
    """x · relu6(x + 3) / 6: (*) → (*)."""
    return c.floating(input)


@function("hardswish", family="activation")
def hardswish(c: Call, input: TensorType, inplace: bool = False) -> TensorType:
    """x · relu6(x + 3) / 6: (*) → (*)."""
    return c.floating(input)


@module("Hardsigmoid", family="activation")
def hardsigmoid_module(c: Call, input: TensorType, inplace: bool = False) -> TensorType:
    """relu6(x + 3) / 6: (*) → (*)."""
    return c.floating(input)


@function("hardsigmoid", family="activation")
def hardsigmoid(c: Call, input: TensorType, inplace: bool = False) -> TensorType:
    """relu6(x + 3) / 6: (*) → (*)."""
    return c.floating(input)


@module("Softplus", family="activation")
def softplus_module(c: Call, input: TensorType, beta: float = 1.0, threshold: float = 20.0) -> TensorType:
    """log(1 + exp(beta · x)) / beta, linear above threshold: (*) → (*)."""
    return c.floating(input)


@function("softplus", family="activation")
def softplus(c: Call, input: TensorType, beta: float = 1, threshold: float = 20) -> TensorType:
    """log(1 + exp(beta · x)) / beta, linear above threshold: (*) → (*)."""
    return c.floating(input)


@module("Softsign", family="activation")
def softsign_module(c: Call, input: TensorType) -> TensorType:
    """x / (1 + |x|): (*) → (*)."""
    return _not_bool(c, input).with_dtype(floating(input.dtype))


@function("softsign", family="activation")
def softsign(c: Call, input: TensorType) -> TensorType:
    """x / (1 + |x|): (*) → (*)."""
    return _not_bool(c, input).with_dtype(floating(input.dtype))


@module("LogSigmoid", family="activation")
def logsigmoid_module(c: Call, input: TensorType) -> TensorType:
    """log(sigmoid(x)): (*) → (*)."""
    return c.floating(input)


@function("logsigmoid", family="activation")
def logsigmoid(c: Call, input: TensorType) -> TensorType:
    """log(sigmoid(x)): (*) → (*)."""
    return c.floating(input)


@module("Tanhshrink", family="activation")
def tanhshrink_module(c: Call, input: TensorType) -> TensorType:
    """x − tanh(x): (*) → (*)."""
    return _not_bool(c, input).with_dtype(floating(input.dtype))


@function("tanhshrink", family="activation")
def tanhshrink(c: Call, input: TensorType) -> TensorType:
    """x − tanh(x): (*) → (*)."""
    return _not_bool(c, input).with_dtype(floating(input.dtype))


@module("Softshrink", family="activation")
def softshrink_module(c: Call, input: TensorType, lambd: float = 0.5) -> TensorType:
    """x moved towards 0 by lambd: (*) → (*)."""
    if lambd < 0:
        c.refuse(f"lambd must be ≥ 0, not {lambd}", "lambd")
    return c.floating(input)


@function("softshrink", family="activation")
def softshrink(c: Call, input: TensorType, lambd: float = 0.5) -> TensorType:
    """x moved towards 0 by lambd: (*) → (*)."""
    if lambd < 0:
        c.refuse(f"lambd must be ≥ 0, not {lambd}", "lambd")
    return c.floating(input)


@module("Hardshrink", family="activation")
def hardshrink_module(c: Call, input: TensorType, lambd: float = 0.5) -> TensorType:
    """x where |x| > lambd, else 0: (*) → (*)."""
    return c.floating(input)


@function("hardshrink", family="activation")
def hardshrink(c: Call, input: TensorType, lambd: float = 0.5) -> TensorType:
    """x where |x| > lambd, else 0: (*) → (*)."""
    return c.floating(input)


@module("Threshold", family="activation")
def threshold_module(c: Call, input: TensorType, threshold: float, value: float, inplace: bool = False) -> TensorType:
    """x above threshold, else value: (*) → (*)."""
    return c.real(input)


@function("threshold", family="activation")
def threshold(c: Call, input: TensorType, threshold: float, value: float, inplace: bool = False) -> TensorType:
    """x above threshold, else value: (*) → (*)."""
    return c.real(input)


@module("Hardtanh", family="activation")
def hardtanh_module(
    c: Call, input: TensorType, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> TensorType:
    """x held within [min_val, max_val]: (*) → (*)."""
    if max_val <= min_val:
        c.refuse(f"max_val {max_val} is not above min_val {min_val}", "max_val")
    return c.real(input)


@function("hardtanh", family="activation")
def hardtanh(
    c: Call, input: TensorType, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> TensorType:
    """x held within [min_val, max_val]: (*) → (*)."""
    if max_val < min_val:
        c.refuse(f"max_val {max_val} is below min_val {min_val}", "max_val")
    return c.real(input)


@module("PReLU", family="activation")
def prelu_module(c: Call, input: TensorType, num_parameters: Positive = 1, init: float = 0.25) -> TensorType:
    """x above 0, a learned slope · x below; one slope, or one for each channel: (N, C, *) → the same."""
    c.weighted(input)
    c.parameter("weight", num_parameters)
    if num_parameters != 1:
        channels = input.shape[1] if input.rank > 1 else 1
        c.equal(
            channels, num_parameters, f"num_parameters is {num_parameters} for {channels} channels", "num_parameters"
        )
    return input


@function("prelu", family="activation")
def prelu(c: Call, input: TensorType, weight: TensorType) -> TensorType:
    """x above 0, weight · x below; one weight, or one for each channel: (N, C, *) → the same."""
    if weight.dtype is not c.floating(input).dtype:
        c.refuse(f"weight is {weight.dtype}, but the input is {input.dtype}", "weight", code="NNC0503")
    c.rank(weight, 0, 1, name="weight")
    if weight.rank and weight.shape[0] != 1:
        channels = input.shape[1] if input.rank > 1 else 1
        c.equal(channels, weight.shape[0], f"weight has {weight.shape[0]} slopes for {channels} channels", "weight")
    return input


@module("GLU", family="activation")
def glu_module(c: Call, input: TensorType, dim: int = -1) -> TensorType:
    """a · sigmoid(b), where a and b are the halves of `dim`: (*, 2·M, *) → (*, M, *)."""
    return _glu(c, input, dim)


@function("glu", family="activation")
def glu(c: Call, input: TensorType, dim: int = -1) -> TensorType:
    """a · sigmoid(b), where a and b are the halves of `dim`: (*, 2·M, *) → (*, M, *)."""
    return _glu(c, input, dim)


def _glu(c: Call, input: TensorType, dim: int) -> TensorType:
    c.at_least_rank(c.floating(input), 1)
    i = axis(c, dim, input.rank)
    size = input.shape[i]
    c.multiple(size, 2, f"{c.op} halves dimension {i}, which has {size}", "input")
    return input.with_shape(*input.shape[:i], size // 2, *input.shape[i + 1 :])


OPS: tuple[OpDef, ...] = (
    relu_module, relu, relu6_module, relu6, sigmoid_module, sigmoid, tanh_module, tanh, gelu_module, gelu,
    silu_module, silu, mish_module, mish, elu_module, elu, celu_module, celu, selu_module, selu, leaky_relu_module,
    leaky_relu, rrelu_module, rrelu, hardswish_module, hardswish, hardsigmoid_module, hardsigmoid, softplus_module,
    softplus, softsign_module, softsign, logsigmoid_module, logsigmoid, tanhshrink_module, tanhshrink,
    softshrink_module, softshrink, hardshrink_module, hardshrink, threshold_module, threshold, hardtanh_module,
    hardtanh, prelu_module, prelu, glu_module, glu,
)  # fmt: skip
