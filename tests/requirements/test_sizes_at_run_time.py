"""Free sizes as values: a network computes with the sizes of what flows in, and agrees with torch at every size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nnc.compiler.backends.torch.build import build
from nnc.compiler.driver import compile_text

SWIN = """\
nnc: 1
name: swin_like
inputs: {x: [B, H, W, 16]}
args: {dim: 16, heads: 2, win: 4, shift: 2}
blocks:
  WindowAttention:
    inputs: {x: [B, H, W, C]}
    args: {heads: , win: , shift: }
    layers:
      qkv: {type: Linear(3 * C), from: windows}
      proj: {type: Linear(C), from: mixed}
      table: Parameter(randn([win * win, win * win]))
      padded: pad(x, [0, 0, 0, (win - W % win) % win, 0, (win - H % win) % win])
      rolled: roll(padded, [-shift, -shift], [1, 2])
      cut: reshape(rolled, B, ceildiv(H, win), win, ceildiv(W, win), win, C)
      windows: reshape(permute(cut, 0, 1, 3, 2, 4, 5), -1, win * win, C)
      parts: chunk(permute(reshape(qkv, -1, win * win, 3 * heads, C // heads), 0, 2, 1, 3), 3, 1)
      scores: parts.0 @ transpose(parts.1, -2, -1) * (C // heads) ** -0.5 + table
      mask:
        let: {ph: "ceildiv(H, win) * win", pw: "ceildiv(W, win) * win"}
        expr: cat([zeros([ph - shift, pw]), ones([shift, pw])], 0)
      zones: reshape(permute(reshape(mask, ceildiv(H, win), win, ceildiv(W, win), win), 0, 2, 1, 3), -1, win * win)
      apart: where(unsqueeze(zones, 1) == unsqueeze(zones, 2), 0.0, -100.0)
      masked: >-
        reshape(reshape(scores, B, -1, heads, win * win, win * win) + unsqueeze(unsqueeze(apart, 1), 0),
        -1, heads, win * win, win * win)
      mixed: reshape(transpose(softmax(masked, -1) @ parts.2, 1, 2), -1, win * win, C)
      whole: reshape(proj, B, ceildiv(H, win), ceildiv(W, win), win, win, C)
      back: reshape(permute(whole, 0, 1, 3, 2, 4, 5), B, ceildiv(H, win) * win, ceildiv(W, win) * win, C)
      unrolled: roll(back, [shift, shift], [1, 2])
      out: unrolled[:, :H, :W]
layers:
  norm: LayerNorm()
  attention: WindowAttention(heads, win, shift)
  out: x + attention
"""


class SwinLike(nn.Module):
    """The same by hand, with Python's own arithmetic on sizes."""

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(16, 48)
            self.proj = nn.Linear(16, 16)
            self.table = nn.Parameter(torch.zeros(16, 16))

        def forward(self, x: Tensor) -> Tensor:
            win, shift, heads = 4, 2, 2
            b, h, w, c = x.shape
            x = F.pad(x, (0, 0, 0, -w % win, 0, -h % win))
            ph, pw = x.shape[1], x.shape[2]
            x = torch.roll(x, (-shift, -shift), (1, 2))
            x = x.reshape(b, ph // win, win, pw // win, win, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, win * win, c)
            q, k, v = self.qkv(x).reshape(-1, 16, 3 * heads, c // heads).permute(0, 2, 1, 3).chunk(3, 1)
            scores = q @ k.transpose(-2, -1) * (c // heads) ** -0.5 + self.table
            rows = torch.arange(ph) >= ph - shift
            zones = rows[:, None].expand(ph, pw).reshape(ph // win, win, pw // win, win)
            zones = zones.permute(0, 2, 1, 3).reshape(-1, win * win)
            apart = torch.where(zones[:, None] == zones[:, :, None], 0.0, -100.0)
            scores = scores.reshape(b, -1, heads, 16, 16) + apart[None, :, None]
            x = (scores.reshape(-1, heads, 16, 16).softmax(-1) @ v).transpose(1, 2).reshape(-1, 16, c)
            x = self.proj(x).reshape(b, ph // win, pw // win, win, win, c).permute(0, 1, 3, 2, 4, 5)
            x = torch.roll(x.reshape(b, ph, pw, c), (shift, shift), (1, 2))
            return x[:, :h, :w]

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(16)
        self.attention = SwinLike.Attention()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.attention(self.norm(x))


def test_window_attention_at_every_size() -> None:
    compiled = compile_text(SWIN)
    assert compiled.ok, compiled.problems.sorted()
    assert compiled.solution is not None
    assert compiled.solution.requirements == ()
    ours, theirs = build(compiled.graph).eval(), SwinLike().eval()
    theirs.load_state_dict(ours.state_dict())
    for h, w, b in [(1, 1, 1), (4, 4, 2), (5, 3, 1), (7, 9, 2), (8, 8, 1), (12, 5, 3), (2, 16, 1), (15, 15, 1)]:
        x = torch.randn(b, h, w, 16)
        assert torch.equal(ours(x), theirs(x)), (b, h, w)


def network(layers: str, inputs: str = "{x: [B, T, 8]}", outputs: str = "") -> nn.Module:
    compiled = compile_text(f"nnc: 1\nname: n\ninputs: {inputs}\nlayers:\n{layers}{outputs}")
    assert compiled.ok, compiled.problems.sorted()
    return build(compiled.graph)


IMAGE = "{x: [B, 3, H, W]}"
VALUES: dict[str, tuple[str, str, Callable[[Tensor], Any]]] = {
    "heads": (
        "reshape(x, B, -1, 2, 4)",
        "{x: [B, T, 8]}",
        lambda x: x.reshape(x.shape[0], -1, 2, 4),
    ),
    "a token": (
        "expand(zeros([1, 1, 8]), B, -1, -1)",
        "{x: [B, T, 8]}",
        lambda x: torch.zeros(x.shape[0], 1, 8),
    ),
    "positions": (
        "x + unsqueeze(arange(T), -1)",
        "{x: [B, T, 8]}",
        lambda x: x + torch.arange(x.shape[1])[:, None],
    ),
    "a causal mask": (
        "masked_fill(x @ transpose(x, 1, 2), triu(ones([T, T]), 1) == 1, -1e9)",
        "{x: [B, T, 8]}",
        lambda x: (x @ x.transpose(1, 2)).masked_fill(torch.ones(x.shape[1], x.shape[1]).triu(1) == 1, -1e9),
    ),
    "half a roll": (
        "roll(x, [H // 2, W // 2], [2, 3])",
        IMAGE,
        lambda x: x.roll((x.shape[2] // 2, x.shape[3] // 2), (2, 3)),
    ),
    "twice the size": (
        "interpolate(x, size=[H * 2, W * 2 + 1])",
        IMAGE,
        lambda x: F.interpolate(x, (x.shape[2] * 2, x.shape[3] * 2 + 1)),
    ),
    "to a multiple of 8": (
        "pad(x, [0, (8 - W % 8) % 8, 0, -H % 8])",
        IMAGE,
        lambda x: F.pad(x, (0, (8 - x.shape[3] % 8) % 8, 0, -x.shape[2] % 8)),
    ),
    "a square": (
        "pad(x, [0, max(H, W) - W, 0, max(H, W) - H])",
        IMAGE,
        lambda x: F.pad(x, (0, max(x.shape[2:]) - x.shape[3], 0, max(x.shape[2:]) - x.shape[2])),
    ),
    "the middle": (
        "x[:, :, H // 4:H - H // 4, W // 2]",
        IMAGE,
        lambda x: x[:, :, x.shape[2] // 4 : x.shape[2] - x.shape[2] // 4, x.shape[3] // 2],
    ),
    "a mean by hand": (
        "sum(x, [2, 3]) / (H * W)",
        IMAGE,
        lambda x: x.sum((2, 3)) / (x.shape[2] * x.shape[3]),
    ),
    "repeated": (
        "repeat(x, 1, 1, 1, H)",
        IMAGE,
        lambda x: x.repeat(1, 1, 1, x.shape[2]),
    ),
    "full": (
        "full([B, H // 2 + 1], 2.5) + zeros([1])",
        IMAGE,
        lambda x: torch.full((x.shape[0], x.shape[2] // 2 + 1), 2.5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_the_same_at_every_size(name: str) -> None:
    layer, inputs, by_hand = VALUES[name]
    model = network(f"  out: '{layer}'\n", inputs)
    for sizes in [(1, 1), (2, 3), (5, 4), (8, 16), (7, 1)]:
        x = torch.randn(2, 3, *sizes) if "H" in inputs else torch.randn(sizes[0], sizes[1], 8)
        assert torch.equal(model(x), by_hand(x)), sizes


ERRORS = {
    "Linear(T)": "--size T=…, or `dims: {T: …}`",
    "Conv1d(4, 3)": "--size T=…, or `dims: {T: …}`",
    "'Linear(T // 2 + B)'": "--size B=…,T=…, or `dims: {B: …, T: …}`",
    "Parameter([T, 8])": "--size T=…, or `dims: {T: …}`",
    "Buffer(zeros([B, 8]))": "--size B=…, or `dims: {B: …}`",
    "{repeat: T, type: ReLU}": "--size T=…, or `dims: {T: …}`",
    "split(x, 4, 1)": "--size T=…, or `dims: {T: …}`",
    "unbind(x, 1)": "--size T=…, or `dims: {T: …}`",
    "squeeze(x)": "--size B=…, or `dims: {B: …}`",
    "'x[:, B - T:]'": "--size B=…,T=…, or `dims: {B: …, T: …}`",
    "'interpolate(transpose(x, 1, 2), scale_factor=1.1)'": "--size T=…, or `dims: {T: …}`",
}


@pytest.mark.parametrize("layer", ERRORS)
def test_a_size_that_must_be_known_says_which(layer: str) -> None:
    compiled = compile_text(f"nnc: 1\nname: n\ninputs: {{x: [B, T, 8]}}\nlayers:\n  a: {layer}\n  z: relu(x)\n")
    (found, *_) = [d for d in compiled.problems if d.severity == "error"]
    assert found.code == "NNC0505"
    assert any(note.endswith(ERRORS[layer]) for note in found.notes), found.notes


def test_a_block_says_it_in_the_sizes_of_the_network() -> None:
    text = """\
nnc: 1
name: n
inputs: {x: [B, 3, H, W]}
blocks:
  Inner: {inputs: {x: [N, C, h, w]}, layers: {fc: Linear(h * 2)}}
  Outer: {inputs: {x: [N, C, h, w]}, layers: {p: MaxPool2d(2), inner: Inner()}}
layers:
  down: Conv2d(8, 3, stride=2)
  out: Outer()
"""
    (found,) = compile_text(text).problems
    assert found.code == "NNC0505"
    assert found.notes[0] == "give it a size: --size H=…, or `dims: {H: …}`"
