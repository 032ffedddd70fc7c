"""The numbers of a network, held against torch's own, and the text that shows them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nnc.compiler.backends.torch.build import build
from nnc.compiler.driver import compile_file, compile_text
from nnc.compiler.graph.ir import Graph
from nnc.compiler.summary import Row, Summary, as_json, as_text, summarize
from nnc.compiler.types.dim import evaluate, size
from nnc.compiler.types.dtype import DType
from tests.backends.graphs import Building, lenet, mlp, resnet, siamese, vit
from tests.elaborate.helpers import compiled

SPECS = sorted((Path(__file__).parents[1] / "specs").glob("*.yaml"))
SIZES = {
    "B": 2,
    "H": 224,
    "W": 448,
    "T": 16,
    "S": 5,
    "N": 50,
}  # enough for every family, and what maxvit's windows divide


def rows(summary: Summary) -> dict[str, Row]:
    return {row.path: row for row in summary.rows}


def inputs(graph: Graph, sizes: Mapping[str, int]) -> list[torch.Tensor]:
    """Tensors of the network's input types, on meta."""
    shapes = [(tuple(evaluate(d, sizes) for d in v.type.shape), v.type.dtype.value) for v in graph.inputs]
    return [torch.empty(shape, dtype=getattr(torch, dtype), device="meta") for shape, dtype in shapes]


# -- against torch ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_the_numbers_are_torchs(path: Path) -> None:
    graph = compile_file(path).graph
    with torch.device("meta"):
        model = build(graph).eval()
    summary = summarize(graph, SIZES)
    parameters = list(model.parameters())
    buffers = list(model.buffers())
    assert summary.parameters == sum(p.numel() for p in parameters)
    assert summary.trainable == sum(p.numel() for p in parameters if p.requires_grad)
    assert summary.parameter_bytes == sum(p.numel() * p.element_size() for p in parameters)
    assert summary.buffers == sum(b.numel() for b in buffers)
    assert summary.buffer_bytes == sum(b.numel() * b.element_size() for b in buffers)
    with FlopCounterMode(display=False) as counter:
        given = model(*inputs(graph, SIZES))
    assert summary.macs == counter.get_total_flops() // 2
    results = (
        list(given.values()) if isinstance(given, dict) else [given] if isinstance(given, torch.Tensor) else list(given)
    )
    always = [t.shape for name, t in summary.outputs.items() if name not in graph.train_only]
    assert [tuple(r.shape) for r in results] == always


def test_a_head_of_training_alone_stands_in_its_row_and_in_no_sum() -> None:
    text = """
layers:
  a: Linear(4)
  head: {layers: [Linear(2)]}
  b: Linear(3)(a)
outputs: {y: b, aux: {from: head, mode: train}}
"""
    summary = summarize(compiled(text).graph, {"B": 1})
    assert {row.path: row.macs for row in summary.rows if row.depth == 1} == {"a": 64, "head": 8, "b": 12}
    assert summary.macs == 64 + 12


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_each_rows_parameters_are_its_modules(path: Path) -> None:
    graph = compile_file(path).graph
    with torch.device("meta"):
        model = build(graph)
    modules = dict(model.named_modules(remove_duplicate=False))
    tied = dict(graph.ties)  # counted where they are made
    for row in summarize(graph, expand=True).rows:
        if row.path in modules and row.shares is None:
            own = {f"{row.path}.{name}": p.numel() for name, p in modules[row.path].named_parameters()}
            assert row.parameters == sum(n for name, n in own.items() if name not in tied)


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_symbols_and_sizes_agree(path: Path) -> None:
    """What is said of free dimensions is, with sizes put in, what is said of those sizes."""
    graph = compile_file(path).graph
    free, known = summarize(graph), summarize(graph, SIZES)
    assert known.free == ()
    for symbolic, numeric in zip(free.rows, known.rows, strict=True):
        assert symbolic.macs is not None or free.macs is None, "only what the whole is too long for, too"
        assert symbolic.macs is None or evaluate(symbolic.macs, SIZES) == numeric.macs
    assert free.macs is None or evaluate(free.macs, SIZES) == known.macs


# -- counting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lenet, resnet, vit, siamese, mlp])
@pytest.mark.parametrize("expand", [False, True])
def test_rows_add_up(make: Any, expand: bool) -> None:
    summary = summarize(make(), SIZES, expand=expand)
    top = [row for row in summary.rows if row.depth == 1]
    assert sum(row.parameters * row.times for row in top) == summary.parameters
    assert sum(row.macs * row.times for row in top) == summary.macs  # type: ignore[operator,misc]  # all sizes are known
    factors = {"": 1}
    for row in summary.rows:
        factors[row.path] = row.times * factors[row.path.rpartition(".")[0]]
    assert sum(row.own * factors[row.path] for row in summary.rows) == summary.parameters


def test_equal_blocks_are_one_row() -> None:
    found = rows(summarize(resnet(), SIZES))
    assert (found["layer3.1"].times, found["layer3.1"].last) == (5, "5")
    assert "layer3.2" not in found
    expanded = rows(summarize(resnet(), SIZES, expand=True))
    assert expanded["layer3.5"].parameters == found["layer3.1"].parameters == 1_117_184
    assert expanded["layer3.5"].times == 1


def test_a_module_called_again_costs_twice_and_weighs_once() -> None:
    summary = summarize(siamese(), {"B": 1})
    found = rows(summary)
    assert (found["again"].shares, found["again"].parameters) == ("encoder", 0)
    assert found["again"].macs == found["encoder"].macs
    assert "again.0" not in found
    assert summary.parameters == found["encoder"].parameters + found["fc"].parameters


def test_a_tied_parameter_counts_once() -> None:
    b = Building()
    e = b.layer("embed", "Embedding", b.input("t", "B", "T", dtype=DType.int64), num_embeddings=100, embedding_dim=16)
    graph = b.finish(b.layer("decoder", "Linear", e, out_features=100), ties=(("decoder.weight", "embed.weight"),))
    summary = summarize(graph)
    assert summary.parameters == 100 * 16 + 100
    assert rows(summary)["decoder"].parameters == 100
    assert summary.parameter_bytes == 4 * summary.parameters


def test_ties_inside_a_block_hold_in_each_of_its_calls() -> None:
    b = Building()
    x = b.input("x", "B", 8)
    block = Building("Tied", "block")
    y = block.layer("a", "Linear", block.input("x", "B", 8), out_features=8)
    graph = block.finish(block.layer("b", "Linear", y, out_features=8), ties=(("b.weight", "a.weight"),))
    for i in range(3):
        x = b.call(str(i), graph, x, sizes={"B": size("B")})
    assert summarize(b.finish(x)).parameters == summarize(b.finish(x), expand=True).parameters == 3 * (64 + 8 + 8)


def test_frozen_parameters() -> None:
    summary = summarize(lenet(), frozen=["features.*", "classifier.4.bias"])
    assert summary.parameters - summary.trainable == 2_572 + 10
    found = rows(summary)
    assert found["features"].frozen
    assert found["features.0"].frozen
    assert not found["classifier"].frozen
    assert not found["features.1"].frozen  # has nothing to freeze
    text = as_text(summary)
    assert "(59,124 trainable, 2,582 frozen)" in text
    assert re.search(r"features +Sequential .* frozen 2,572 ", text)


def test_a_stored_parameter_that_takes_no_gradient() -> None:
    b = Building()
    x = b.layer("out", "add", b.input("x", "B", 8), b.parameter("shift", 8, requires_grad=False))
    summary = summarize(b.finish(x))
    assert (summary.parameters, summary.trainable) == (8, 0)
    assert rows(summary)["shift"].frozen


def test_parts_of_expressions_show_where_they_cost() -> None:
    b = Building()
    x = b.input("x", "B", 4, 8)
    y = b.layer("matmul", "matmul", x, b.layer("mT", "transpose", x, dim0=1, dim1=2, named=False), named=False)
    summary = summarize(b.finish(b.layer("out", "relu", y)))
    assert list(rows(summary)) == ["matmul", "out"]
    assert rows(summary)["matmul"].macs == 4 * 8 * 4 * size("B")


def test_free_sizes_stay_symbols() -> None:
    summary = summarize(lenet())
    assert summary.free == ("B",)
    assert summary.macs == 416_520 * size("B")
    partly = summarize(resnet(), {"H": 224, "W": 224})
    assert partly.free == ("B",)
    assert partly.macs == 4_089_184_256 * size("B")


def test_a_cost_too_long_to_keep_is_unknown_until_sizes_are_given() -> None:
    lines = [f'  c{i}: {{type: "Linear({i + 1})", from: x{i}}}' for i in range(220)]
    names = ", ".join(f"x{i}: [A{i}, 8]" for i in range(220))
    outputs = ", ".join(f"o{i}: c{i}" for i in range(220))
    text = f"nnc: 1\nname: wide\ninputs: {{{names}}}\nlayers:\n" + "\n".join(lines) + f"\noutputs: {{{outputs}}}\n"
    graph = compile_text(text).graph
    assert summarize(graph).macs is None
    assert "multiply-adds  depends on the sizes" in as_text(summarize(graph))
    assert summarize(graph, {f"A{i}": 1 for i in range(220)}).macs == sum(8 * (i + 1) for i in range(220))


# -- as JSON and as text ----------------------------------------------------------------------------------------------


def test_as_json() -> None:
    data = json.loads(json.dumps(as_json(summarize(lenet())), allow_nan=False))
    assert data["parameters"] == data["trainable"] == 61_706
    assert data["macs"] == "416520*B"
    assert data["inputs"] == {"image": {"shape": ["B", 1, 28, 28], "dtype": "float32"}}
    assert data["outputs"] == {"": {"shape": ["B", 10], "dtype": "float32"}}
    first = data["layers"][1]
    assert first == {
        "path": "features.0", "depth": 2, "type": "Conv2d",
        "outputs": {"": {"shape": ["B", 6, 28, 28], "dtype": "float32"}},
        "own_parameters": 156, "parameters": 156, "trainable": 156, "macs": "117600*B", "times": 1, "shares": None,
    }  # fmt: skip


def test_as_text() -> None:
    assert as_text(summarize(lenet(), {"B": 1}), depth=1) == (
        "lenet5  image: [1, 1, 28, 28] → [1, 10]\n"
        "\n"
        "layer          type        output         parameters  multiply-adds\n"
        "───────────────────────────────────────────────────────────────────\n"
        "├─ features    Sequential  [1, 16, 5, 5]       2,572        357,600\n"
        "├─ flat        flatten     [1, 400]\n"
        "└─ classifier  Sequential  [1, 10]            59,134         58,920\n"
        "───────────────────────────────────────────────────────────────────\n"
        "parameters     61,706\n"
        "memory         241.0 KiB of parameters and buffers\n"
        "multiply-adds  416,520\n"
    )


def test_the_tree_is_drawn_with_its_branches() -> None:
    lines = as_text(summarize(resnet(), SIZES)).splitlines()
    tree = [line.split("  [")[0].rstrip() for line in lines if "─ " in line]
    assert any(re.match(r"│  └─ 1 … 5 +Bottleneck$", line) for line in tree)
    assert any(re.match(r"│  │  ├─ downsample +Sequential$", line) for line in tree)
    assert any(re.match(r"│     └─ out +relu$", line) for line in tree)
    assert tree[-1].startswith("└─ fc")
    assert "5 × 1,117,184" in "\n".join(lines)


def test_numbers_of_free_sizes_are_short() -> None:
    text = as_text(summarize(resnet()))
    assert "9,408·B·⌈H/2⌉·⌈W/2⌉" in text
    assert "multiply-adds  depends on B, H, W\n" in text
    assert text.endswith("--size B=…,H=…,W=…\n")


def test_columns_are_aligned() -> None:
    for make in (lenet, resnet, vit, siamese, mlp):
        lines = as_text(summarize(make(), SIZES)).splitlines()
        width = len(lines[3])
        assert set(lines[3]) == {"─"}
        assert all(len(line) <= width for line in lines[4 : lines.index(lines[3], 4)])
        assert max(map(len, lines[4 : lines.index(lines[3], 4)])) == width


def test_colour_only_on_request() -> None:
    plain, coloured = as_text(summarize(lenet())), as_text(summarize(lenet()), color=True)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain


def test_names_cannot_steer_a_terminal() -> None:
    b = Building("net\x1b]0;title\a")
    x = b.layer("fc\x1b[2J", "Linear", b.input("x", "B", 8), out_features=8)
    text = as_text(summarize(b.finish(b.layer("n" * 500, "Linear", x, out_features=8))))
    assert "\x1b" not in text
    assert "\a" not in text
    assert max(map(len, text.splitlines())) < 200


def test_a_network_of_many_layers_is_counted_in_time() -> None:
    b = Building()
    x, parameters, width = b.input("x", "B", 8), 0, 8
    for i in range(3000):
        x = b.layer(str(i), "Linear", x, out_features=8 + i % 3)
        parameters += (width + 1) * (8 + i % 3)
        width = 8 + i % 3
    start = time.monotonic()
    assert summarize(b.finish(x)).parameters == parameters
    assert time.monotonic() - start < 5


def test_memory_in_readable_units() -> None:
    sizes = {100: "400 bytes", 1000: "3.9 KiB", 10**6: "3.8 MiB", 10**9: "3.7 GiB"}
    for count, text in sizes.items():
        b = Building()
        graph = b.finish(b.layer("o", "add", b.input("x", count), b.parameter("p", count)))
        assert f"memory         {text} of" in as_text(summarize(graph))
