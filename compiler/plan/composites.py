"""Layers that torch makes of others, taken apart into the steps that they take: attention, transformer layers, and the
blocks of torchvision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod

from nnc.compiler.plan.calls import Call
from nnc.compiler.plan.recurrent import cell, layers
from nnc.compiler.plan.strides import dense_like
from nnc.compiler.plan.tape import Tensor
from nnc.compiler.types.dtype import DType

__all__ = ["COMPOSITES"]

Tensors = list[Tensor]


# -- attention -------------------------------------------------------------------------------------------------------------


def scaled_dot_product_attention(c: Call) -> Tensors:
    """Fused where a kernel is for it, which keeps what comes in and out, and one number for every query. A CPU has none with
    dropout, nor for heads of values of another width: then scores and their softmax are kept."""
    query, key, value = c.input("query"), c.input("key"), c.input("value")
    return [attention(c, query, key, value, c.tensor("attn_mask"), float(c.setting("dropout_p", 0.0) or 0.0))]


def attention(c: Call, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
    if c.tape.low is not None:
        query, key, value = (c.tape.cast(t, c.tape.low) for t in (query, key, value))
    shape = (*query.shape[:-1], value.shape[-1])
    batch = prod(query.shape[:-2])
    macs = batch * query.shape[-2] * key.shape[-2] * (query.shape[-1] + value.shape[-1])
    fused = query.shape[-1] == value.shape[-1] and len(query.shape) == 4 and (not dropout or c.tape.device == "cuda")
    learns = query.learns or key.learns or value.learns
    result = Tensor.new(shape, query.dtype, learns=learns)
    if fused:
        kept = [query, key, value, result, Tensor.new((batch * query.shape[-2],), DType.float32)]
        if mask is not None:
            kept.append(Tensor.new(mask.shape, query.dtype) if mask.dtype is DType.bool else mask)
        if query.shape == shape:  # it lies as the queries do
            result = kept[3] = replace(result, strides=dense_like(shape, query.strides))
        inputs = [query, key, value]
        c.tape.kernel("scaled_dot_product_attention", inputs, [result], kept, macs=macs)
        return result
    scale = [c.do("mul", t.shape, "arithmetic", input=t, other=0.5) for t in (query, key)]
    scores = c.matmul(scale[0], c.transpose(scale[1], len(key.shape) - 2, len(key.shape) - 1))
    if mask is not None:
        scores = c.add(scores, mask if mask.dtype is not DType.bool else Tensor.new(mask.shape, query.dtype))
    weights = c.dropout(c.softmax(scores), dropout)
    return c.matmul(weights, value)


def multihead_attention(c: Call, path: str = "", inputs: tuple[Tensor, Tensor, Tensor] | None = None) -> Tensors:
    """torch.nn.functional.multi_head_attention_forward."""
    query, key, value = inputs or (c.input("query"), c.input("key"), c.input("value"))
    heads, dropout = int(c.setting("num_heads") or c.setting("nhead")), float(c.setting("dropout", 0.0))
    weighed = bool(c.setting("need_weights", True)) if inputs is None else False
    batched = len(query.shape) == 3
    one = query is key and key is value
    if batched and c.setting("batch_first", False):
        query = c.transpose(query, 0, 1)
        key, value = (query, query) if one else (c.transpose(key, 0, 1), c.transpose(value, 0, 1))
    n = query.shape[1] if batched else 1
    length, source, width = query.shape[0], key.shape[0], query.shape[-1]
    d = width // heads
    q, k, v = _projected(c, path, (query, key, value), one)
    q, k, v = (
        c.transpose(c.reshape(t, s, n * heads, t.numel // (s * n * heads)), 0, 1)
        for t, s in ((q, length), (k, source), (v, source))
    )
    mask = next(
        (m for m in (c.tensor(w) for w in ("attn_mask", "key_padding_mask", "src_mask", "tgt_mask")) if m), None
    )
    if weighed:
        q = c.do("mul", q.shape, "arithmetic", input=q, other=0.5)
        scores = c.do(
            "bmm", (n * heads, length, source), macs=n * length * source * width, input=q, mat2=c.transpose(k, 1, 2)
        )
        weights = c.dropout(c.softmax(scores), dropout)
        attended = c.do("bmm", (n * heads, length, d), macs=n * length * source * width, input=weights, mat2=v)
        joined = c.copy(c.transpose(attended, 0, 1))
        out = c.linear(c.reshape(joined, length * n, width), f"{path}out_proj.")
        out = c.reshape(out, *((length, n, width) if batched else (length, width)))
        shape = (n, heads, length, source)
        weights = c.do("mean", (n, length, source), input=c.reshape(weights, *shape))
        results = [_batch_first(c, out, batched), weights]
        return results[: len(c.step.results)]
    q, k, v = (c.reshape(t, n, heads, t.shape[1], t.shape[2]) for t in (q, k, v))
    attended = attention(c, q, k, v, mask, dropout)
    order = c.do("permute", (length, n, heads, d), settings={"dims": (2, 0, 1, 3)}, input=attended)
    out = c.linear(c.reshape(c.copy(order), n * length, width), f"{path}out_proj.")
    out = c.reshape(out, *((length, n, width) if batched else (length, width)))
    return [_batch_first(c, out, batched)]


def _batch_first(c: Call, out: Tensor, batched: bool) -> Tensor:
    return c.transpose(out, 0, 1) if batched and c.setting("batch_first", False) else out


def _projected(c: Call, path: str, inputs: tuple[Tensor, Tensor, Tensor], one: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values: of one tensor in one product, whose result is put in order by a copy."""
    weight, bias = c.tensor(f"{path}in_proj_weight"), c.tensor(f"{path}in_proj_bias")
    width = inputs[0].shape[-1]
    if weight is None:
        made = [c.project(t, c.input(f"{path}{w}_proj_weight"), bias) for w, t in zip("qkv", inputs, strict=True)]
        return made[0], made[1], made[2]
    if one:
        every = c.project(inputs[0], weight, bias)
        shape = (*every.shape[:-1], 3, width)
        parts = c.reshape(every, *shape)
        rank = len(shape)
        order = (rank - 2, *range(rank - 2), rank - 1)
        moved = c.do("permute", (3, *every.shape[:-1], width), settings={"dims": order}, input=parts)
        packed = c.copy(moved)
        q, k, v = (c.part(packed, packed.shape[1:]) for _ in range(3))
        return q, k, v
    made = []
    for t in inputs:
        own = Tensor((width, width), (width, 1), weight.dtype, weight.storage, weight.learns)
        made.append(c.project(t, own, bias))
    return made[0], made[1], made[2]


# -- transformer layers ------------------------------------------------------------------------------------------------


def encoder_layer(c: Call, source: Tensor | None = None, path: str = "") -> Tensors:
    x = source or c.input("src")
    first = bool(c.setting("norm_first", False))
    x = _residual(c, x, f"{path}norm1.", first, lambda t: _self_attention(c, t, f"{path}self_attn."))
    return [_residual(c, x, f"{path}norm2.", first, lambda t: _feed_forward(c, t, path))]


def decoder_layer(c: Call, target: Tensor | None = None, memory: Tensor | None = None, path: str = "") -> Tensors:
    x, seen = target or c.input("tgt"), memory or c.input("memory")
    first = bool(c.setting("norm_first", False))
    x = _residual(c, x, f"{path}norm1.", first, lambda t: _self_attention(c, t, f"{path}self_attn."))
    x = _residual(c, x, f"{path}norm2.", first, lambda t: _cross_attention(c, t, seen, f"{path}multihead_attn."))
    return [_residual(c, x, f"{path}norm3.", first, lambda t: _feed_forward(c, t, path))]


def _residual(c: Call, x: Tensor, norm: str, first: bool, inner: Callable[[Tensor], Tensor]) -> Tensor:
    if first:
        return c.add(x, inner(c.norm(x, norm)))
    return c.norm(c.add(x, inner(x)), norm)


def _self_attention(c: Call, x: Tensor, path: str) -> Tensor:
    return c.dropout(multihead_attention(c, path, (x, x, x))[0], float(c.setting("dropout", 0.1)))


def _cross_attention(c: Call, x: Tensor, memory: Tensor, path: str) -> Tensor:
    return c.dropout(multihead_attention(c, path, (x, memory, memory))[0], float(c.setting("dropout", 0.1)))


def _feed_forward(c: Call, x: Tensor, path: str) -> Tensor:
    p = float(c.setting("dropout", 0.1))
    hidden = c.pointwise(str(c.setting("activation", "relu")), c.linear(x, f"{path}linear1."))
    return c.dropout(c.linear(c.dropout(hidden, p), f"{path}linear2."), p)


def encoder(c: Call) -> Tensors:
    return [_encoder(c, c.input("src"), "", int(c.setting("num_layers")), bool(c.setting("norm", False)))]


def _encoder(c: Call, x: Tensor, path: str, count: int, norm: bool) -> Tensor:
    for i in range(count):
        with c.inside(f"{path}layers.{i}", x) as part:
            part.give(*encoder_layer(c, x, f"{path}layers.{i}."))
        (x,) = part.outputs
    return c.norm(x, f"{path}norm.") if norm else x


def decoder(c: Call) -> Tensors:
    count, norm = int(c.setting("num_layers")), bool(c.setting("norm", False))
    return [_decoder(c, c.input("tgt"), c.input("memory"), "", count, norm)]


def _decoder(c: Call, x: Tensor, memory: Tensor, path: str, count: int, norm: bool) -> Tensor:
    for i in range(count):
        with c.inside(f"{path}layers.{i}", x, memory) as part:
            part.give(*decoder_layer(c, x, memory, f"{path}layers.{i}."))
        (x,) = part.outputs
    return c.norm(x, f"{path}norm.") if norm else x


def transformer(c: Call) -> Tensors:
    memory = _encoder(c, c.input("src"), "encoder.", int(c.setting("num_encoder_layers", 6)), True)
    return [_decoder(c, c.input("tgt"), memory, "decoder.", int(c.setting("num_decoder_layers", 6)), True)]


# -- torchvision's blocks ----------------------------------------------------------------------------------------------


def conv_norm_activation(c: Call) -> Tensors:
    shape = c.step.results[0][0]
    weight = c.input("0.weight")
    x = c.do(
        "conv2d", shape, macs=prod(shape) * weight.numel // weight.shape[0],
        input=c.input("input"), weight=weight, bias=c.tensor("0.bias"),
    )  # fmt: skip
    at = 1
    norm, activation = c.setting("norm_layer", "BatchNorm2d"), c.setting("activation_layer", "ReLU")
    if norm is not None:
        x = c.do(norm, shape, input=x, weight=c.tensor("1.weight"), bias=c.tensor("1.bias"))
        at = 2
    if activation is not None:
        inplace = bool(c.setting("inplace", True))
        x = c.pointwise(activation, x, inplace=inplace, weight=c.tensor(f"{at}.weight"))
    return [x]


def mlp(c: Call) -> Tensors:
    x, at = c.input("input"), 0
    widths, norm = c.setting("hidden_channels"), c.setting("norm_layer")
    for i in range(len(widths)):
        x, at = c.linear(x, f"{at}."), at + 1
        if i < len(widths) - 1:
            if norm is not None:
                weight, bias = c.tensor(f"{at}.weight"), c.tensor(f"{at}.bias")
                settings = {"normalized_shape": x.shape[-1:]}
                x, at = c.do(norm, x.shape, settings=settings, input=x, weight=weight, bias=bias), at + 1
            activation = c.setting("activation_layer", "ReLU")
            inplace = bool(c.setting("inplace") or False)
            x, at = c.pointwise(activation, x, inplace=inplace, weight=c.tensor(f"{at}.weight")), at + 1
        p = float(c.setting("dropout", 0.0))
        if p:
            x = c.do(
                "dropout",
                x.shape,
                "dropout",
                settings={"p": p, "inplace": bool(c.setting("inplace") or False)},
                input=x,
            )
        at += 1
    return [x]


def squeeze_excitation(c: Call) -> Tensors:
    x = c.input("input")
    *batch, channels, _, _ = x.shape
    inner = c.input("fc1.weight").shape[0]
    scale = c.do("adaptive_avg_pool2d", (*batch, channels, 1, 1), input=x)
    scale = _conv(c, scale, "fc1.", (*batch, inner, 1, 1))
    scale = c.pointwise(c.setting("activation", "ReLU"), scale, weight=c.tensor("activation.weight"))
    scale = _conv(c, scale, "fc2.", (*batch, channels, 1, 1))
    scale = c.pointwise(c.setting("scale_activation", "Sigmoid"), scale)
    return [c.do("mul", x.shape, "arithmetic", input=scale, other=x)]


def _conv(c: Call, input: Tensor, path: str, shape: tuple[int, ...]) -> Tensor:
    weight = c.input(f"{path}weight")
    macs = prod(shape) * weight.numel // weight.shape[0]
    return c.do("conv2d", shape, macs=macs, input=input, weight=weight, bias=c.tensor(f"{path}bias"))


def feature_pyramid_network(c: Call) -> Tensors:
    maps = c.step.operands["x"]
    norm = c.setting("norm_layer")

    def lateral(name: str, i: int, input: Tensor) -> Tensor:
        path = f"{name}.{i}."
        shape = (input.shape[0], c.input(f"{path}0.weight").shape[0], *input.shape[2:])
        made = _conv(c, input, f"{path}0.", shape)
        if norm is None:
            return made
        return c.do(norm, shape, input=made, weight=c.tensor(f"{path}1.weight"), bias=c.tensor(f"{path}1.bias"))

    last = lateral("inner_blocks", len(maps) - 1, maps[-1])
    results = [lateral("layer_blocks", len(maps) - 1, last)]
    for i in range(len(maps) - 2, -1, -1):
        inner = lateral("inner_blocks", i, maps[i])
        last = c.add(inner, c.do("interpolate", inner.shape, input=last))
        results.insert(0, lateral("layer_blocks", i, last))
    return results


COMPOSITES: Mapping[str, Callable[[Call], Tensors]] = {
    "scaled_dot_product_attention": scaled_dot_product_attention,
    "MultiheadAttention": multihead_attention,
    "TransformerEncoderLayer": encoder_layer,
    "TransformerDecoderLayer": decoder_layer,
    "TransformerEncoder": encoder,
    "TransformerDecoder": decoder,
    "Transformer": transformer,
    "Conv2dNormActivation": conv_norm_activation,
    "Conv3dNormActivation": conv_norm_activation,
    "MLP": mlp,
    "SqueezeExcitation": squeeze_excitation,
    "FeaturePyramidNetwork": feature_pyramid_network,
    "RNN": layers,
    "LSTM": layers,
    "GRU": layers,
    "RNNCell": cell,
    "LSTMCell": cell,
    "GRUCell": cell,
}
