"""Sets of sizes and their descriptions, against the same sets spelled out."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.types.sizeset import ALL, NONE, SizeSet, Unwieldy
from nnc.compiler.types.statement import describe

LIMIT = range(1, 150)  # beyond all limits below, and several times the lcm of all moduli

intervals = st.builds(
    lambda low, more: SizeSet.between(low, None if more is None else low + more),
    st.integers(-3, 40),
    st.one_of(st.none(), st.integers(0, 30)),
)
residues = st.sampled_from([1, 2, 3, 4, 6]).flatmap(
    lambda m: st.sets(st.integers(0, m - 1)).map(lambda found: SizeSet.residues(m, found))
)
sets = st.recursive(
    st.one_of(intervals, residues),
    lambda inner: st.one_of(st.builds(SizeSet.__and__, inner, inner), st.builds(SizeSet.__or__, inner, inner)),
    max_leaves=5,
)


def spelled(sizes: SizeSet) -> set[int]:
    return {n for n in LIMIT if n in sizes}


@given(sets, sets)
def test_set_algebra_is_that_of_sets(a: SizeSet, b: SizeSet) -> None:
    assert spelled(a & b) == spelled(a) & spelled(b)
    assert spelled(a | b) == spelled(a) | spelled(b)
    assert (a <= b) is (spelled(a) <= spelled(b))
    assert (a == b) is (spelled(a) == spelled(b))


@given(sets)
def test_what_a_set_says_of_itself(a: SizeSet) -> None:
    members = spelled(a)
    assert a.empty is (not members)
    assert a.everything is (members == set(LIMIT))
    assert list(islice(a, 5)) == sorted(members)[:5]
    if members:
        assert a.smallest == min(members)
    if a.size is not None:
        assert a.size == len(members)
        assert members == set() or a.largest == max(members)


@given(sets, sets)
def test_a_description_is_exact_where_it_is_given(a: SizeSet, given_sizes: SizeSet) -> None:
    if (a & given_sizes).empty:
        return
    statements = describe("H", a, given_sizes)
    if statements is None:
        return
    for n in LIMIT:
        if n in given_sizes:
            by_set = all(n in s.sizes for s in statements)
            by_text = all(eval(s.text, {"__builtins__": {}}, {"H": n}) for s in statements)  # noqa: S307 - our own text
            assert by_set is by_text is (n in a), [s.text for s in statements]


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        (SizeSet.residues(32, [0]), "H % 32 == 0"),
        (SizeSet.residues(3, [0, 2]), "H % 3 != 1"),
        (SizeSet.residues(16, range(8)), "H % 16 <= 7"),
        (SizeSet.residues(16, range(5, 16)), "H % 16 >= 5"),
        (SizeSet.residues(24, [*range(3), *range(15, 24)]), "(H + 9) % 24 <= 11"),
        (SizeSet.residues(8, [0, 5]), "H % 8 in {0, 5}"),
        (SizeSet.residues(9, [0, 1, 3, 4, 6, 7]), "H % 3 != 2"),
        (SizeSet.between(29), "H >= 29"),
        (SizeSet.between(1, 512), "H <= 512"),
        (SizeSet.between(28, 90), "28 <= H <= 90"),
        (SizeSet.between(28, 29), "H in {28, 29}"),
        (SizeSet.between(28, 28), "H == 28"),
        (SizeSet.between(1, 1) | SizeSet.between(3), "H != 2"),
        (SizeSet.between(1, 9) | SizeSet.between(30, 40), "H <= 9 or 30 <= H <= 40"),
        (SizeSet.residues(2, [0]) | SizeSet.between(20), "H % 2 == 0 or H >= 20"),
        (SizeSet.residues(5, [0]) & SizeSet.between(12, 60), "H % 5 == 0 and 15 <= H <= 60"),
        (ALL, ""),
    ],
)
def test_descriptions_are_short(sizes: SizeSet, text: str) -> None:
    statements = describe("H", sizes, ALL)
    assert statements is not None
    assert " and ".join(s.text for s in statements) == text


def test_what_is_given_is_not_said() -> None:
    wanted = SizeSet.residues(4, [0, 1]) & SizeSet.between(29)
    statements = describe("H", wanted, SizeSet.residues(2, [0]) & SizeSet.between(64))
    assert statements is not None
    assert [s.text for s in statements] == ["H % 4 == 0"]


def test_large_moduli_stay_small() -> None:
    both = SizeSet.residues(1_000_000, [0]) & SizeSet.residues(999_983, [7])
    assert len(both.classes) == 1
    assert both.smallest % 1_000_000 == 0
    assert both.smallest % 999_983 == 7
    with pytest.raises(Unwieldy):
        SizeSet.residues(4099, [0]) | SizeSet.residues(4093, [1])
    assert NONE & both == NONE
