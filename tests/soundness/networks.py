"""Random networks with free dimensions, as spec dictionaries: chains with branches, sums, concatenations, blocks and loops.

Most are valid or nearly so: the generator tracks what kind of tensor flows (an image, a sequence, a vector) and its channels, but
not its size, so that requirements on free sizes, and plain contradictions, come about by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.soundness.steps import IMAGE_STEPS, SEQUENCE_STEPS

__all__ = ["Builder", "Network", "networks"]

Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Network:
    """A spec with the names of its free dimensions."""

    spec: dict[str, Any]
    dimensions: tuple[str, ...]


@dataclass(frozen=True)
class Flow:
    """What flows: `kind` image (B, C, H, W), sequence (B, T, C) or vector (B, C)."""

    name: str
    kind: str
    channels: int


@st.composite
def networks(draw: Any) -> Network:
    """A network of 1 to 10 steps over an image or a sequence."""
    kind = draw(st.sampled_from(["image", "image", "sequence"]))
    channels = draw(st.integers(1, 8))
    if kind == "image":
        space = draw(st.sampled_from([("H", "W"), ("H", "W"), ("S", "S"), ("H", 32), (17, "W")]))
        shape, free = ["B", channels, *space], tuple(dict.fromkeys(d for d in space if isinstance(d, str)))
    else:
        shape, free = ["B", "T", channels], ("T",)
    builder = Builder(draw, Flow("x", kind, channels))
    for _ in range(draw(st.integers(1, 10))):
        builder.step()
    blocks = {"blocks": builder.blocks} if builder.blocks else {}
    promised = [d for d in free if draw(st.integers(0, 9)) == 0]
    dims = {
        d: draw(st.sampled_from([{"multiple_of": 4}, {"min": 8}, {"multiple_of": 3, "min": 5}, {"max": 30}]))
        for d in promised
    }
    spec = {"nnc": 1, "name": "drawn", "inputs": {"x": shape}, "dims": dims, **blocks, "layers": builder.layers}
    return Network(spec, ("B", *free))


class Builder:
    def __init__(self, draw: Draw, start: Flow) -> None:
        self.draw, self.now, self.seen = draw, start, [start]
        self.layers: dict[str, Any] = {}
        self.blocks: dict[str, Any] = {}

    def step(self) -> None:
        menu = {"image": IMAGE, "sequence": SEQUENCE, "vector": VECTOR}[self.now.kind]
        more = {"image": IMAGE_STEPS, "sequence": SEQUENCE_STEPS}.get(self.now.kind, ())
        self.draw(st.sampled_from([*menu, *more]))(self)

    def add(self, entry: Any, channels: int | None = None, kind: str | None = None) -> None:
        name = f"n{len(self.layers)}"
        self.layers[name] = entry
        self.now = Flow(name, kind or self.now.kind, self.now.channels if channels is None else channels)
        self.seen.append(self.now)

    def pick(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def other(self) -> Flow:
        """An earlier value of the kind that flows."""
        return self.draw(st.sampled_from([f for f in self.seen if f.kind == self.now.kind]))


# -- images ----------


def conv(b: Builder) -> None:
    channels, kernel = b.pick(4, 6, 8), b.pick(1, 2, 3, 5, (3, 1))
    stride, padding, dilation = b.pick(1, 1, 2, 3), b.pick(0, 1, 2, "same", (1, 0)), b.pick(1, 1, 2)
    if padding == "same":
        stride = 1
    groups = b.pick(1, 1, 1, 2)
    pad = f'"{padding}"' if isinstance(padding, str) else padding
    b.add(f"Conv2d({channels}, {kernel}, {stride}, padding={pad}, dilation={dilation}, groups={groups})", channels)


def conv_transpose(b: Builder) -> None:
    channels, kernel, stride, padding = b.pick(4, 8), b.pick(1, 2, 3, 4), b.pick(1, 2, 3), b.pick(0, 0, 1)
    b.add(f"ConvTranspose2d({channels}, {kernel}, {stride}, padding={padding})", channels)


def pool(b: Builder) -> None:
    layer, kernel = b.pick("MaxPool2d", "AvgPool2d"), b.pick(1, 2, 3)
    padding = b.pick(0, kernel // 2)
    b.add(f"{layer}({kernel}, {b.pick(1, 2, 3)}, padding={padding}, ceil_mode={b.pick(True, False)})")


def adaptive(b: Builder) -> None:
    b.add(f"AdaptiveAvgPool2d({b.pick(1, 4, (2, 3))})")


def pointwise(b: Builder) -> None:
    b.add(
        b.pick(
            "ReLU", "sigmoid", "tanh", "Dropout(0.1)", "GELU", "softmax(1)", "x * 2" if b.now.name == "x" else "silu"
        )
    )


def norm(b: Builder) -> None:
    b.add(b.pick("BatchNorm2d", "GroupNorm(1)", "GroupNorm(2)"))


def upsample(b: Builder) -> None:
    b.add(
        b.pick(
            "Upsample(scale_factor=2)",
            'Upsample(scale_factor=2, mode="bilinear")',
            "interpolate(scale_factor=3)",
            "Upsample(size=[8, 8])",
        )
    )


def shuffle(b: Builder) -> None:
    if b.now.channels % 4 == 0 and b.pick(True, False):
        b.add("PixelShuffle(2)", b.now.channels // 4)
    else:
        b.add("PixelUnshuffle(2)", b.now.channels * 4)


def pad_or_crop(b: Builder) -> None:
    v = b.now.name
    b.add(b.pick(f"pad({v}, [1, 2, 0, 1])", f"pad({v}, [-1, 0, 0, 0])", f"{v}[:, :, 1:]", f"{v}[..., ::2]", f"{v}[:, :, :-1, 1:]",
                 f"roll({v}, 1, 2)", f"flip({v}, [3])", f"transpose({v}, 2, 3)"))  # fmt: skip


def combine(b: Builder) -> None:
    """A residual sum, a product or a concatenation with an earlier value: sizes must agree, or demand it."""
    other = b.other()
    if other.channels == b.now.channels and b.pick(True, True, False):
        b.add(f"{b.now.name} {b.pick('+', '*', '-')} {other.name}")
    else:
        b.add(f"cat([{b.now.name}, {other.name}], 1)", b.now.channels + other.channels)


def block(b: Builder) -> None:
    """Applies a residual block, several times perhaps, whose second use shares its graph."""
    b.blocks.setdefault("Residual", {
        "inputs": {"x": ["B", "C", "H", "W"]},
        "args": {"width": None, "stride": 1},
        "layers": {
            "conv1": "Conv2d(width, 3, stride, padding=1)",
            "act1": "relu",
            "conv2": "Conv2d(width, 3, padding=1)",
            "short": {"if": "stride != 1 or C != width", "from": "x", "layers": ["Conv2d(width, 1, stride)"]},
            "out": "relu(conv2 + short)",
        },
    })  # fmt: skip
    width, stride = b.pick(4, 8), b.pick(1, 1, 2)
    entry: Any = f"Residual({width}, {stride})"
    if b.pick(True, False):
        entry = {"repeat": b.pick(1, 2, 3), "type": entry}
    b.add(entry, width)


def windows(b: Builder) -> None:
    """Cuts into 2×2 or 4×4 windows and averages inside: needs divisible sizes."""
    n, v, c = b.pick(2, 4), b.now.name, b.now.channels
    b.blocks[f"Window{n}"] = {
        "inputs": {"x": ["B", "C", "H", "W"]},
        "layers": {"cut": f"reshape(x, B, C, H // {n}, {n}, W // {n}, {n})", "out": "mean(cut, [3, 5])"},
    }
    b.add({"type": f"Window{n}()", "from": v}, c)


def to_sequence(b: Builder) -> None:
    b.add(f"transpose(flatten({b.now.name}, 2), 1, 2)", kind="sequence")


def to_vector(b: Builder) -> None:
    b.add(f"mean({b.now.name}, [2, 3])" if b.now.kind == "image" else f"mean({b.now.name}, 1)", kind="vector")


# -- sequences and vectors ----------


def linear(b: Builder) -> None:
    size = b.pick(4, 6, 8)
    b.add(f"Linear({size})", size)


def sequence_norm(b: Builder) -> None:
    b.add(b.pick("LayerNorm", "RMSNorm", "softmax(-1)", "gelu", "Dropout(0.2)"))


def recurrent(b: Builder) -> None:
    size = b.pick(3, 4)
    layer, both = b.pick("LSTM", "GRU", "RNN"), b.pick(True, False)
    name = f"n{len(b.layers)}"
    b.add(f"{layer}({size}, batch_first=True, bidirectional={both})")
    b.seen.pop()
    b.add(f"{name}.output", size * (2 if both else 1))


def attention(b: Builder) -> None:
    v, heads = b.now.name, b.pick(1, 2)
    b.add({"type": f"MultiheadAttention({heads}, batch_first=True)", "from": {"query": v, "key": v, "value": v}})
    b.seen.pop()
    b.add(f"n{len(b.layers) - 1}.attn_output")


def scores(b: Builder) -> None:
    v = b.now.name
    b.add(f"softmax({v} @ transpose({v}, 1, 2), -1) @ {v}")


def sequence_window(b: Builder) -> None:
    v = b.now.name
    b.add(
        b.pick(
            f"{v}[:, 1:]",
            f"{v}[:, ::2]",
            f"{v}[:, :-1]",
            f"roll({v}, 1, 1)",
            f"repeat({v}, 1, 2, 1)",
            f"cumsum({v}, 1)",
        )
    )


def sequence_fold(b: Builder) -> None:
    """Joins pairs of steps: needs an even length."""
    n = len(b.blocks)
    b.blocks[f"Fold{n}"] = {"inputs": {"x": ["B", "T", "C"]}, "layers": {"out": "reshape(x, B, T // 2, 2 * C)"}}
    b.add(f"Fold{n}()", b.now.channels * 2)


def sequence_conv(b: Builder) -> None:
    channels, kernel, stride = b.pick(4, 8), b.pick(1, 3, 5), b.pick(1, 2)
    name = b.now.name
    b.add(f"transpose({name}, 1, 2)")
    b.seen.pop()
    b.add(f"Conv1d({channels}, {kernel}, {stride}, padding={b.pick(0, 1)})", channels)
    b.seen.pop()
    b.add("transpose(1, 2)", channels)


def sequence_combine(b: Builder) -> None:
    other = b.other()
    if other.channels == b.now.channels and b.pick(True, True, False):
        b.add(f"{b.now.name} + {other.name}")
    else:
        b.add(f"cat([{b.now.name}, {other.name}], 2)", b.now.channels + other.channels)


def vector_combine(b: Builder) -> None:
    other = b.other()
    b.add(f"cat([{b.now.name}, {other.name}], 1)", b.now.channels + other.channels)


IMAGE = [conv, conv, conv, pool, pool, conv_transpose, adaptive, pointwise, norm, upsample, shuffle, pad_or_crop, combine,
         combine,          block, windows, to_sequence, to_vector]  # fmt: skip
SEQUENCE = [linear, sequence_norm, recurrent, attention, scores, sequence_window, sequence_fold, sequence_conv, sequence_combine,
            to_vector]  # fmt: skip
VECTOR = [linear, pointwise, vector_combine]
