"""Products of rounded sizes are taken apart only where that says the same, and where people write them."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc.compiler.types.constraint import Constraint, Relation, normalize
from nnc.compiler.types.demands import Demand
from nnc.compiler.types.dim import Dim, DimLike, size
from nnc.compiler.types.solver import Located, solve

H, W, T = size("H"), size("W"), size("T")


def said(left: DimLike, right: DimLike, relation: Relation = Relation.EQUAL) -> str | bool:
    normal = normalize(relation, left, right)
    return normal if isinstance(normal, bool) else " and ".join(map(str, normal))


def same(left: DimLike, right: DimLike, relation: Relation = Relation.EQUAL, sizes: range = range(1, 18)) -> bool:
    """Whether the normal form holds for the same sizes."""
    normal, raw = normalize(relation, left, right), Constraint(relation, left, right)
    names = sorted(s.name for s in raw.symbols)
    for values in product(sizes, repeat=len(names)):
        given_sizes = dict(zip(names, values, strict=True))
        holds = normal if isinstance(normal, bool) else all(c.holds(given_sizes) for c in normal)
        if holds != raw.holds(given_sizes):
            return False
    return True


@pytest.mark.parametrize(
    ("left", "right", "text"),
    [
        (H * W, 16 * (H // 4) * (W // 4), "H % 4 == 0 and W % 4 == 0"),
        (H * W, 4 * (H // 2) * (W // 2), "H % 2 == 0 and W % 2 == 0"),
        (H * W * T, 12 * (H // 2) * (W // 3) * (T // 2), "H % 2 == 0 and T % 2 == 0 and W % 3 == 0"),
        ((H - 2) * (W - 2), 16 * ((H - 2) // 4) * ((W - 2) // 4), None),
        ((H + 6) * (W + 6), 16 * ((H + 6) // 4) * ((W + 6) // 4), "H % 4 == 2 and W % 4 == 2"),
        (H * H, 4 * (H // 2) * (H // 2), None),
        (H * W, 15 * (H // 4) * (W // 4), None),
        (H * W, 17 * (H // 4) * (W // 4), None),
        (H * W + 1, 16 * (H // 4) * (W // 4), None),
        (H * (W // 2), 4 * (H // 2) * (W // 4), None),
        ((H // 2) * (W // 2), 16 * (H // 8) * (W // 8), None),
    ],
)  # fmt: skip
def test_what_a_product_says(left: DimLike, right: DimLike, text: str | None) -> None:
    assert same(left, right)
    if text is not None:
        assert said(left, right) == text


def test_a_positive_product_has_positive_factors() -> None:
    assert said((H // 2) * (W // 3), 1, Relation.AT_LEAST) == "H >= 2 and W >= 3"
    assert said(3 * (H // 2) * (W // 3), 2, Relation.AT_LEAST) == "H >= 2 and W >= 3"
    assert same((H // 2) * (W // 3), 2, Relation.AT_LEAST)
    assert same((H - 5) * (W - 5), 1, Relation.AT_LEAST)  # two negative factors make a positive product


def test_a_multiple_of_a_product_wants_it_not_to_be_zero() -> None:
    windows = (H // 2) * (W // 2)
    assert said(T * windows, windows, Relation.MULTIPLE) == "H >= 2 and W >= 2"
    assert same(T * windows, windows, Relation.MULTIPLE, range(1, 7))


def test_factors_known_to_be_positive_elsewhere() -> None:
    """After a pooling, whose own demand makes H//2 positive."""
    demands = [
        Demand(Relation.AT_LEAST, H, 2, "a window does not fit"),
        Demand(Relation.AT_LEAST, W, 2, "a window does not fit"),
        Demand(Relation.EQUAL, (H // 2) * (W // 2), 16 * (H // 8) * (W // 8), "another number of elements"),
    ]
    solution = solve([Located(d, i) for i, d in enumerate(demands)], {})
    assert [r.text for r in solution.requirements] == ["H % 8 <= 1", "H >= 8", "W % 8 <= 1", "W >= 8"]
    assert {located.origin for r in solution.requirements for located in r.demands} >= {2}
    for h, w in product(range(1, 30), repeat=2):
        sizes = {"H": h, "W": w}
        assert all(r.holds(sizes) for r in solution.requirements) == all(d.holds(sizes) for d in demands)


FLOORS = [H // 2, H // 4, (H + 1) // 2, (H - 1) // 2, W // 2, W // 3, (W + 2) // 3, H, W]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(FLOORS), min_size=1, max_size=2),
    st.lists(st.sampled_from(FLOORS), min_size=1, max_size=3),
    st.integers(1, 3),
    st.sampled_from([1, 2, 3, 4, 6, 8, 9, 12, 16]),
    st.sampled_from([-1, 0, 0, 0, 1]),
)
def test_any_product_means_what_it_meant(a: list[Dim], b: list[Dim], m: int, n: int, offset: int) -> None:
    left: DimLike = m
    right: DimLike = n
    for factor in a:
        left = left * factor
    for factor in b:
        right = right * factor
    for relation in (Relation.EQUAL, Relation.AT_LEAST):
        assert same(left, right + offset, relation, range(1, 14))
