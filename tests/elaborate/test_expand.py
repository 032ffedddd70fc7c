"""Loops, conditions, templates: what really stands in the body."""

from __future__ import annotations

import pytest

from tests.elaborate.helpers import codes, graph, names


def test_for_makes_one_entry_per_turn_with_a_templated_key() -> None:
    found = graph("""
        args: {widths: [8, 4]}
        layers:
          fc${i + 1}: {for: "i, w in enumerate(widths)", type: Linear(w)}
    """)
    assert names(found) == ["fc1", "fc2"]
    assert [n.settings["out_features"] for n in found.nodes] == [8, 4]


def test_each_splices_into_a_list_and_disabled_items_shift_the_numbers() -> None:
    found = graph("""
        args: {norm: false}
        layers:
          net:
            - each: w in [8, 4]
              layers:
                - Linear(w)
                - {if: norm, type: LayerNorm}
                - ReLU
            - Linear(2)
    """)
    assert names(found) == ["net", "net.0", "net.1", "net.2", "net.3", "net.4"]


def test_each_nests_and_splices_into_a_mapping() -> None:
    found = graph("""
        layers:
          pairs:
            each: i in range(2)
            layers:
              fc${i}: Linear(8)
              deep: {each: "j in range(2)", layers: {"n${i}${j}": LayerNorm}}
    """)
    assert names(found) == ["fc0", "n00", "n01", "fc1", "n10", "n11"]


def test_a_disabled_entry_of_a_mapping_passes_its_input_through() -> None:
    found = graph("""
        layers:
          a: Linear(8)
          b: {if: false, type: Linear(99)}
          c: Linear(4)
    """)
    assert names(found) == ["a", "c"]
    assert found.node("c").settings["in_features"] == 8


def test_let_names_a_known_value() -> None:
    found = graph("layers:\n  fc: {let: {half: 16 // 2}, type: Linear(half)}")
    assert found.node("fc").settings["out_features"] == 8


def test_repeat_is_a_sequential_with_index_i() -> None:
    found = graph("layers:\n  stack: {repeat: 3, type: Linear(8 * (i + 1))}")
    assert names(found) == ["stack", "stack.0", "stack.1", "stack.2"]
    assert str(found.outputs[""].type) == "[B, 24]"


def test_repeat_zero_is_an_empty_sequential() -> None:
    found = graph("layers:\n  none: {repeat: 0, type: Linear(8)}\n  fc: Linear(4)")
    assert names(found) == ["none", "fc"]
    assert found.node("fc").settings["in_features"] == 16


def test_a_loop_unpacks_nested_lists() -> None:
    found = graph(
        "layers:\n  fc${s}: {for: 's, (n, (b, _)) in enumerate([[8, [true, 0]], [4, [false, 0]]])', type: 'Linear(n, bias=b)'}"
    )
    assert names(found) == ["fc0", "fc1"]
    assert found.node("fc1").settings["bias"] is False
    assert codes("layers:\n  fc${s}: {for: 's, (a, b) in enumerate([8])', type: Linear(a)}") == ["NNC0707"]


def test_faults_of_loops() -> None:
    assert codes("layers:\n  fc${i}: {for: i in 3, type: Linear(8)}") == ["NNC0707"]
    assert codes("layers:\n  fc: {for: 'a, b in [1, 2]', type: Linear(8)}") == ["NNC0707"]
    assert codes("layers:\n  fc${1.5}: Linear(8)") == ["NNC0706"]
    assert codes("layers:\n  fc: {for: 'i in [1, 2]', type: Linear(8)}") == ["NNC0705"]
    assert codes("layers:\n  net:\n    - {each: i in range(2), layers: {a: ReLU}}\n    - ReLU") == ["NNC0706"]


def test_nothing_after_a_broken_entry_is_blamed() -> None:
    assert codes("layers:\n  a: Linaer(8)\n  b: Linear(4)\n  c: {type: Linear(2), from: a}\n  d: a + b") == ["NNC0301"]


def test_independent_faults_are_all_reported() -> None:
    assert codes("layers:\n  a: Linaer(8)\n  b: {type: 'Linear(4, bais=True)', from: x}") == ["NNC0301", "NNC0302"]


def test_two_faults_of_one_call_are_both_reported() -> None:
    assert codes("layers:\n  a: Linear(hiden, bias=bais)") == ["NNC0307", "NNC0307"]


@pytest.mark.parametrize(
    ("entry", "widths"),
    [
        ('{repeat: 3, let: {w: "4 * (i + 1)"}, type: Linear(w)}', [4, 8, 12]),
        (
            '{repeat: 2, let: {n: 5, w: "n + i", v: w * 2}, type: Linear(v)}',
            [10, 12],
        ),  # one that needs one that needs `i`
        ("{repeat: n, let: {n: 2}, type: Linear(n)}", [2, 2]),
        ('{repeat: 2, let: {w: "i + 3"}, layers: [Linear(w), Linear(w + 4)]}', [3, 7, 4, 8]),
        ('{each: "w in [3, 4]", let: {v: w * 2}, layers: [Linear(v)]}', [6, 8]),
        ('{each: "w in ws", let: {ws: "[3, 5]", v: w + 1}, layers: [Linear(v)]}', [4, 6]),
        ('{each: "a, (b, c) in [[1, [2, 3]]]", let: {v: a + b + c}, layers: [Linear(v)]}', [6]),
    ],
)
def test_let_beside_a_loop_sees_its_names(entry: str, widths: list[int]) -> None:
    found = graph(f"layers: [{entry}]")
    made = [n.settings["out_features"] for _, n in found.walk() if "out_features" in n.settings]
    assert made == widths
