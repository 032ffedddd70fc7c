"""The example of the pass's docstring; what stays where it is."""

from __future__ import annotations

from nnc.compiler.graph.ir import Graph
from nnc.compiler.graph.verify import verify
from nnc.compiler.passes.heads_where_they_branch import HEADS_WHERE_THEY_BRANCH
from tests.elaborate.helpers import compiled

LAYERS = """
layers:
  a: Linear(8)
  b: Linear(8)
  head: {type: Linear(4), from: a}
  drop: Dropout(0.5)
  c: {type: Linear(2), from: b}
outputs: {logits: c, aux: {from: drop, mode: train}}
"""


def run(text: str) -> tuple[Graph, Graph]:
    before = compiled(text, stop_after="elaborate").graph
    return before, HEADS_WHERE_THEY_BRANCH.run(before)


def test_a_head_runs_where_it_branches_off_and_is_registered_where_it_stands() -> None:
    before, after = run(LAYERS)
    assert [n.name for n in before.schedule] == ["a", "b", "head", "drop", "c"]
    assert [n.name for n in after.schedule] == ["a", "head", "drop", "b", "c"]
    assert after.nodes == before.nodes
    assert verify(after) == []


def test_what_runs_always_stays_in_order() -> None:
    before, after = run(LAYERS.replace(", mode: train", ""))
    assert after is before


def test_a_head_on_the_input_runs_first() -> None:
    _, after = run(LAYERS.replace("from: a", "from: x"))
    assert [n.name for n in after.schedule] == ["head", "drop", "a", "b", "c"]
