"""A call made once more is what it would be if it were elaborated anew: node by node, place by place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from nnc.compiler.driver import Compilation, compile_file, compile_mapping
from nnc.compiler.elaborate import again, body
from nnc.compiler.graph.ir import Graph, Value
from tests.elaborate.helpers import compiled
from tests.soundness.networks import Network, networks

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.yaml"))


def told(result: Compilation) -> Any:
    """Everything that a compilation says: its faults, and of every step what it is, where it stands and which values
    it shares with others."""
    problems = [(d.code, d.message, d.span.start, d.notes) for d in result.problems.sorted()]
    if not result.ok:
        return problems

    def steps(graph: Graph) -> Iterator[Any]:
        numbers: dict[Value, int] = {}

        def operand(value: Any) -> Any:
            if isinstance(value, Value):
                return numbers.setdefault(value, len(numbers)), value.name, value.type, value.span.start, value.span.end
            if isinstance(value, tuple | list):
                return tuple(map(operand, value))
            return type(value), value

        for node in graph.nodes:
            target = list(steps(node.target)) if isinstance(node.target, Graph) else getattr(node.target, "name", None)
            given = [(k, operand(v)) for k, v in (*node.settings.items(), *node.operands.items())]
            yield node.name, target, given, operand(node.results), node.span.start, node.span.end, node.named
            yield node.shares, node.sizes, node.parameters, node.cost, node.explicit
        demands = [(demand, span.start) for demand, span in graph.demands]
        yield [s.name for s in graph.schedule], demands, [(k, operand(v)) for k, v in graph.outputs.items()]

    return problems, list(steps(result.graph))


def anew(compile: Callable[[], Compilation]) -> Any:
    """What a compilation says in which no call is made once more."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(body, "once_more", lambda at, item, make: make(item))
        return told(compile())


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_a_shipped_spec_is_the_same_graph(path: Path) -> None:
    def compile() -> Compilation:
        return compile_file(path, stop_after="elaborate")

    assert told(compile()) == anew(compile)


@given(networks())
def test_a_random_network_is_the_same_graph(network: Network) -> None:
    def compile() -> Compilation:
        return compile_mapping(network.spec, stop_after="elaborate")

    assert told(compile()) == anew(compile)


@pytest.mark.parametrize(
    "layers",
    [
        "{a: Linear(16), b: Linear(16), c: Linear(16)}",
        "{a: Linear(16), act: relu, b: Linear(16), end: relu()}",
        "[Linear(16), relu, 'Linear(16, bias=False)', relu, 'Linear(16, bias=False)', 'Linear(16, False)']",
        "[LSTM(16), {type: Linear(4), from: x}]",  # several results
        "[GLU, 'unflatten(1, [2, 4])', 'unflatten(1, [2, 1])']",
        "{a: Linear(16), skip: Identity, out: add(a), b: Linear(16), sum: add(a)}",  # two tensors
        "{a: Linear(16), b: Linear(16), again: {use: a}, c: Linear(16)}",
        "[{repeat: 3, layers: [Linear(16), ReLU]}, {repeat: 2, type: Linear(16)}, Linear(16), Linear(16)]",
        "[Linear(16), {type: Linear(16), if: 1 > 2}, Linear(16)]",
        "{a: Linear(16), b: {type: Linear(16), if: 1 > 2}, c: Linear(16)}",
        "[Linear(15), Linear(16), 'Linear(16, bais=True)', 'Linear(16, bais=True)', Linear(16)]",
        "{a: BatchNorm1d(64), b: BatchNorm1d(64), c: BatchNorm1d(64)}",  # a warning for each
        "[Dropout(1), Dropout(1.0), Dropout(True)]",  # equal in Python, and not the same: the last is refused
        "{relu: relu, act: relu, b: relu()}",  # the second may mean the first
        "[{repeat: 4, layers: [Linear(16), {repeat: 3, layers: [relu, Linear(16)]}]}]",
        "[{repeat: 4, layers: {fc: Linear(16), act: relu, out: act + fc}}, {repeat: 3, layers: [Linear(16 + i - i)]}]",
        "[{repeat: 4, layers: [{repeat: 3, layers: [Dropout(i / 10)]}]}]",
        "[{repeat: 4, let: {p: i / 10}, layers: [Dropout(p)]}]",
        "{a: {repeat: 4, layers: [Linear(16)]}, b: {layers: [Linear(16)]}, c: {use: b}, d: {use: a}}",
        "[{repeat: 3, layers: {a: Linear(16), b: {use: a}}}, {repeat: 3, layers: {a: {layers: [Linear(16)]}, b: {use: a}}}]",
        "{a: Linear(16), b: {repeat: 3, layers: {fc: Linear(16), out: fc + a}}}",  # takes two tensors
    ],
)
def test_what_stands_beside_a_call_is_heeded(layers: str) -> None:
    def compile() -> Compilation:
        return compiled(f"layers: {layers}", stop_after="elaborate")

    assert told(compile()) == anew(compile)


@pytest.mark.parametrize(
    "layers",
    [
        "[B, B, B, B(8), B(8), B, {use: '5'}]",
        "{a: B, b: B, c: B(8), d: B(8), e: {use: c}, f: {use: d}}",
        "[{repeat: 4, type: B}, {repeat: 4, layers: [B(8), {repeat: 2, layers: [B(8), relu]}]}]",
    ],
)
def test_blocks_on_free_sizes_are_the_same_graph(layers: str) -> None:
    text = f"""
    inputs: {{x: [B, 3, H, W]}}
    blocks:
      B:
        inputs: {{x: [N, C, H, W]}}
        args: {{n: 3}}
        layers: {{conv: 'Conv2d(3, n, padding=n // 2)', act: relu, out: act + x}}
    layers: {layers}
    """
    assert told(compiled(text)) == anew(lambda: compiled(text))


def test_a_name_that_holds_a_type_is_not_taken_for_the_layer_made_before() -> None:
    text = """
    blocks:
      B: {args: {relu: gelu}, layers: [{each: relu in ["gelu", "silu"], layers: [Linear(16), "relu()"]}, GELU]}
    layers: [B]
    """
    assert told(compiled(text)) == anew(lambda: compiled(text))


def test_calls_are_made_once_more() -> None:
    """The comparison above would hold of a shortcut that is never taken."""
    turns = compiled("layers: [{repeat: 4, layers: [Linear(16)]}]").graph.nodes[0].target
    assert isinstance(turns, Graph)
    assert turns.nodes[1].target is turns.nodes[3].target
    net = compiled("layers: [relu, Linear(16), relu, Linear(16), {layers: [relu, Linear(16)]}]").graph
    _, first, _, second, inner = net.nodes
    assert first.settings is second.settings
    assert isinstance(inner.target, Graph)
    assert inner.target.nodes[1].settings is not first.settings, "another graph's demands are its own"
    assert again.once_more is body.once_more
