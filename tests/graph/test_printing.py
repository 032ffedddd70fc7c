"""The text of a typed graph."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nnc.compiler.driver import compile_file, compile_text
from nnc.compiler.graph.ir import Graph
from nnc.compiler.graph.printing import print_graph
from tests.backends.graphs import Building, flat, resnet, siamese

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.yaml"))
GOLDEN = Path(__file__).parent / "golden" / "tiny.txt"


def test_a_network_with_a_block_and_a_list(update_golden: bool) -> None:
    text = """\
nnc: 1
name: tiny
inputs: {x: [B, 3, H, W]}
blocks:
  Twice:
    inputs: {x: [B, C, h, w]}
    args: {k: 3}
    layers:
      conv: Conv2d(C, k, padding=k // 2)
      out: relu(conv + x) * 2
layers:
  stem: ["Conv2d(8, 3, 2)", ReLU]
  twice: {type: Twice(5)}
  again: {type: Twice(5)}
  last: mean(again, [2, 3])
"""
    printed = print_graph(compile_text(text).graph)
    if update_golden:
        GOLDEN.write_text(printed, encoding="utf-8")
    assert printed == GOLDEN.read_text(encoding="utf-8")


def test_a_module_called_again_a_stored_tensor_an_order_and_a_tie() -> None:
    text = print_graph(siamese())
    assert re.search(r"^  again +sequential again: encoder +right ", text, re.MULTILINE)
    b = Building()
    x = b.input("x", "B", 8)
    p = b.parameter("shift", 8, requires_grad=False)
    y = b.layer("fc", "Linear", b.layer("sum", "add", x, p, named=False), out_features=8)
    graph = b.finish(y, ties=(("fc.weight", "other.weight"),))
    turned = Graph(
        graph.kind,
        graph.name,
        graph.inputs,
        graph.outputs,
        graph.nodes[::-1],
        graph.schedule,
        graph.span,
        ties=graph.ties,
    )
    text = print_graph(turned)
    assert re.search(r"^  shift +parameter requires_grad=False +\[8\]$", text, re.MULTILINE)
    assert re.search(r"^  \(sum\) +add +x, shift +\[B, 8\]$", text, re.MULTILINE)
    assert re.search(r"^  order +shift, sum, fc$", text, re.MULTILINE)
    assert re.search(r"^  tie +fc.weight is other.weight$", text, re.MULTILINE)
    assert "order" not in print_graph(graph)


def test_a_buffer_says_what_fills_it() -> None:
    spec = """\
nnc: 1
name: masked
inputs: {x: [B, 4]}
layers:
  mask: Buffer(tril(ones([4, 4])), persistent=False)
  y: x @ mask
"""
    assert re.search(
        r"^  mask +buffer persistent=False ← tril ← ones +\[4, 4\]$",
        print_graph(compile_text(spec).graph),
        re.MULTILINE,
    )


def test_demands_stand_at_the_end() -> None:
    spec = 'nnc: 1\nname: n\ninputs: {x: [B, 4, H, W]}\nlayers: ["Conv2d(4, 5)"]\n'
    lines = print_graph(compile_text(spec).graph).splitlines()
    assert [line for line in lines if line.startswith("  needs H")]


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_every_shipped_spec(path: Path) -> None:
    """Each graph is printed once, with each of its steps, and the type of each result."""
    graph = compile_file(path).graph
    text = print_graph(graph)
    blocks = {n.target for _, n in graph.walk() if isinstance(n.target, Graph) and n.target.kind == "block"}
    assert len(re.findall(r"^block ", text, re.MULTILINE)) == len(blocks)
    for whole in (graph, *blocks):
        for _, node in whole.walk():
            assert node.name in text
            assert all(str(v.type) in text for v in node.results)
    assert all(line == line.rstrip() for line in text.splitlines())


def test_blocks_are_numbered_and_called_by_number() -> None:
    text = print_graph(resnet())
    heads = re.findall(r"^block (\S+)\(", text, re.MULTILINE)
    calls = set(re.findall(r"^ +\d +(Bottleneck#\d+)", text, re.MULTILINE))
    assert heads == [f"Bottleneck#{i}" for i in range(1, 9)]
    assert calls == set(heads)
    assert "Bottleneck#2 {H: (H + 3)//4, W: (W + 3)//4}" in text


def test_control_characters_are_escaped() -> None:
    b = Building("a\x1bb")
    x = b.layer("c\nd", "Linear", b.input("x\a", "B", 8), out_features=8)
    text = print_graph(b.finish(x))
    assert "a\\x1bb" in text
    assert "c\\nd" in text
    assert text.count("\n") == 2


def test_long_cells_push_only_their_own_line() -> None:
    lines = print_graph(flat(50)).splitlines()[1:]
    assert len({line.index("[B, ") for line in lines}) == 1
