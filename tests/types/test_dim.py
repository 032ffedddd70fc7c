"""Sizes are Python's arithmetic: every simplification is held against plain integers."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from functools import reduce

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nnc.compiler.types.dim import (
    Bounds,
    Dim,
    DimLike,
    FloorDiv,
    Max,
    Symbol,
    ceildiv,
    evaluate,
    interval,
    lower_bound,
    maximum,
    minimum,
    size,
    substitute,
    symbols,
    upper_bound,
)
from tests.types.strategies import NAMES, Built, expressions

H, W, B, C, K, T = map(size, ("H", "W", "B", "C", "K", "T"))

known_sizes = st.fixed_dictionaries({name: st.integers(1, 60) for name in NAMES})


def number(built: Built, sizes: dict[str, int]) -> int:
    try:
        return built.number(sizes)
    except ZeroDivisionError:
        assume(False)
        raise


@given(expressions(), known_sizes)
def test_a_size_evaluates_as_plain_integers_do(built: Built, sizes: dict[str, int]) -> None:
    expected = number(built, sizes)
    assert evaluate(built.symbolic, sizes) == expected


@given(expressions(), known_sizes)
def test_known_sizes_substituted_are_a_plain_int(built: Built, sizes: dict[str, int]) -> None:
    expected = number(built, sizes)
    found = substitute(built.symbolic, {Symbol(name): n for name, n in sizes.items()})
    assert type(found) is int
    assert found == expected


@given(expressions(max_leaves=4), st.fixed_dictionaries({n: expressions(max_leaves=3) for n in NAMES}), known_sizes)
def test_substitution_commutes_with_evaluation(built: Built, by: dict[str, Built], sizes: dict[str, int]) -> None:
    inner = {name: number(b, sizes) for name, b in by.items()}
    assume(min(inner.values()) >= 1)  # what stands for a size is a size
    expected = number(built, inner)
    try:
        composed = substitute(built.symbolic, {Symbol(name): b.symbolic for name, b in by.items()})
        found = evaluate(composed, sizes)
    except (OverflowError, ZeroDivisionError):
        assume(False)
        raise
    assert found == expected


@given(expressions(), known_sizes)
def test_bounds_are_never_left(built: Built, sizes: dict[str, int]) -> None:
    value = number(built, sizes)
    low, high = interval(built.symbolic)
    assert low is None or low <= value
    assert high is None or value <= high


@given(
    expressions(), st.fixed_dictionaries({n: st.tuples(st.integers(1, 9), st.integers(0, 9)) for n in NAMES}), st.data()
)
def test_given_bounds_are_used_soundly(built: Built, ranges: dict[str, tuple[int, int]], data: st.DataObject) -> None:
    bounds: Bounds = {Symbol(name): (low, low + more) for name, (low, more) in ranges.items()}
    sizes = {name: data.draw(st.integers(low, low + more)) for name, (low, more) in ranges.items()}
    low, high = interval(built.symbolic, bounds)
    value = number(built, sizes)
    assert low is None or low <= value
    assert high is None or value <= high


@given(expressions())
def test_text_reads_back_as_the_same_size(built: Built) -> None:
    assert read(str(built.symbolic)) == built.symbolic


def read(text: str) -> DimLike:
    """Our text as Python reads it."""
    names: dict[str, object] = {name: size(name) for name in (*NAMES, "C", "K", "T")}
    names |= {"max": lambda *d: reduce(maximum, d), "min": lambda *d: reduce(minimum, d)}
    found: DimLike = eval(text, {"__builtins__": {}}, names)  # noqa: S307 - our own text
    return found


@given(expressions(max_leaves=4), expressions(max_leaves=4), expressions(max_leaves=3))
def test_addition_and_multiplication_are_canonical(a: Built, b: Built, c: Built) -> None:
    x, y, z = a.symbolic, b.symbolic, c.symbolic
    try:
        assert x + y == y + x
        assert (x + y) + z == x + (y + z)
        assert x * y == y * x
        assert x * (y + z) == x * y + x * z
        assert x - x == 0
        assert hash(x + y) == hash(y + x)
    except OverflowError:
        assume(False)


linear = st.builds(lambda a, b, c: a * H + b * W + c, *[st.integers(-9, 9)] * 3)


@given(linear, expressions(max_leaves=4), st.integers(1, 12))
def test_a_multiple_of_the_divisor_stands_outside(x: DimLike, built: Built, k: int) -> None:
    q = built.symbolic
    assert (k * q + x) // k == q + x // k
    assert (k * q) % k == 0


@given(expressions(max_leaves=4), st.integers(1, 12))
def test_quotient_and_remainder_belong_together(built: Built, k: int) -> None:
    x = built.symbolic
    assert x // k * k + x % k == x


@given(linear, st.integers(1, 12))
def test_a_remainder_is_below_its_divisor(x: DimLike, k: int) -> None:
    assert (x % k) % k == x % k
    assert (x % k) // k == 0
    low, high = interval(x % k)
    assert low is not None
    assert high is not None
    assert 0 <= low <= high < k


@given(linear, st.integers(-20, 20), st.integers(1, 9), st.integers(1, 9))
def test_nested_floor_divisions_are_one(x: DimLike, c: int, b: int, d: int) -> None:
    assert x // b // d == x // (b * d)
    assert (x // b + c) // d == (x + b * c) // (b * d)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ((H + 6 - 7) // 2 + 1, "(H + 1)//2"),
        ((H - 11) // 4 + 1, "(H - 7)//4"),
        (H // 2 + 1, "H//2 + 1"),
        (2 * C, "2*C"),
        (H - H // 4 * 4, "H % 4"),
        (3 + H % 32, "H % 32 + 3"),
        (B + H % 32, "B + H % 32"),
        ((2 * H * W) // (H * W), "2"),
        ((B * H * W) // (H * W), "B"),
        ((B * H * W) // (2 * H * W), "B//2"),
        (T // (H * W), "T//(H*W)"),
        (-H, "-H"),
        (-(H // 2), "-(H//2)"),
        (5 - H // 2, "5 - H//2"),
        (2 * (H // 2), "2*(H//2)"),
        (H * H - 1, "H**2 - 1"),
        (H + (7 - H % 7) % 7, "7*((H + 6)//7)"),
        (ceildiv(T, K), "(T - 1)//K + 1"),
        ((H - 1) // H, "0"),
        (-1 // H, "-1"),
        (maximum(H, W + 1), "max(H, W + 1)"),
        (maximum(H, H + W), "H + W"),
        (minimum(H, 1), "1"),
        (maximum(maximum(H, 3), maximum(W, 3)), "max(H, W, 3)"),
        ((H + 6) % H, "6 % H"),
    ],
)
def test_sizes_are_simplified_and_short(found: DimLike, text: str) -> None:
    assert str(found) == text


def test_ints_stay_ints() -> None:
    assert ceildiv(7, 2) == 4
    assert type(maximum(3, 4)) is int
    assert type(H - H + 3) is int
    assert type(0 * H) is int
    assert type(H % 1) is int
    assert symbols(3) == frozenset()
    assert substitute(3, {Symbol("H"): 4}) == 3


def test_comparison_is_refused_and_equality_is_structural() -> None:
    with pytest.raises(TypeError):
        H < 3  # type: ignore[operator]  # noqa: B015
    with pytest.raises(TypeError):
        H >= 3  # type: ignore[operator]  # noqa: B015
    assert (H + 1, 3) == (1 + H, 3)
    assert H != W
    assert H != 3
    assert bool(H - W)


def test_division_by_zero_is_pythons() -> None:
    with pytest.raises(ZeroDivisionError):
        H // 0
    with pytest.raises(ZeroDivisionError):
        H % (W - W)
    with pytest.raises(ZeroDivisionError):
        evaluate(H // (W - 3), {"H": 1, "W": 3})


def test_growth_is_bounded() -> None:
    with pytest.raises(OverflowError, match="64 bits"):
        H * 2**63
    with pytest.raises(OverflowError, match="128 parts"):
        H**10_000_000
    with pytest.raises(OverflowError, match="128 parts"):
        sum((size(f"S{i}") for i in range(300)), start=H)
    with pytest.raises(OverflowError, match="128 parts"):
        reduce(lambda d, _: (d + 1) * (d + W), range(20), H + W)


def test_structure_can_be_walked() -> None:
    d = 2 * (H // 3) * W - 5
    assert isinstance(d, Dim)
    (first, factors), (last, none) = d.terms
    assert (first, last, none) == (2, -5, ())
    assert {type(atom) for atom, _ in factors} == {Symbol, FloorDiv}
    quotient = next(atom for atom, _ in factors if isinstance(atom, FloorDiv))
    assert (quotient.numerator, quotient.denominator) == (H, 3)
    largest = maximum(H, W)
    assert isinstance(largest, Dim)
    assert isinstance(largest.atom, Max)
    assert largest.atom.operands == (H, W)
    assert d.symbols == {Symbol("H"), Symbol("W")}
    assert H.symbol == Symbol("H")
    assert (H + 1).symbol is None  # type: ignore[union-attr]


def test_bounds_see_what_belongs_together() -> None:
    assert lower_bound(H - H // 2) == 1
    assert lower_bound(H * W - H) == 0
    assert interval(H % 32) == (0, 31)
    assert interval(H - H // 32 * 32 - 31) == (-31, 0)
    assert upper_bound(3 - H) == 2
    assert upper_bound(H, {Symbol("H"): (1, 224)}) == 224
    assert lower_bound((H - 11) // 4 + 1, {Symbol("H"): (63, None)}) == 14
    assert lower_bound(H - W) is None


def test_sizes_survive_copies_and_other_processes() -> None:
    d = maximum((H + 3) // 4, W) * 2
    assert copy.deepcopy(d) == d
    script = (
        "import pickle, sys; d = pickle.load(sys.stdin.buffer); from nnc.compiler.types.dim import size, maximum as m;"
    )
    script += (
        " assert d == m((size('H') + 3) // 4, size('W')) * 2 and len({d, m((size('H') + 3) // 4, size('W')) * 2}) == 1"
    )
    subprocess.run([sys.executable, "-c", script], input=pickle.dumps(d), check=True)
