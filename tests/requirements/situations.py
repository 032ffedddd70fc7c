"""Networks as people write them, each with the shortest true statement of what it asks of its free sizes.

The layers are the spec's own text. `sizes` are those that the statement is tried on, all combinations: where a network
asks for more than usual sizes, the interesting ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import dedent, indent

__all__ = ["SITUATIONS", "Situation"]


@dataclass(frozen=True, slots=True)
class Situation:
    """`asks` is what `nnc check` prints, in its order; nothing where every size ≥ 1 will do."""

    name: str
    inputs: str
    layers: str
    asks: tuple[str, ...] = ()
    sizes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    more: str = ""

    @property
    def text(self) -> str:
        layers = indent(dedent(self.layers).strip(), "  ")
        return f"nnc: 1\nname: situation\ninputs: {self.inputs}\n{dedent(self.more).strip()}\nlayers:\n{layers}\n"


IMAGE = "{x: [B, 3, H, W]}"
FEATURES = "{x: [B, 8, H, W]}"
TOKENS = "{x: [B, T, 8]}"
SIGNAL = "{x: [B, 4, T]}"

CONVOLUTIONS = [
    Situation("one pooling", IMAGE, "- MaxPool2d(2)", ("H >= 2", "W >= 2")),
    Situation(
        "five poolings",
        IMAGE,
        "- {repeat: 5, layers: [MaxPool2d(2)]}",
        ("H >= 32", "W >= 32"),
        {"H": (30, 31, 32, 33, 64), "W": (31, 32, 33)},
    ),
    Situation("a convolution", IMAGE, "- Conv2d(4, 7)", ("H >= 7", "W >= 7")),
    Situation("a dilated convolution", SIGNAL, "- Conv1d(4, 3, dilation=4)", ("T >= 9",)),
    Situation(
        "dilations that grow",
        SIGNAL,
        """
        - Conv1d(4, 3, dilation=1)
        - Conv1d(4, 3, dilation=2)
        - Conv1d(4, 3, dilation=4)""",
        ("T >= 15",),
    ),
    Situation(
        "a causal stack",
        SIGNAL,
        """
        p1: pad([2, 0])
        c1: Conv1d(4, 3)
        p2: pad([4, 0])
        c2: Conv1d(4, 3, dilation=2)
        out: c2 + x""",
    ),
    Situation(
        "a residual that loses a border",
        FEATURES,
        """
        a: Conv2d(8, 3)
        out: a + x[:, :, 1:-1, 1:-1]""",
        ("H >= 3", "W >= 3"),
    ),
    Situation(
        "a stem and a head",
        IMAGE,
        """
        - Conv2d(8, 7, stride=2)
        - MaxPool2d(3, 2)
        - Conv2d(8, 5)""",
        ("H >= 27", "W >= 27"),
        {"H": range(20, 34), "W": range(24, 30)},
    ),
    Situation(
        "down and up by transposed convolution",
        FEATURES,
        """
        down: Conv2d(8, 2, stride=2)
        up: ConvTranspose2d(8, 2, stride=2)
        out: up + x""",
        ("H % 2 == 0", "W % 2 == 0"),
    ),
    Situation(
        "a transposed convolution with output padding",
        FEATURES,
        """
        down: Conv2d(8, 3, stride=2, padding=1)
        up: ConvTranspose2d(8, 3, stride=2, padding=1, output_padding=1)
        out: up + x""",
        ("H % 2 == 0", "W % 2 == 0"),
    ),
    Situation(
        "a transposed convolution without it",
        FEATURES,
        """
        down: Conv2d(8, 3, stride=2, padding=1)
        up: ConvTranspose2d(8, 3, stride=2, padding=1)
        out: up + x""",
        ("H % 2 == 1", "W % 2 == 1"),
    ),
    Situation(
        "a transposed convolution that needs a border", SIGNAL, "- ConvTranspose1d(4, 1, padding=3)", ("T >= 7",)
    ),
    Situation(
        "an hourglass of strides 2 and 3",
        SIGNAL,
        """
        a: Conv1d(4, 2, stride=2)
        b: Conv1d(4, 3, stride=3)
        c: ConvTranspose1d(4, 3, stride=3)
        d: ConvTranspose1d(4, 2, stride=2)
        out: d + x""",
        ("T % 6 == 0",),
    ),
    Situation(
        "pooling with ceil_mode, added to without",
        SIGNAL,
        """
        a: MaxPool1d(2)
        b: {type: "MaxPool1d(2, ceil_mode=True)", from: x}
        out: a + b""",
        ("T % 2 == 0",),
    ),
    Situation(
        "kernels 2 and 3, stride 3",
        SIGNAL,
        """
        a: MaxPool1d(2, 3)
        b: {type: "MaxPool1d(3, 3)", from: x}
        out: a + b""",
        ("T % 3 != 2", "T >= 3"),
        {"T": range(1, 30)},
    ),
    Situation(
        "stride 4 against kernel sizes 1 and 3",
        SIGNAL,
        """
        a: Conv1d(4, 1, stride=4)
        b: {type: "Conv1d(4, 3, stride=4)", from: x}
        out: a + b""",
        ("T % 4 in {0, 3}",),
        {"T": range(1, 30)},
    ),
]

UPSAMPLING = [
    Situation(
        "a U-Net of one level",
        FEATURES,
        """
        down: MaxPool2d(2)
        up: Upsample(scale_factor=2)
        out: cat([up, x], 1)""",
        ("H % 2 == 0", "W % 2 == 0"),
    ),
    Situation(
        "a U-Net of four levels",
        FEATURES,
        """
        d1: MaxPool2d(2)
        d2: MaxPool2d(2)
        d3: MaxPool2d(2)
        d4: MaxPool2d(2)
        u4: Upsample(scale_factor=2)
        j4: cat([u4, d3], 1)
        u3: Upsample(scale_factor=2)
        j3: cat([u3, d2], 1)
        u2: Upsample(scale_factor=2)
        j2: cat([u2, d1], 1)
        u1: Upsample(scale_factor=2)
        out: cat([u1, x], 1)""",
        ("H % 16 == 0", "W % 16 == 0"),
        {"H": (8, 16, 17, 32, 48), "W": (16, 24, 32)},
    ),
    Situation(
        "a U-Net that pads back",
        FEATURES,
        """
        down: MaxPool2d(2)
        up: Upsample(scale_factor=2)
        back: pad(up, [0, W % 2, 0, H % 2])
        out: cat([back, x], 1)""",
        ("H >= 2", "W >= 2"),
    ),
    Situation(
        "a U-Net that interpolates to the size",
        FEATURES,
        """
        down: MaxPool2d(2)
        up: interpolate(down, size=[H, W])
        out: cat([up, x], 1)""",
        ("H >= 2", "W >= 2"),
    ),
    Situation(
        "a U-Net without padding",
        FEATURES,
        """
        a: Conv2d(8, 3)
        down: MaxPool2d(2)
        up: Upsample(scale_factor=2)
        crop: a[:, :, :H // 2 * 2 - 2, :W // 2 * 2 - 2]
        out: cat([up, crop], 1)""",
        ("H >= 4", "W >= 4"),
    ),
    Situation(
        "a feature pyramid",
        FEATURES,
        """
        c2: Conv2d(8, 3, stride=2, padding=1)
        c3: Conv2d(8, 3, stride=2, padding=1)
        up: interpolate(c3, scale_factor=2)
        out: up + c2""",
        ("H % 4 in {0, 3}", "W % 4 in {0, 3}"),
        {"H": range(1, 18), "W": range(1, 10)},
    ),
    Situation(
        "a feature pyramid to the size of the level",
        FEATURES,
        """
        c2: Conv2d(8, 3, stride=2, padding=1)
        c3: Conv2d(8, 3, stride=2, padding=1)
        up: interpolate(c3, size=[(H + 1) // 2, (W + 1) // 2])
        out: up + c2""",
    ),
    Situation(
        "three levels of a feature pyramid",
        FEATURES,
        """
        c2: Conv2d(8, 3, stride=2, padding=1)
        c3: Conv2d(8, 3, stride=2, padding=1)
        c4: Conv2d(8, 3, stride=2, padding=1)
        p3: interpolate(c4, scale_factor=2) + c3
        out: interpolate(p3, scale_factor=2) + c2""",
        ("H % 8 in {0, 7}", "W % 8 in {0, 7}"),
        {"H": range(1, 20), "W": (7, 8, 9, 15, 16)},
    ),
    Situation("to twice the size", FEATURES, "- 'interpolate(size=[H * 2, W * 2])'"),
    Situation("pixels to channels", FEATURES, "- PixelUnshuffle(4)", ("H % 4 == 0", "W % 4 == 0")),
    Situation(
        "pixels to channels and back",
        FEATURES,
        """
        down: PixelUnshuffle(2)
        conv: Conv2d(32, 3, padding=1)
        up: PixelShuffle(2)
        out: up + x""",
        ("H % 2 == 0", "W % 2 == 0"),
    ),
    Situation("a channel shuffle", "{x: [B, C, H, W]}", "- ChannelShuffle(4)", ("C % 4 == 0",), {"H": (3,), "W": (5,)}),
    Situation(
        "up by 3, down by 2",
        SIGNAL,
        """
        up: Upsample(scale_factor=3)
        down: AvgPool1d(2)
        up2: Upsample(scale_factor=2)
        down3: AvgPool1d(3)
        out: down3 + x""",
        ("T % 2 == 0",),
    ),
]

ATTENTION = [
    Situation(
        "windows of an image",
        FEATURES,
        """
        w: reshape(x, B, 8, H // 4, 4, W // 4, 4)""",
        ("H % 4 == 0", "W % 4 == 0"),
    ),
    Situation(
        "windows of an image, channels last",
        "{x: [B, H, W, C]}",
        """
        w: view(x, B, H // 7, 7, W // 7, 7, C)
        p: permute(w, 0, 1, 3, 2, 4, 5)
        out: reshape(p, -1, 49, C)""",
        ("H % 7 == 0", "W % 7 == 0"),
        {"C": (2, 3), "H": (6, 7, 13, 14, 21), "W": (7, 8, 14, 20)},
    ),
    Situation(
        "windows, and the image again",
        "{x: [B, H, W, 8]}",
        """
        w: view(x, B, H // 2, 2, W // 2, 2, 8)
        flat: reshape(permute(w, 0, 1, 3, 2, 4, 5), -1, 4, 8)
        parts: view(flat, -1, H // 2, W // 2, 2, 2, 8)
        back: reshape(permute(parts, 0, 1, 3, 2, 4, 5), B, H, W, 8)
        out: back + x""",
        ("H % 2 == 0", "W % 2 == 0"),
    ),
    Situation(
        "windows of a padded image",
        "{x: [B, H, W, 8]}",
        """
        padded: pad(x, [0, 0, 0, (4 - W % 4) % 4, 0, (4 - H % 4) % 4])
        w: view(padded, B, (H + 3) // 4, 4, (W + 3) // 4, 4, 8)
        back: reshape(w, B, (H + 3) // 4 * 4, (W + 3) // 4 * 4, 8)
        out: back[:, :H, :W] + x""",
    ),
    Situation(
        "windows after a pooling",
        "{x: [B, 8, H, W]}",
        """
        p: MaxPool2d(2)
        out: reshape(p, B, 8, H // 4, 2, W // 4, 2)""",
        ("H % 4 <= 1", "H >= 4", "W % 4 <= 1", "W >= 4"),
        {"H": range(1, 14), "W": range(2, 10)},
    ),
    Situation(
        "windows after a convolution",
        "{x: [B, 8, H, W]}",
        """
        c: Conv2d(8, 3)
        out: reshape(c, B, 8, (H - 2) // 4, 4, (W - 2) // 4, 4)""",
        ("H % 4 == 2", "H >= 6", "W % 4 == 2", "W >= 6"),
        {"H": range(1, 14), "W": (2, 3, 5, 6, 7, 10, 11)},
    ),
    Situation(
        "windows in time and space",
        "{x: [B, T, H, W]}",
        "w: reshape(x, B, T // 2, 2, H // 3, 3, W // 3, 3)",
        ("H % 3 == 0", "T % 2 == 0", "W % 3 == 0"),
        {"T": range(1, 5), "H": range(2, 7), "W": (2, 3, 4, 6)},
    ),
    Situation(
        "a grid of windows", "{x: [B, H, W, 8]}", "w: view(x, B, 4, H // 4, 4, W // 4, 8)", ("H % 4 == 0", "W % 4 == 0")
    ),
    Situation("one axis in windows", FEATURES, "w: reshape(x, B, 8, H // 2, 2, W)", ("H % 2 == 0",)),
    Situation("halves of an axis", FEATURES, "w: reshape(x, B, 8, 2, -1, W)", ("H % 2 == 0",)),
    Situation("an image as four parts", FEATURES, "w: reshape(x, B, 4, -1)"),
    Situation("pixels in fours", "{x: [B, H, W]}", "w: reshape(x, B, -1, 4)", ("H*W % 4 == 0",)),
    Situation(
        "patches by convolution",
        IMAGE,
        """
        conv: Conv2d(8, 16, stride=16)
        out: transpose(flatten(conv, 2), 1, 2)""",
        ("H >= 16", "W >= 16"),
        {"H": (15, 16, 17, 32), "W": (8, 16, 31)},
    ),
    Situation(
        "patches by reshape",
        IMAGE,
        """
        w: reshape(x, B, 3, H // 8, 8, W // 8, 8)
        p: permute(w, 0, 2, 4, 1, 3, 5)
        out: reshape(p, B, -1, 192)""",
        ("H % 8 == 0", "W % 8 == 0"),
        {"H": (7, 8, 12, 16), "W": (8, 9, 16, 24)},
    ),
    Situation(
        "patches and a class token",
        FEATURES,
        """
        cls: Parameter([1, 1, 8])
        p: transpose(flatten(x, 2), 1, 2)
        out: cat([expand(cls, B, -1, -1), p], 1)""",
    ),
    Situation(
        "position embeddings for a fixed grid",
        FEATURES,
        """
        pos: Parameter([1, 196, 8])
        p: transpose(flatten(x, 2), 1, 2)
        out: p + pos""",
        ("H*W == 196",),
        {"H": (7, 14, 28, 196), "W": (1, 7, 14, 28)},
    ),
    Situation(
        "position embeddings of a square",
        "{x: [B, 8, H, H]}",
        """
        pos: Parameter([1, 196, 8])
        p: transpose(flatten(x, 2), 1, 2)
        out: p + pos""",
        ("H == 14",),
        {"H": range(10, 20)},
    ),
    Situation(
        "heads",
        TOKENS,
        """
        h: transpose(reshape(x, B, T, 2, 4), 1, 2)
        s: softmax(h @ transpose(h, -2, -1), -1)
        out: reshape(transpose(s @ h, 1, 2), B, T, 8)""",
    ),
    Situation(
        "cross-attention",
        "{x: [B, T, 8], y: [B, S, 8]}",
        """
        s: softmax(x @ transpose(y, 1, 2), -1)
        out: s @ y""",
    ),
    Situation(
        "a causal mask",
        TOKENS,
        """
        mask: tril(ones([T, T]))
        s: "masked_fill(x @ transpose(x, 1, 2), mask == 0, -1e9)"
        out: softmax(s, -1) @ x""",
    ),
    Situation(
        "a mask of a fixed length",
        TOKENS,
        """
        mask: Buffer(tril(ones([16, 16])))
        s: x @ transpose(x, 1, 2) + mask[:T, :T]
        out: softmax(s, -1) @ x""",
        ("T <= 16",),
        {"T": range(1, 25)},
    ),
    Situation(
        "positions of a fixed length",
        TOKENS,
        """
        pos: Parameter([1, 16, 8])
        out: x + pos[:, :T]""",
        ("T <= 16",),
        {"T": range(1, 25)},
    ),
    Situation("two inputs that are added", "{x: [B, T, 8], y: [B, S, 8]}", "out: x + y", ("S == T",)),
    Situation(
        "teacher forcing",
        "{x: [B, T, 8], y: [B, S, 8]}",
        """
        out: x[:, 1:] + y[:, :-1]""",
        ("S == T", "S >= 2"),
    ),
    Situation(  # where S is T nothing is left, and pooling of nothing fails
        "what comes after a prompt, pooled",
        "{x: [B, T, 4], y: [B, S, 4]}",
        """
        after: transpose(x[:, S:], 1, 2)
        out: AdaptiveAvgPool1d(3)
        joined: cat([transpose(out, 1, 2), y], 1)""",
        ("T >= S + 1",),
    ),
    Situation(  # that each factor is at least 1 need not be said
        "a table of places for patches",
        IMAGE,
        """
        patch: Conv2d(8, 4, stride=4)
        seq: transpose(flatten(patch, 2), 1, 2)
        pos: Parameter(randn([1, 6, 8]))
        out: seq + pos""",
        ("(H//4)*(W//4) == 6",),
        {"H": range(1, 30), "W": range(1, 30)},
    ),
    Situation("half of a sequence", TOKENS, "out: mean(x[:, :T // 2], 1)", ("T >= 2",)),
    Situation(
        "a token more",
        "{x: [B, T, 8], y: [B, S, 8]}",
        """
        cls: Parameter([1, 1, 8])
        long: cat([expand(cls, B, -1, -1), y], 1)
        out: long + x""",
        ("T == S + 1",),
    ),
]

PARTS = [
    Situation(
        "two halves of the channels",
        "{x: [B, C, H, W]}",
        """
        p: chunk(x, 2, 1)
        out: p.0 + p.1""",
        ("C % 2 == 0",),
        {"C": (1, 2, 4, 5, 6, 7, 8), "H": (2,), "W": (3,)},
    ),
    Situation("a gated unit", "{x: [B, T, C]}", "- GLU()", ("C % 2 == 0",), {"T": (3,), "C": range(1, 10)}),
    Situation(
        "split at known places",
        "{x: [B, T, C]}",
        """
        p: split(x, [4, 2], 1)
        out: cat([p.1, p.0], 1)""",
        ("T == 6",),
        {"T": range(1, 10), "C": (2,)},
    ),
    Situation("every second", "{x: [B, T, 8]}", "out: x[:, ::2] + x[:, 1::2]", ("T % 2 == 0",)),
    Situation(
        "patch merging",
        "{x: [B, H, W, C]}",
        """
        a: x[:, 0::2, 0::2]
        b: x[:, 1::2, 0::2]
        c: x[:, 0::2, 1::2]
        d: x[:, 1::2, 1::2]
        out: cat([a, b, c, d], -1)""",
        ("H % 2 == 0", "W % 2 == 0"),
        {"C": (2,)},
    ),
    Situation(
        "patch merging with padding",
        "{x: [B, H, W, C]}",
        """
        p: pad(x, [0, 0, 0, W % 2, 0, H % 2])
        out: cat([p[:, 0::2, 0::2], p[:, 1::2, 0::2], p[:, 0::2, 1::2], p[:, 1::2, 1::2]], -1)""",
        (),
        {"C": (2,)},
    ),
    Situation("the first ten", TOKENS, "out: x[:, 0:10] + ones([10, 8])", ("T >= 10",), {"T": range(2, 30)}),
    Situation("the last one", TOKENS, "out: x[:, -1]"),
    Situation("the third", TOKENS, "out: x[:, 2]", ("T >= 3",)),
    Situation(
        "unfold and fold",
        FEATURES,
        """
        u: Unfold(2, stride=2)
        f: fold(u, [H, W], 2, stride=2)
        out: f + x""",
        ("H >= 2", "W >= 2"),
    ),
    Situation(
        "patches of an unfolded image",
        IMAGE,
        """
        u: Unfold(4, stride=4)
        out: reshape(u, B, 3, 4, 4, H // 4, W // 4)""",
        ("H >= 4", "W >= 4"),
        {"H": range(1, 12), "W": range(1, 12)},
    ),
    Situation(
        "group norm of merged channels",
        "{x: [B, T, C, L]}",
        """
        m: flatten(x, 1, 2)
        out: group_norm(m, 4)""",
        ("C*T % 4 == 0", "B*L*(C*T//4) >= 2"),
        {"T": range(1, 6), "C": range(1, 6), "L": (3,)},
    ),
    Situation(
        "one value for each channel",
        "{x: [B, 4, L]}",
        "- GroupNorm(4, 4)",
        ("B*L >= 2",),
        {"B": (1, 2), "L": (1, 2, 3)},
    ),
    Situation(
        "half of one is the other",
        "{x: [B, 8, T], y: [B, 8, S]}",
        """
        pooled: {type: AvgPool1d(2), from: y}
        out: pooled + x""",
        ("T == S//2",),
    ),
    Situation(
        "a third input as long as two",
        "{x: [B, T, 8], y: [B, S, 8], z: [B, U, 8]}",
        "out: cat([x, y], 1) + z",
        ("U == S + T",),
    ),
    Situation(
        "a length in pieces of another", "{x: [B, T, 8], y: [B, S, 8]}", "out: reshape(x, B, -1, S, 8)", ("T % S == 0",)
    ),
    Situation(
        "the longer of two",
        "{x: [B, T, 8], y: [B, S, 8]}",
        """
        a: pad(x, [0, 0, 0, max(T, S) - T])
        b: pad(y, [0, 0, 0, max(T, S) - S])
        out: a + b""",
    ),
    Situation(
        "an image within a frame",
        "{x: [B, 8, H, W], y: [B, 8, h, w]}",
        """
        frame: pad(y, [0, W - w, 0, H - h])
        out: frame + x""",
    ),
    Situation("reflected borders", IMAGE, "- ReflectionPad2d(3)", ("H >= 4", "W >= 4")),
    Situation("a circular border", SIGNAL, "- CircularPad1d(3)", ("T >= 3",)),
    Situation("a cropped border", SIGNAL, "- ZeroPad1d(-2)", ("T >= 5",)),
    Situation(
        "the ten best",
        TOKENS,
        """
        best: topk(x, 10, 1)
        out: best.values + 0""",
        ("T >= 10",),
        {"T": range(1, 20)},
    ),
    Situation(
        "windows of a signal, at most 60",
        "{x: [B, 4, T]}",
        """
        a: Conv1d(4, 29)
        pos: Parameter([1, 4, 32])
        out: a + pos[:, :, :T - 28]""",
        ("29 <= T <= 60",),
        {"T": range(20, 70)},
    ),
    Situation("a matrix and its transpose", "{x: [H, W]}", "out: x + transpose(x, 0, 1)", ("H == W",)),
    Situation(
        "one longer than twice the other",
        "{x: [B, T, 8], y: [B, S, 8]}",
        """
        up: repeat_interleave(y, 2, 1)
        cls: zeros([B, 1, 8])
        out: cat([cls, up], 1) + x""",
        ("T == 2*S + 1",),
    ),
    Situation(
        "flattened for a Linear of known size",
        "{x: [B, 2, H, W]}",
        """
        f: flatten(x, 1)
        out: linear(f, w)
        w: Parameter([5, 96])""",
        ("H*W == 48",),
        {"H": (1, 4, 6, 8, 48), "W": (1, 6, 8, 12, 48)},
    ),
]

SITUATIONS: list[Situation] = [*CONVOLUTIONS, *UPSAMPLING, *ATTENTION, *PARTS]
