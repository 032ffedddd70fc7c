"""Known values: Python's results within bounds, and a fault instead of a guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.expr import statics
from tests.elaborate.helpers import codes, graph

NUMBERS = st.integers(-50, 50) | st.floats(-50, 50, allow_nan=False)


@given(st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), NUMBERS, st.integers(-6, 6))
def test_arithmetic_is_pythons(operator: str, left: float, right: int) -> None:
    python = {
        "+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right, "/": lambda: left / right,
        "//": lambda: left // right, "%": lambda: left % right, "**": lambda: left**right,
    }[operator]  # fmt: skip
    try:
        want = python()
    except ZeroDivisionError:
        with pytest.raises(statics.StaticError):
            statics.binary(operator, left, right)
        return
    assert statics.binary(operator, left, right) == want


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("64 * 2**3", 512),
        ("8 if 1 < 2 <= 2 else 4", 8),
        ("max(3, 16 // 2, 5)", 8),
        ("len([w for w in range(9) if w % 2])", 4),
        ("sum([c for c in [1, 2, 5]])", 8),
        ("[4, 8][-1]", 8),
        ("[1, 8, 3][1:2][0]", 8),
        ("{'a': 8}['a']", 8),
        ("int(7.9) + 1", 8),
        ("round(sqrt(64))", 8),
        ("make_divisible(32 * 1.1)", 32),
        ("make_divisible(32 * 0.35)", 16),  # 8 would be less than 90% of 11.2
        ("make_divisible(3, 8)", 8),
        ("8 if 'x' in ['x', 'y'] and not false else 1", 8),
        ("min([a * b for a, b in zip([2, 4], [4, 5])])", 8),
    ],
)
def test_expressions_are_computed(expression: str, value: int) -> None:
    assert graph(f'layers:\n  fc: "Linear({expression})"').node("fc").settings["out_features"] == value


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("9**9**9", "NNC0423"),
        ("2**100", "NNC0423"),
        ("len([0] * 10**9)", "NNC0423"),
        ("len(range(10**9))", "NNC0423"),
        ("1 // 0", "NNC0422"),
        ("[1][3]", "NNC0422"),
        ("'a' + 1", "NNC0422"),
        ("max()", "NNC0422"),
        ("len(1, 2, 3)", "NNC0304"),
        ("B", "NNC0505"),
        ("8 if B > 3 else 4", "NNC0508"),
        ("x", "NNC0305"),
        ("log(0)", "NNC0422"),
        ("sum([[1]])", "NNC0422"),
    ],
)
def test_what_cannot_be_computed(expression: str, code: str) -> None:
    assert codes(f'layers:\n  fc: "Linear({expression})"') == [code]


def test_free_sizes_decide_what_holds_for_all_of_them() -> None:
    assert codes("layers:\n  fc: {if: B >= 1, type: Linear(8)}") == []
    assert codes("layers:\n  fc: {if: B + 1 != B, type: Linear(8)}") == []


def test_loops_are_bounded_in_steps() -> None:
    deep = "[a + b + c + d for d in range(999)]"
    for name in "cba":
        deep = f"[{deep} for {name} in range(999)]"
    assert codes(f'layers:\n  fc: "Linear(len({deep}))"') == ["NNC0704"]
