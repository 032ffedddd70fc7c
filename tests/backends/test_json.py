"""A graph as plain data: nothing is lost, and everything that is named is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nnc.compiler.backends.json import FORMAT, VERSION, to_data
from nnc.compiler.driver import compile_file
from nnc.compiler.graph.ir import Graph, Stored, Value, operand_values
from nnc.compiler.types.dim import Dim, size
from nnc.compiler.types.dtype import DType
from tests.backends.graphs import Building, lenet, resnet, siamese, unet, vit

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.yaml"))


def round_trip(graph: Graph) -> dict[str, Any]:
    data = json.loads(json.dumps(to_data(graph), allow_nan=False))
    assert data == to_data(graph)
    return data  # type: ignore[no-any-return]


def check(graph: Graph) -> None:
    """The data holds the graph, table by table."""
    data = round_trip(graph)
    assert (data["format"], data["version"]) == (FORMAT, VERSION)
    seen: set[str] = set()
    compare(graph, data["main"], data["graphs"], seen)
    assert seen == set(data["graphs"])


def compare(graph: Graph, name: str, table: dict[str, Any], seen: set[str]) -> None:
    if name in seen:
        return
    seen.add(name)
    data = table[name]
    assert (data["kind"], data["name"]) == (graph.kind, graph.name)
    assert [v["name"] for v in data["inputs"]] == [v.name for v in graph.inputs]
    assert data["outputs"] == {k: v.name for k, v in graph.outputs.items()}
    assert data["schedule"] == [n.name for n in graph.schedule]
    known = {v["name"] for v in data["inputs"]} | {r["name"] for n in data["nodes"] for r in n["results"]}
    for node, plain in zip(graph.nodes, data["nodes"], strict=True):
        assert plain["name"] == node.name
        assert sorted(references(plain["operands"])) == sorted(
            v.name for o in node.operands.values() for v in operand_values(o)
        )
        assert set(references(plain["operands"])) <= known
        assert [(p["name"], p["shape"], p["kind"]) for p in plain["parameters"]] == [
            (p.name, list(p.shape), p.kind) for p in node.parameters
        ]
        for value, result in zip(node.results, plain["results"], strict=True):
            assert result == plain_value(value)
        if isinstance(node.target, Graph):
            compare(node.target, plain["graph"], table, seen)
        else:
            assert ("stored" in plain) is isinstance(node.target, Stored)


def plain_value(value: Value) -> dict[str, Any]:
    shape = [str(d) if isinstance(d, Dim) else d for d in value.type.shape]
    return {"name": value.name, "shape": shape, "dtype": value.type.dtype.value}


def references(operand: Any) -> list[str]:
    if isinstance(operand, list):
        return [r for o in operand for r in references(o)]
    if isinstance(operand, dict):
        return [operand["value"]] if set(operand) == {"value"} else [r for o in operand.values() for r in references(o)]
    return []


@pytest.mark.parametrize("make", [lenet, resnet, unet, vit, siamese])
def test_graphs_built_by_hand(make: Any) -> None:
    check(make())


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_every_shipped_spec(path: Path) -> None:
    check(compile_file(path).graph)


def test_a_block_stands_in_the_table_once() -> None:
    data = to_data(compile_file(next(p for p in SPECS if p.stem == "resnet")).graph)
    assert [n["graph"] for n in data["graphs"]["layer3"]["nodes"]] == ["Bottleneck#5", *["Bottleneck#6"] * 5]
    assert data["graphs"]["layer3"]["nodes"][1]["sizes"] == {"B": "B", "H": "(H + 15)//16", "W": "(W + 15)//16"}


def test_a_net_and_a_block_of_one_name_stay_apart() -> None:
    b = Building("same")
    x = b.input("x", "B", 8)
    for i in range(3):
        block = Building("same#2" if i == 1 else "same", "block")
        x = b.call(str(i), block.finish(block.layer("fc", "Linear", block.input("x", "B", 8), out_features=8)), x)
    data = to_data(b.finish(x))
    assert len(data["graphs"]) == 4
    assert data["main"] == "same"
    check(b.finish(x))


def test_every_kind_of_operand() -> None:
    b = Building()
    x = b.input("x", "B", 8, "W")
    y = b.layer("a", "getitem", x, index=(slice(None, 4, 2), ..., None, -1))
    y = b.layer("b", "expand", y, size=(size("B") // 1, -1, -1))
    b.layer("c", "clamp", x, max=float("inf"))
    b.layer("d", "cat", [x, x], dim=2)
    b.layer("e", "zeros", (2, 3), dtype=DType.int64)
    operands = {n["name"]: n["operands"] for n in round_trip(b.finish(y))["graphs"]["net"]["nodes"]}
    assert operands["a"]["index"] == [{"slice": [None, 4, 2]}, {"ellipsis": True}, None, -1]
    assert operands["b"]["size"] == [{"size": "B"}, -1, -1]
    assert operands["c"]["max"] == {"float": "inf"}
    assert operands["d"]["tensors"] == [{"value": "x"}, {"value": "x"}]
    assert operands["e"]["dtype"] == {"dtype": "int64"}


def test_what_says_nothing_is_left_out() -> None:
    nodes = {n["name"]: n for n in to_data(siamese())["graphs"]["siamese"]["nodes"]}
    assert nodes["again"]["shares"] == "encoder"
    assert "shares" not in nodes["encoder"]
    assert "named" not in nodes["fc"]
    named = {n["name"]: n.get("named") for n in to_data(resnet())["graphs"]["Bottleneck"]["nodes"]}
    assert named["add"] is False
