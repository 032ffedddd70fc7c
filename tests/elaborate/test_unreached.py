"""Blocks that nothing calls: what is wrong with their names is said; what only a call could tell is not asked."""

from __future__ import annotations

import pytest

from nnc.compiler.driver import compile_text

FILE = """\
nnc: 1
args: {{size: 3}}
let: {{twice: size * 2}}
inputs: {{x: [B, 4]}}
blocks:
  Used: {{layers: [Linear(2)]}}
  Unused:
    inputs: {{y: [N, C]}}
    args: {{width: 8, act: relu, of: Used}}
    let: {{half: width // 2}}
    layers:
{}
layers: [Used]
"""


def faults(*entries: str) -> list[str]:
    result = compile_text(FILE.format("\n".join(f"      {e}" for e in entries)), name="f.yaml")
    return [f"{d.code} {d.message}" for d in result.problems.sorted()]


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("a: Linaer(3)", "NNC0301 there is no layer `Linaer`"),
        ("a: Linear(widht)", "NNC0307 nothing is called `widht` here"),
        ("a: reluu", "NNC0307 nothing is called `reluu` here"),
        ("a: reluu(y)", "NNC0301 there is no function `reluu`"),
        ("a: y + z", "NNC0307 nothing is called `z` here"),
        ("a: {type: Linear(3), from: z}", "NNC0307 nothing is called `z` here"),
        ("a: {if: z, type: Linear(3)}", "NNC0307 nothing is called `z` here"),
        ("a: {repeat: z, type: Linear(3)}", "NNC0307 nothing is called `z` here"),
        ("a: {layers: [{for: k in range(z), type: Linear(k)}]}", "NNC0307 nothing is called `z` here"),
        ("a: {layers: [Linear(z), {layers: [Linaer(3)]}]}", "NNC0301 there is no layer `Linaer`"),
        ("a: Linear(sum([k for k in ks]))", "NNC0307 nothing is called `ks` here"),
        ("a: Parameter([z])", "NNC0307 nothing is called `z` here"),
        ("a: Linear(B)", "NNC0307 nothing is called `B` here"),  # a size of the file is none of the block's
    ],
)
def test_what_is_wrong(entry: str, fault: str) -> None:
    assert fault in faults(entry)


@pytest.mark.parametrize(
    "entries",
    [
        ["a: Linear(half)", "b: act(a)", "c: of()", "d: Linear(twice + size)"],
        ["a: {repeat: 3, let: {w: 'i + width'}, type: Linear(w)}"],
        ["a${k}: {for: 'k, (p, q) in [[1, [2, 3]]]', type: 'Linear(k + p + q)'}", "b: a1 + a2"],
        ["a: {layers: {inner: Linear(C), last: inner + y}}"],
        ["a: 'sum([k * m for k, m in [[1, 2]]])'"],
        ["a: to(y, float32)", "b: clamp(a, -inf, inf)", "c: relu"],
        ["a: LSTM(4)", "b: a.output + a.h_n", "c: {use: a}"],
        ["a: Conv2d(3, 99)"],  # its shape is for a call to judge
        ["a: {type: Identity, from: later}", "later: Linear(3)(y)"],
    ],
)
def test_what_is_not(entries: list[str]) -> None:
    assert faults(*entries) == []


def test_spliced_entries_stand_in_the_body() -> None:
    assert faults("e: {each: 'w in [1, 2]', layers: {'fc${w}': Linear(w)}}", "b: fc1 + fc2") == []


def test_a_network_by_itself_sees_nothing_of_its_file() -> None:
    text = FILE.format("      a: Linear(3)").replace(
        "  Unused:",
        "  Own:\n    blocks: {Inner: {layers: [Linear(3)]}}\n    layers: [Inner, Used, Linear(size)]\n  Unused:",
    )
    result = compile_text(text, name="f.yaml")
    assert [d.message for d in result.problems] == ["there is no layer `Used`", "nothing is called `size` here"]


def test_where_the_file_has_another_fault_that_is_said_alone() -> None:
    text = FILE.format("      a: Linaer(3)").replace("layers: [Used]", "layers: [Usde]")
    assert [d.message for d in compile_text(text, name="f.yaml").problems] == ["there is no layer `Usde`"]
