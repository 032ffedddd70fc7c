"""Further steps of random networks: sizes that are computed with, slices, pieces with names, masks and other dtypes, shared
modules, `each` and `repeat`, layers that take two values. Those that need the size of what flows are blocks, whose patterns
bind it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.soundness.networks import Builder

__all__ = ["IMAGE_STEPS", "SEQUENCE_STEPS"]

IMAGE, SEQUENCE = ["B", "C", "H", "W"], ["B", "T", "C"]


def block(b: Builder, body: dict[str, Any], channels: int | None = None, **more: Any) -> None:
    """A block of its own that is applied to what flows; `more` are its other inputs, by the entry that they come from."""
    name = f"Step{len(b.blocks)}"
    pattern = IMAGE if b.now.kind == "image" else SEQUENCE
    others = {k: [f"{d}2" for d in pattern] for k in more}
    b.blocks[name] = {"inputs": {"x": pattern, **others}, "layers": body}
    b.add({"type": f"{name}()", "from": [b.now.name, *more.values()]}, channels)


# -- images ----------


def cut(b: Builder) -> None:
    out = b.pick(
        "x[:, :, H // 2:]", "x[:, :, :H - H // 3, 1:]", "x[..., W // 2:-1]", "x[:, :, 1:H - 1, ::3]", "narrow(x, 2, 1, H - 2)",
        "x[:, :, :H // 2 * 2]", "x[:, :, (H - 4) // 2:(H - 4) // 2 + 4]",
    )  # fmt: skip
    block(b, {"out": out})


def to_a_multiple(b: Builder) -> None:
    n = b.pick(2, 3, 4)
    mean = f"mean(reshape(p, B, C, ceildiv(H, {n}), {n}, ceildiv(W, {n}), {n}), [3, 5])"
    block(b, {"p": f"pad(x, [0, -W % {n}, 0, -H % {n}])", "out": b.pick("p", mean, f"p[..., :H // {n} * {n}, :W]")})


def fixed_padding(b: Builder) -> None:
    n = b.pick(1, 2, 3)
    b.add(b.pick(f"ReflectionPad2d({n})", f"CircularPad2d({n})", f"ReplicationPad2d({n})", f"ZeroPad2d(-{n})",
                 f"ConstantPad2d([{n}, -1, 0, 1], 0.5)"))  # fmt: skip


def pooled(b: Builder) -> None:
    n = b.pick(2, 3)
    b.add(b.pick(f"LPPool2d(2, {n})", f"AvgPool2d({n}, 2, 1, ceil_mode=True, count_include_pad=False)",
                 "AdaptiveMaxPool2d([null, 3])", f"MaxPool2d({n}, 2, dilation=2)", f"FractionalMaxPool2d({n}, output_ratio=0.5)",
                 f"fold(unfold({b.now.name}, 3, padding=1), [8, 8], 3, padding=1)"))  # fmt: skip


def pooled_and_back(b: Builder) -> None:
    n, s = b.pick(2, 3), b.pick(1, 2, 3)
    undo: Any = {"type": f"MaxUnpool2d({n}, {s})", "from": ["p.output", "p.indices"]}
    if b.pick(True, False):
        undo |= {"call": {"output_size": ["$H", "$W"]}}
    block(b, {"p": f"MaxPool2d({n}, {s}, return_indices=True)", "out": undo})


def resized(b: Builder) -> None:
    mode = b.pick('"nearest"', '"bilinear"', '"area"')
    if b.pick(True, False):
        block(b, {"out": f"interpolate(x, size=[H2, W2], mode={mode})"}, y=b.other().name)
    else:
        size = b.pick("[H // 2, W // 2]", "[2 * H - 1, W]", "[H + 1, 7]")
        block(b, {"out": f"interpolate(x, size={size}, mode={mode})"})


def up(b: Builder) -> None:
    """A U-Net's way up: doubled, cropped or padded to what is joined."""
    other = b.other()
    fit = b.pick("up[:, :, :H2, :W2]", "pad(up, [0, W2 - 2 * W, 0, H2 - 2 * H])", "up")
    body = {"up": "ConvTranspose2d(4, 2, stride=2)(x)", "fit": fit, "out": "cat([fit, y], 1)"}
    block(b, body, 4 + other.channels, y=other.name)


def convolved_back(b: Builder) -> None:
    k, s = b.pick(2, 3, 4), b.pick(2, 3)
    back = {"type": f"ConvTranspose2d(4, {k}, stride={s})", "from": "down", "call": {"output_size": ["$H", "$W"]}}
    block(b, {"down": f"Conv2d(4, {k}, stride={s})", "out": back}, 4)


def spread(b: Builder) -> None:
    block(b, {"m": "mean(x, [2, 3], keepdim=True)", "out": b.pick("x - m", "expand(m, -1, -1, H, W)", "x / m * H",
                                                                  "repeat(m, 1, 1, H // 2, 3)")})  # fmt: skip


def places(b: Builder) -> None:
    block(b, {"out": b.pick("x + arange(W)", "x * reshape(linspace(0, 1, H), H, 1)", "x + randn([H, W])",
                            "where(arange(W) < W // 2, x, 0.0)", "x * (arange(H)[:, None] >= arange(W))")})  # fmt: skip


def masked(b: Builder) -> None:
    v = b.now.name
    b.add(b.pick(f"where({v} > 0, {v}, 0)", f"masked_fill({v}, {v} < 0, -1)", f"{v} * ({v} == {b.other().name})",
                 f"clamp({v}, min=0) // 2"))  # fmt: skip


def pieces(b: Builder) -> None:
    v, c = b.now.name, b.now.channels
    kind = b.pick("chunk", "split", "tensor_split", "space", "topk")
    name = f"n{len(b.layers)}"
    if kind == "space":
        b.add(f"tensor_split({v}, [1, {b.pick(2, -1)}], dim=2)")
        then, channels = f"{name}.1", c
    elif kind == "topk":
        b.add(f"topk({v}, 2, 1)")
        then, channels = f"{name}.values + {name}.indices", 2
    elif kind == "split":
        b.add(f"split({v}, [1, {max(c - 1, 1)}], 1)")
        then, channels = f"{name}.1 * {name}.0", max(c - 1, 1)
    else:
        b.add(f"{kind}({v}, 2, 1)")
        then, channels = f"{name}.0 * sigmoid({name}.1)", (c + 1) // 2
    b.seen.pop()
    b.add(then, channels)


def again(b: Builder) -> None:
    """A layer once more: on what has other channels it is refused."""
    layers = [
        k
        for k, v in b.layers.items()
        if isinstance(v, str) and v.startswith(("Conv2d", "BatchNorm2d", "Linear", "LSTM"))
    ]
    b.add({"use": b.pick(*layers), "from": b.now.name} if layers else "relu")


def loops(b: Builder) -> None:
    name, width = f"n{len(b.layers)}", b.pick(5, 6)
    kind = b.pick("repeat", "list", "each")
    if kind == "repeat":
        b.add({"repeat": b.pick(1, 3), "layers": [f"Conv2d({width}, 3, 1 + i, padding=1)", "ReLU"]}, width)
    elif kind == "list":
        b.add(
            {"layers": [f"Conv2d({width}, 1)", {"if": b.pick("true", "false"), "type": "MaxPool2d(2)"}, "BatchNorm2d"]},
            width,
        )
    else:
        b.layers[name] = {
            "each": f"c in [4, {width}]",
            "layers": {f"{name}_${{c}}": f"Conv2d(c, 3, padding=1)({b.now.name})"},
        }
        b.seen = b.seen[:1]  # what was before the loop may be used, and its own names are no steps
        b.now = type(b.now)(f"{name}_4", "image", 4)


# -- sequences ----------


def sequence_cut(b: Builder) -> None:
    out = b.pick(
        "x[:, :T // 2]", "x[:, T // 2:]", "x[:, ::3]", "x[:, -2:]", "x[:, 1:T // 2 + 1]", "x[:, T - 1:]",
        "narrow(x, 1, 1, T - 2)", "roll(x, T // 2, 1)", "repeat_interleave(x, 2, 1)", "cat([x, flip(x, 1)], 1)",
        "cat([x[:, :1], x[:, :-1]], 1)",
    )  # fmt: skip
    block(b, {"out": out})


def sequence_fit(b: Builder) -> None:
    n = b.pick(2, 3)
    body = {"p": f"pad(x, [0, 0, 0, -T % {n}])", "w": f"reshape(p, B, -1, {n}, C)", "m": "mean(w, 2)"}
    block(b, {**body, "out": b.pick("m", "flatten(w, 1, 2)", "flatten(w, 1, 2)[:, :T]", "w[:, :, 0]")})


def sequence_layers(b: Builder) -> None:
    v, other, heads = b.now.name, b.other(), b.pick(1, 2)
    kind = b.pick("encoder", "decoder", "cross", "weights", "gru", "proj")
    name = f"n{len(b.layers)}"
    if kind == "encoder":
        b.add(f"TransformerEncoderLayer({heads}, 16, batch_first=True, norm_first={b.pick(True, False)})")
    elif kind == "decoder":
        b.add(f"TransformerDecoderLayer({heads}, 16, batch_first=True)({v}, {other.name})")
    elif kind in ("cross", "weights"):
        b.add(f"MultiheadAttention({heads}, batch_first=True)({v}, {other.name}, {other.name})")
        b.seen.pop()
        b.add(f"{name}.attn_output" if kind == "cross" else f"{name}.attn_output_weights @ {other.name}",
              b.now.channels if kind == "cross" else other.channels)  # fmt: skip
    else:
        both = b.pick(True, False)
        b.add(f"GRU(4, 2, batch_first=True, bidirectional={both})" if kind == "gru" else
              f"LSTM(4, batch_first=True, bidirectional={both}, proj_size=3)")  # fmt: skip
        b.seen.pop()
        b.add(f"{name}.output", (4 if kind == "gru" else 3) * (2 if both else 1))


def causal(b: Builder) -> None:
    scores = "x @ transpose(x, 1, 2)"
    mask = b.pick(
        "triu(ones([T, T], dtype=bool), 1)", "arange(T)[:, None] < arange(T)", "arange(T)[:, None] - arange(T) > T // 2"
    )
    body = {"scores": scores, "masked": f"masked_fill(scores, {mask}, -1e9)", "out": "softmax(masked, -1) @ x"}
    block(b, body)


def relative(b: Builder) -> None:
    """A bias looked up by the distance of two places."""
    body = {
        "distance": "clamp(arange(T)[:, None] - arange(T), -2, 2) + 2",
        "bias": "Embedding(5, 1)(distance)",
        "out": "(x @ transpose(x, 1, 2) + squeeze(bias, -1)) @ x",
    }
    block(b, body)


def products(b: Builder) -> None:
    v, other = b.now.name, b.other()
    if b.pick(True, False):
        b.add(f'einsum("btc,bsc,bsd->btd", {v}, {other.name}, {other.name})')
    else:
        b.add(
            f"scaled_dot_product_attention({v}, {other.name}, {other.name}, is_causal={b.pick(True, False)})",
            other.channels,
        )


def sequence_pooled(b: Builder) -> None:
    v, n = b.now.name, b.pick(2, 3)
    layer = b.pick(f"MaxPool1d({n}, ceil_mode=True)", f"AvgPool1d({n}, 1, 1)", f"ConvTranspose1d({b.now.channels}, {n}, 2)",
                   f"Conv1d({b.now.channels}, 3, dilation={n})", f"AdaptiveAvgPool1d({n})",
                   "Upsample(scale_factor=1.5)")  # fmt: skip
    b.add(f"{layer}(transpose({v}, 1, 2))")
    b.seen.pop()
    b.add("transpose(1, 2)")


Step = Callable[["Builder"], None]
IMAGE_STEPS: tuple[Step, ...] = (
    cut, to_a_multiple, fixed_padding, pooled, pooled_and_back, resized, up, convolved_back, spread, places, masked, pieces,
    again, loops,
)  # fmt: skip
SEQUENCE_STEPS: tuple[Step, ...] = (
    sequence_cut, sequence_cut, sequence_fit, sequence_layers, causal, relative, products, sequence_pooled, again,
)  # fmt: skip
