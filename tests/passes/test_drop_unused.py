"""The example of the pass's docstring, case by case; and the contract of every pass on the shipped specs."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnc.compiler.driver import compile_file
from nnc.compiler.graph.verify import verify
from nnc.compiler.passes import PASSES, run_passes
from nnc.compiler.passes.drop_unused import DROP_UNUSED
from tests.elaborate.helpers import compiled

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.yaml"))


def steps(layers: str) -> list[str]:
    found = compiled(f"layers:\n{layers}", stop_after="elaborate")
    return [n.name for n in DROP_UNUSED.run(found.graph).nodes]


def test_functions_that_nobody_uses_go_with_what_only_they_used() -> None:
    assert steps("  a: relu\n  c: flatten(a, 0)\n  b: {type: relu, from: x}") == ["b"]


def test_layers_and_random_draws_stay() -> None:
    assert steps("  a: Linear(8)\n  r: randn_like(x)\n  b: {type: relu, from: x}") == ["a", "r", "b"]


def test_it_reaches_into_inline_bodies() -> None:
    found = compiled("layers:\n  g: {layers: {a: relu, b: 'x * 2', c: {type: relu, from: b}}}", stop_after="elaborate")
    inner = DROP_UNUSED.run(found.graph).node("g").target
    assert [n.name for n in inner.nodes] == ["b", "c"]  # type: ignore[union-attr]  # a group's target is a graph


def test_where_nothing_is_unused_the_graph_is_the_same_object() -> None:
    found = compiled("layers:\n  a: relu")
    assert DROP_UNUSED.run(found.graph) is found.graph


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
@pytest.mark.parametrize("one", PASSES, ids=lambda p: p.name)
def test_every_pass_keeps_its_contract(one: object, path: Path) -> None:
    before = compile_file(path, stop_after="elaborate").graph
    after = run_passes(before)
    assert verify(after) == []
    assert after.inputs == before.inputs
    assert {k: v.type for k, v in after.outputs.items()} == {k: v.type for k, v in before.outputs.items()}
    registered = [[(p, n.parameters) for p, n in g.walk() if n.registers] for g in (before, after)]
    assert registered[0] == registered[1]
