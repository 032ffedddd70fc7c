"""Layers take the ranks that torch's take: unbatched images and sequences, `Linear` on anything, broadcasting."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nnc.compiler.backends.torch.build import build
from nnc.compiler.driver import Compilation, compile_text
from nnc.compiler.types.dim import evaluate

SIZES = {"B": 2, "T": 5, "H": 9, "W": 11, "D": 7}


def compiled(shape: str, layer: str) -> Compilation:
    results = "outputs: out.output\n" if layer.startswith(("LSTM(", "GRU(")) else ""
    results = "outputs: out.h_1\n" if layer.startswith("LSTMCell") else results
    return compile_text(f"nnc: 1\nname: n\ninputs: {{x: {shape}}}\nlayers:\n  out: {layer}\n{results}")


ACCEPTED = [
    ("[3, H, W]", "Conv2d(4, 3)"),
    ("[B, 3, H, W]", "Conv2d(4, 3)"),
    ("[3, T]", "Conv1d(4, 3)"),
    ("[3, D, H, W]", "Conv3d(4, 3)"),
    ("[3, H, W]", "ConvTranspose2d(4, 2, stride=2)"),
    ("[3, H, W]", "MaxPool2d(2)"),
    ("[3, H, W]", "AdaptiveAvgPool2d(2)"),
    ("[3, H, W]", "ReflectionPad2d(1)"),
    ("[4, H, W]", "PixelShuffle(2)"),
    ("[B, 2, 4, H, W]", "PixelShuffle(2)"),
    ("[3, H, W]", "InstanceNorm2d()"),
    ("[3, H, W]", "Unfold(3)"),
    ("[8]", "Linear(4)"),
    ("[B, 8]", "Linear(4)"),
    ("[B, T, H, W, 8]", "Linear(4)"),
    ("[T, 8]", "LSTM(4)"),
    ("[B, T, 8]", "GRU(4, batch_first=True)"),
    ("[8]", "LSTMCell(4)"),
    ("[T, 8]", "TransformerEncoderLayer(2, 16)"),
    ("[8]", "LayerNorm()"),
    ("[B, T, 8]", "LayerNorm()"),
    ("[B, 8]", "BatchNorm1d()"),
    ("[B, 8, T]", "BatchNorm1d()"),
    ("[B, 4]", "GroupNorm(2)"),
    ("[B, 4, T, H, W]", "GroupNorm(2)"),
    ("[]", "Flatten(0)"),
    ("[]", "relu"),
    ("[B, T]", "Softmax(-1)"),
    ("[B, T]", "x + ones([T])"),
    ("[B, T]", "x + ones([1])"),
    ("[B, T]", "ones([3, 1, 1]) * x"),
    ("[B, T]", "x @ ones([T])"),
    ("[B, H, T]", "x @ ones([T, 3])"),
    ("[H, T]", "x @ ones([4, T, 3])"),
]


@pytest.mark.parametrize(("shape", "layer"), ACCEPTED)
def test_a_rank_that_torch_takes(shape: str, layer: str) -> None:
    done = compiled(shape, layer if layer[0].isupper() or layer == "relu" else f"'{layer}'")
    assert done.ok, done.problems.sorted()
    graph = done.graph
    sizes = [d if isinstance(d, int) else evaluate(d, SIZES) for d in graph.inputs[0].type.shape]
    out = build(graph).eval()(torch.rand(sizes))
    given = list(out.values()) if isinstance(out, dict) else [out]
    wanted = [[d if isinstance(d, int) else evaluate(d, SIZES) for d in v.type.shape] for v in graph.outputs.values()]
    assert [list(t.shape) for t in given if isinstance(t, Tensor)] == wanted


REFUSED = [
    ("[3, H]", "Conv2d(4, 3)", "Conv2d takes a 3-D or 4-D tensor, this one is 2-D: [3, H]"),
    ("[B, 3, D, H, W]", "Conv2d(4, 3)", "Conv2d takes a 3-D or 4-D tensor, this one is 5-D: [B, 3, D, H, W]"),
    ("[]", "Linear(4)", "Linear takes a tensor of at least one dimension, this one is []"),
    ("[8]", "BatchNorm1d()", "BatchNorm1d takes a 2-D or 3-D tensor, this one is 1-D: [8]"),
    ("[B, 4, 8, T]", "LSTM(4)", "LSTM takes a 2-D or 3-D tensor, this one is 4-D: [B, 4, 8, T]"),
    ("[B, 7]", "'x + ones([3])'", "sizes 7 and 3 do not broadcast: [B, 7] with [3]"),
    ("[B, T, 7]", "'x + ones([4, 1, 3])'", "sizes 7 and 3 do not broadcast: [B, T, 7] with [4, 1, 3]"),
]


@pytest.mark.parametrize(("shape", "layer", "message"), REFUSED)
def test_a_rank_that_torch_refuses(shape: str, layer: str, message: str) -> None:
    (found,) = compiled(shape, layer).problems
    assert found.message == message
    assert found.span.line == 5


@pytest.mark.parametrize(
    ("shape", "layer", "asks"),
    [
        ("[B, T]", "x + ones([3])", ["T == 3"]),  # docs/decisions/0004: a free size is not stretched
        ("[B, T]", "x + ones([1, 1])", []),
        ("[B, T]", "x + transpose(x, 0, 1)", ["B == T"]),
        ("[B, 1]", "x + transpose(x, 0, 1)", []),
        ("[B, T]", "x + ones([2 * T])", None),
        ("[B, T]", "x + ones([T // 2 * 2])", ["T % 2 == 0"]),
    ],
)
def test_free_sizes_that_meet(shape: str, layer: str, asks: list[str] | None) -> None:
    done = compiled(shape, f"'{layer}'")
    if asks is None:
        (found,) = done.problems
        assert found.message == "sizes T and 2*T do not broadcast: [B, T] with [2*T]"
    else:
        assert done.solution is not None
        assert [r.text for r in done.solution.requirements] == asks
