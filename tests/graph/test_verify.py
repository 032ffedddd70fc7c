"""Every kind of contradiction in a graph is found, also in a step that is like many sound ones before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nnc.compiler.driver import compile_file
from nnc.compiler.graph.ir import Graph, Node, Value
from nnc.compiler.graph.verify import verify
from nnc.compiler.types.tensor import TensorType
from tests.elaborate.helpers import graph

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.yaml"))
CHAIN = "layers: {a: ReLU, b: Linear(16), c: Linear(16), d: Linear(16), e: GELU}"


def with_step(net: Graph, key: str, **changes: object) -> Graph:
    """The graph in which a step says something else; its results stay those that others take."""
    step = net.node(key)
    changed = replace(step, **changes)  # type: ignore[arg-type]  # any field, by name
    nodes = tuple(changed if n is step else n for n in net.nodes)
    return replace(net, nodes=nodes, schedule=nodes)


def retyped(step: Node, *shape: int) -> Node:
    return replace(step, results=tuple(Value(v.name, TensorType(shape), v.span) for v in step.results))


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_a_shipped_spec_is_found_sound(path: Path) -> None:
    assert verify(compile_file(path, stop_after="passes").graph) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda n: with_step(n, "d", settings={"in_features": 16, "out_features": 8}), "d: its parameters differ"),
        (lambda n: with_step(n, "d", settings={"in_features": 8, "out_features": 16}), "d: its rule refuses it"),
        (lambda n: with_step(n, "d", parameters=n.node("d").parameters[:1]), "d: its parameters differ"),
        (lambda n: with_step(n, "d", results=retyped(n.node("d"), 2, 16).results), "d: is [2, 16], its rule says [B, 16]"),
        (lambda n: with_step(n, "d", operands={"input": n.node("e").results[0]}), "d: uses e before it exists"),
        (lambda n: with_step(n, "d", operands={"input": Value("y", TensorType((4, 8)), n.span)}), "d: uses y before"),
        (lambda n: with_step(n, "d", name="c"), "two nodes share a name"),
        (lambda n: replace(n, schedule=n.nodes[:-1]), "the schedule is not an order of the nodes"),
        (lambda n: replace(n, outputs={"": Value("y", TensorType((4,)), n.span)}), "output value is made nowhere"),
        (lambda n: replace(n, inputs=(Value("x", TensorType((4, 16)), n.span),)), "sizes from nowhere: B"),
    ],
)  # fmt: skip
def test_a_contradiction_is_found(change: Callable[[Graph], Graph], found: str) -> None:
    net = graph(CHAIN)
    assert verify(net) == []
    assert any(found in fault for fault in verify(change(net)))


def test_a_demand_that_the_graph_does_not_make_is_found() -> None:
    net = graph("inputs: {x: [B, 1, H]}\nlayers: [Identity, 'Conv1d(1, 3)', Identity, 'Conv1d(1, 3)']")
    assert verify(net) == []
    assert any("demands what the graph does not" in f for f in verify(replace(net, demands=())))


def test_a_contradiction_inside_a_block_is_found() -> None:
    net = graph("blocks: {B: {layers: [Linear(16), ReLU]}}\nlayers: [B, B]")
    inner = net.nodes[0].target
    assert isinstance(inner, Graph)
    broken = with_step(inner, "0", parameters=())
    assert any("0.0: its parameters" in f for f in verify(with_step(net, "0", target=broken)))
    sizes = dict.fromkeys(net.nodes[1].sizes, 7)
    assert any("1: " in f for f in verify(with_step(net, "1", sizes=sizes)))
