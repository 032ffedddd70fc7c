"""Blocks: patterns bind and match, equal calls share a graph, free sizes are the block's own."""

from __future__ import annotations

from tests.elaborate.helpers import codes, compiled, graph, names

IMAGE = "inputs: {x: [B, 3, H, W]}\n"
HALVE = """
blocks:
  Halve:
    inputs: {x: [B, C, H, W]}
    args: {width: "${C}", bias: true}
    layers: {conv: "Conv2d(width, 2, 2, bias=bias)"}
"""


def test_a_pattern_binds_known_sizes_and_names_free_ones() -> None:
    found = graph(f"{IMAGE}{HALVE}layers:\n  a: Halve(8)\n  b: Halve()")
    inner = found.node("a").target
    assert str(inner.inputs[0].type) == "[B, 3, H, W]"
    assert inner.symbols["C"] == 3
    assert str(found.outputs[""].type) == "[B, 8, H//4, W//4]"


def test_equal_calls_share_one_graph_whatever_the_resolution() -> None:
    found = graph(f"{IMAGE}{HALVE}layers:\n  a: Halve(8)\n  b: Halve(8)\n  c: Halve(8)\n  d: Halve(8, bias=False)")
    a, b, c, d = (found.node(n).target for n in "abcd")
    assert a is not b
    assert b is c
    assert c is not d


def test_equal_sizes_are_one_symbol_inside() -> None:
    text = "inputs: {x: [B, 3, S, S]}\nblocks:\n  T: {inputs: {x: [B, C, H, W]}, layers: {out: 'x + transpose(x, 2, 3)'}}\n"
    assert codes(text + "layers:\n  t: T()") == []


def test_a_demand_inside_becomes_one_of_the_callers_dimensions() -> None:
    found = compiled(f"{IMAGE}{HALVE}layers:\n  a: Halve(8)\n  b: Halve(8)")
    assert found.solution is not None
    assert sorted(r.text for r in found.solution.requirements) == ["H >= 4", "W >= 4"]


def test_patterns_match_numbers_names_and_expressions() -> None:
    text = "inputs: {a: [B, 8], b: [B, 16]}\n"
    text += "blocks:\n  P: {inputs: {a: [B, C], b: [B, 2 * C]}, layers: {out: 'cat([a, b], 1)'}}\n"
    assert codes(text + "layers:\n  p: {type: P(), from: [a, b]}") == []
    assert codes(text + "layers:\n  p: {type: P(), from: [b, a]}") == ["NNC0702"]


def test_dots_stand_for_leading_dimensions() -> None:
    text = "inputs: {x: [B, T, 8]}\nblocks:\n  Last: {inputs: {x: [..., C]}, layers: {fc: Linear(2 * C)}}\n"
    assert str(graph(text + "layers:\n  a: Last()").outputs[""].type) == "[B, T, 16]"


def test_several_outputs_have_names() -> None:
    text = """
        blocks:
          Two:
            layers: {a: Linear(8), b: {type: Linear(4), from: x}}
            outputs: {first: a, second: b}
        layers:
          two: Two()
          out: cat([two.first, two.second], 1)
    """
    assert str(graph(text).outputs[""].type) == "[B, 12]"


def test_a_block_sees_no_values_of_outside() -> None:
    text = "blocks:\n  P: {layers: {fc: relu(w)}}\nlayers:\n  w: Linear(8)\n  p: P()"
    assert codes(text) == ["NNC0307"]


def test_a_free_size_is_no_argument() -> None:
    text = "inputs: {x: [B, T, 8]}\nblocks:\n  P: {args: {n: }, layers: {fc: Linear(n)}}\nlayers:\n  p: P(T)"
    assert codes(text) == ["NNC0505"]


def test_a_fault_in_a_shared_block_is_reported_once() -> None:
    text = (
        "blocks:\n  P: {layers: {fc: 'Linear(8, bais=True)'}}\nlayers:\n  a: P()\n  b: P()\n  c: {type: P(), from: x}"
    )
    assert codes(text) == ["NNC0302"]


def test_a_block_may_use_itself_as_long_as_it_ends() -> None:
    text = """
        blocks:
          Nest:
            args: {depth: }
            layers: {fc: Linear(16), inner: {if: depth > 0, type: Nest(depth - 1)}}
        layers:
          n: Nest(2)
    """
    assert names(graph(text)) == ["n", "n.fc", "n.inner", "n.inner.fc", "n.inner.inner", "n.inner.inner.fc"]
    assert codes(text.replace("depth > 0", "true")) == ["NNC0703"]


def test_types_are_arguments() -> None:
    text = """
        blocks:
          Norm: {args: {norm: LayerNorm, act: relu}, layers: {n: norm(), y: act(n), z: "${norm}"}}
        layers:
          a: Norm()
          b: {type: Norm, norm: "LayerNorm(eps=1e-3)", act: ReLU}
    """
    text = text.replace(', z: "${norm}"', "").replace("y: act(n)", "y: act()")
    found = graph(text)
    assert names(found) == ["a", "a.n", "b", "b.n", "b.y"]
    assert found.node("b").target.node("n").settings["eps"] == 1e-3


def test_sizes_that_grow_too_long_outside_are_a_fault() -> None:
    inner = " + ".join(f"(H + {i})//{i + 2}" for i in range(12))
    block = f'blocks:\n  P: {{inputs: {{x: [H]}}, layers: {{y: "zeros([{inner}]) + sum(x)"}}}}\n'
    layers = "".join(f"  a{i}: P()\n" for i in range(8))
    assert codes(f"inputs: {{x: [H]}}\n{block}layers:\n{layers}") == ["NNC0423"]
