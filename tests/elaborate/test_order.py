"""File order is key order; execution is topological; cycles are shown."""

from __future__ import annotations

from tests.elaborate.helpers import compiled, graph, names

FORWARD = """
    layers:
      norm: {type: LayerNorm, from: reduced}
      reduced: {type: Linear(8), from: x}
      out: relu(norm)
"""


def test_entries_may_refer_to_later_ones() -> None:
    found = graph(FORWARD)
    assert names(found) == ["norm", "reduced"]
    assert [n.name for n in found.schedule] == ["reduced", "norm", "out"]
    assert [n.name for n in found.nodes] == ["norm", "reduced", "out"]


def test_steps_of_an_expression_stand_with_their_entry() -> None:
    found = graph("layers:\n  a: Linear(16)\n  b: relu(a + x) * 2\n  c: Linear(4)")
    assert [n.name for n in found.nodes] == ["a", "add", "relu", "b", "c"]
    assert [n.named for n in found.nodes] == [True, False, False, True, True]


def test_a_cycle_prints_its_path() -> None:
    (found,) = compiled(
        "layers:\n  a: {type: Linear(16), from: c}\n  b: {type: Linear(16), from: a}\n  c: b + x"
    ).problems
    assert found.code == "NNC0602"
    assert "a → b → c → a" in found.message


def test_an_entry_cannot_wait_for_itself() -> None:
    (found,) = compiled("layers:\n  a: {type: Linear(16), from: a}").problems
    assert found.code == "NNC0602"


def test_an_inline_list_waits_for_what_it_uses() -> None:
    found = graph("""
        layers:
          gate: {from: x, layers: {scale: sigmoid(later)}}
          later: {type: Linear(16), from: x}
          out: gate * x
    """)
    assert [n.name for n in found.schedule] == ["later", "gate", "out"]
