"""Blocks of torchvision.ops that are made of torch's layers. Their norm and activation are layers' names, in quotes inside
a call: `Conv2dNormActivation(64, activation_layer="SiLU")`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from nnc.compiler.ops import activation, convolution, dropout, linear, normalization, pooling
from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import (
    Activation,
    Inferred,
    Pair,
    Positive,
    PositiveInts,
    PositivePair,
    PositiveTriple,
    Probability,
    Tensors,
    Triple,
)
from nnc.compiler.ops.registry import OpDef, module
from nnc.compiler.ops.shapes import ntuple
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]

_LAYERS = {
    op.name: op
    for file in (activation, convolution, dropout, linear, normalization, pooling)
    for op in file.OPS
    if op.form == "module"
}


def _part(c: Call, path: str, layer: str, input: TensorType, **settings: object) -> TensorType:
    """What a layer inside the block makes of `input`; what it owns and asks for is the block's."""
    op = _LAYERS[layer]
    inner = Call(c.op)
    result = op.rule(inner, input, **dict.fromkeys(op.inferred), **settings)
    assert isinstance(result, TensorType)
    c.parameters += [replace(p, name=f"{path}.{p.name}", layer=layer) for p in inner.parameters]
    c.demands += inner.demands
    c.training_demands += inner.training_demands
    c.cost = c.cost + inner.cost
    return result


def _activation(c: Call, path: str, layer: str, input: TensorType, inplace: bool | None) -> TensorType:
    if inplace is None:
        return _part(c, path, layer, input)
    if all(a.name != "inplace" for a in _LAYERS[layer].arguments):
        c.refuse(f"{layer} has no argument `inplace`", "inplace", "write `inplace=null`")
    return _part(c, path, layer, input, inplace=inplace)


# -- convolution, norm, activation -------------------------------------------------------------------------------------


@module("Conv2dNormActivation", family="vision", inferred="in_channels")
def conv2d_norm_activation(
    c: Call,
    input: TensorType,
    in_channels: Inferred,
    out_channels: Positive,
    kernel_size: PositivePair = 3,
    stride: PositivePair = 1,
    padding: Pair | Literal["same", "valid"] | None = None,
    groups: Positive = 1,
    norm_layer: Literal["BatchNorm2d", "InstanceNorm2d"] | None = "BatchNorm2d",
    activation_layer: Activation | None = "ReLU",
    dilation: PositivePair = 1,
    inplace: bool | None = True,
    bias: bool | None = None,
) -> TensorType:
    """Conv2d, norm and activation, padded by half the kernel unless said: (N, C_in, H, W) → (N, C_out, H', W')."""
    c.rank(input, 4)
    return _conv_norm_activation(
        c,
        input,
        2,
        out_channels,
        kernel_size,
        stride,
        padding,
        groups,
        norm_layer,
        activation_layer,
        dilation,
        inplace,
        bias,
    )


@module("Conv3dNormActivation", family="vision", inferred="in_channels")
def conv3d_norm_activation(
    c: Call,
    input: TensorType,
    in_channels: Inferred,
    out_channels: Positive,
    kernel_size: PositiveTriple = 3,
    stride: PositiveTriple = 1,
    padding: Triple | Literal["same", "valid"] | None = None,
    groups: Positive = 1,
    norm_layer: Literal["BatchNorm3d", "InstanceNorm3d"] | None = "BatchNorm3d",
    activation_layer: Activation | None = "ReLU",
    dilation: PositiveTriple = 1,
    inplace: bool | None = True,
    bias: bool | None = None,
) -> TensorType:
    """Conv3d, norm and activation, padded by half the kernel unless said: (N, C_in, D, H, W) → (N, C_out, D', H', W')."""
    c.rank(input, 5)
    return _conv_norm_activation(
        c,
        input,
        3,
        out_channels,
        kernel_size,
        stride,
        padding,
        groups,
        norm_layer,
        activation_layer,
        dilation,
        inplace,
        bias,
    )


def _conv_norm_activation(
    c: Call,
    input: TensorType,
    n: int,
    out_channels: int,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...],
    padding: int | tuple[int, ...] | str | None,
    groups: int,
    norm_layer: str | None,
    activation_layer: str | None,
    dilation: int | tuple[int, ...],
    inplace: bool | None,
    bias: bool | None,
) -> TensorType:
    c.infer("in_channels", input.shape[1])
    if padding is None:
        kernel, holes = ntuple(c, kernel_size, n, "kernel_size"), ntuple(c, dilation, n, "dilation")
        padding = tuple((k - 1) // 2 * h for k, h in zip(kernel, holes, strict=True))
    result = _part(
        c, "0", f"Conv{n}d", input, out_channels=out_channels, kernel_size=kernel_size, stride=stride, padding=padding,
        dilation=dilation, groups=groups, bias=norm_layer is None if bias is None else bias,
    )  # fmt: skip
    if norm_layer is not None:
        result = _part(c, "1", norm_layer, result)
    if activation_layer is not None:
        result = _activation(c, "2" if norm_layer is not None else "1", activation_layer, result, inplace)
    return result


# -- perceptron, squeeze and excitation, feature pyramid ---------------------------------------------------------------


@module("MLP", family="vision", inferred="in_channels")
def mlp(
    c: Call,
    input: TensorType,
    in_channels: Inferred,
    hidden_channels: PositiveInts,
    norm_layer: Literal["LayerNorm", "BatchNorm1d"] | None = None,
    activation_layer: Activation = "ReLU",
    inplace: bool | None = None,
    bias: bool = True,
    dropout: Probability = 0.0,
) -> TensorType:
    """Linear layers with norm, activation and dropout between them: (*, in_channels) → (*, hidden_channels[-1])."""
    if isinstance(hidden_channels, int) or not hidden_channels:
        c.refuse("hidden_channels is a list of widths", "hidden_channels")
    c.at_least_rank(input, 1)
    c.infer("in_channels", input.shape[-1])
    at, result = 0, input
    for i, width in enumerate(hidden_channels):
        last = i == len(hidden_channels) - 1
        result = _part(c, str(at), "Linear", result, out_features=width, bias=bias)
        at += 1
        if not last and norm_layer is not None:
            result = _part(c, str(at), norm_layer, result)
            at += 1
        if not last:
            result = _activation(c, str(at), activation_layer, result, inplace)
            at += 1
        at += 1  # dropout
    return result


@module("SqueezeExcitation", family="vision", inferred="input_channels")
def squeeze_excitation(
    c: Call,
    input: TensorType,
    input_channels: Inferred,
    squeeze_channels: Positive,
    activation: Activation = "ReLU",
    scale_activation: Literal["Sigmoid", "Hardsigmoid", "Tanh"] = "Sigmoid",
) -> TensorType:
    """Channels weighed by what they hold on average: (N, C, H, W) → the same (Hu et al.,
    https://arxiv.org/abs/1709.01507)."""
    c.rank(c.weighted(input), 3, 4)
    channels = c.infer("input_channels", input.shape[-3])
    scale = _part(c, "avgpool", "AdaptiveAvgPool2d", input, output_size=1)
    scale = _part(c, "fc1", "Conv2d", scale, out_channels=squeeze_channels, kernel_size=1)
    behind = Call(c.op)
    scale = _part(behind, "activation", activation, scale)
    scale = _part(c, "fc2", "Conv2d", scale, out_channels=channels, kernel_size=1)
    _part(behind, "scale_activation", scale_activation, scale)
    c.parameters += behind.parameters  # activations are registered behind both layers
    return input


@module("FeaturePyramidNetwork", family="vision", inferred="in_channels_list")
def feature_pyramid_network(
    c: Call,
    x: Tensors,
    in_channels_list: PositiveInts | None,
    out_channels: Positive,
    norm_layer: Literal["BatchNorm2d", "InstanceNorm2d"] | None = None,
) -> Sequence[TensorType]:
    """Features of several scales, largest first, each told what the smaller ones saw: (N, C_i, H_i, W_i) each →
    (N, out_channels, H_i, W_i) each (Lin et al., https://arxiv.org/abs/1612.03144)."""
    if isinstance(in_channels_list, int):
        c.refuse("in_channels_list is a list, one number for each feature map", "in_channels_list")
    for one in x:
        c.rank(c.weighted(one, "x"), 4, name="x")
        for d in (2, 3):
            c.at_least(one.shape[d], 1, "a feature map is empty", "x")
        c.equal(one.shape[0], x[0].shape[0], "feature maps have one batch size", "x")
    found = tuple(c.known(one.shape[1], "in_channels_list", "number of channels") for one in x)
    if in_channels_list is not None and tuple(in_channels_list) != found:
        reason = f"in_channels_list is {list(in_channels_list)}, but what flows in has {list(found)}"
        c.refuse(reason, "in_channels_list", code="NNC0506")
    if 0 in found:
        c.refuse("there are no channels to read", "x")
    c.inferred["in_channels_list"] = found
    inner = [_lateral(c, f"inner_blocks.{i}", one, out_channels, 1, norm_layer) for i, one in enumerate(x)]
    return [_lateral(c, f"layer_blocks.{i}", one, out_channels, 3, norm_layer) for i, one in enumerate(inner)]


def _lateral(c: Call, path: str, input: TensorType, width: int, kernel: int, norm_layer: str | None) -> TensorType:
    result = _part(
        c,
        f"{path}.0",
        "Conv2d",
        input,
        out_channels=width,
        kernel_size=kernel,
        padding=kernel // 2,
        bias=norm_layer is None,
    )
    return result if norm_layer is None else _part(c, f"{path}.1", norm_layer, result)


OPS: tuple[OpDef, ...] = (
    conv2d_norm_activation, conv3d_norm_activation, mlp, squeeze_excitation, feature_pyramid_network,
)  # fmt: skip
