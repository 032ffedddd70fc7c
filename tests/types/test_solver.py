"""The printed requirements hold for exactly the sizes for which all demands do: brute force is the judge."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nnc.compiler.types.demands import Demand, Relation
from nnc.compiler.types.dim import DimLike, Symbol, maximum, size
from nnc.compiler.types.solver import Conflict, Located, Promise, Requirement, Solution, solve
from tests.types.strategies import BuiltDemand, Sizes, demands, expressions, layers

H, W, B, S, T = map(size, ("H", "W", "B", "S", "T"))
EQUAL, AT_LEAST, MULTIPLE = Relation.EQUAL, Relation.AT_LEAST, Relation.MULTIPLE

Plain = tuple[Relation, DimLike, DimLike]


def solved(*plain: Plain, **promises: Promise) -> Solution[int]:
    located = [Located(Demand(*demand, "it does not fit"), i) for i, demand in enumerate(plain)]
    return solve(located, {Symbol(name): promise for name, promise in promises.items()})


def texts(solution: Solution[int]) -> list[str]:
    return [r.text for r in solution.requirements]


def origins(found: Requirement[int] | Conflict[int]) -> list[int]:
    return [located.origin for located in found.demands]


# -- what networks ask -------------------------------------------------------------------------------------------------


def window(x: DimLike, kernel: int, stride: int = 1, padding: int = 0) -> tuple[Plain, DimLike]:
    return (AT_LEAST, x + 2 * padding, kernel), (x + 2 * padding - kernel) // stride + 1


def unet(x: DimLike, levels: int) -> list[Plain]:
    """Pool, then upsample and concatenate, level by level."""
    found: list[Plain] = []
    skips = []
    for _ in range(levels):
        skips.append(x)
        demand, x = window(x, 2, 2)
        found.append(demand)
    for skip in reversed(skips):
        x = 2 * x
        found.append((EQUAL, x, skip))
    return found


def alexnet(x: DimLike) -> tuple[list[Plain], DimLike]:
    found = []
    for layer in ((11, 4, 2), (3, 2), (5, 1, 2), (3, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1), (3, 2)):
        demand, x = window(x, *layer)
        found.append(demand)
    return found, x


def resnet(x: DimLike, blocks: Sequence[int]) -> list[Plain]:
    found = []
    for layer in ((7, 2, 3), (3, 2, 1)):
        demand, x = window(x, *layer)
        found.append(demand)
    for stage, count in enumerate(blocks):
        for i in range(count):
            stride = 2 if stage and not i else 1
            first, y = window(x, 3, stride, 1)
            second, y = window(y, 3, 1, 1)
            side, z = window(x, 1, stride) if stride > 1 else ((EQUAL, x, x), x)
            found += [first, second, side, (EQUAL, y, z)]
            x = y
    return found


@pytest.mark.parametrize(("levels", "text"), [(1, "H % 2 == 0"), (2, "H % 4 == 0"), (4, "H % 16 == 0")])
def test_a_unet_needs_a_multiple(levels: int, text: str) -> None:
    assert texts(solved(*unet(H, levels))) == [text]


def test_each_dimension_is_stated_for_itself() -> None:
    assert texts(solved(*unet(H, 4), *unet(W, 3))) == ["H % 16 == 0", "W % 8 == 0"]


def test_alexnet_needs_a_smallest_size() -> None:
    found, _ = alexnet(H)
    solution = solved(*found)
    assert texts(solution) == ["H >= 63"]
    assert origins(solution.requirements[0]) == [7]  # the last pool is what fails first


def test_a_flattened_size_gives_a_range() -> None:
    found, x = alexnet(H)
    assert texts(solved(*found, (EQUAL, 256 * x * 6, 9216))) == ["223 <= H <= 254"]


def test_a_flattened_image_is_stated_as_a_product() -> None:
    (first, x), (second, y) = alexnet(H), alexnet(W)
    solution = solved(*first, *second, (EQUAL, 256 * x * y, 9216))
    assert texts(solution) == ["H >= 63", "W >= 63", "((H - 31)//32)*((W - 31)//32) == 36"]
    assert solution.example is not None
    assert solution.holds(solution.example)


def test_a_resnet_needs_nothing() -> None:
    assert texts(solved(*resnet(H, [3, 4, 6, 3]), *resnet(W, [3, 8, 36, 3]))) == []


def test_pooling_to_a_grid_of_patches() -> None:
    assert texts(solved((MULTIPLE, H, 16), (MULTIPLE, W, 16), (EQUAL, (H // 16) * (W // 16), 196))) == [
        "H % 16 == 0",
        "W % 16 == 0",
        "(H//16)*(W//16) == 196",
    ]


# -- the shortest statement --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("demanded", "expected"),
    [
        ([(EQUAL, H, W)], ["H == W"]),
        ([(EQUAL, 2 * S, T)], ["T == 2*S"]),
        ([(EQUAL, B * H * 7, B * W * 7)], ["H == W"]),
        ([(EQUAL, H, 28), (EQUAL, H // 2, W)], ["H == 28", "W == 14"]),
        ([(EQUAL, H // 2, W // 2), (AT_LEAST, H, 3)], ["H >= 3", "H//2 == W//2"]),
        ([(EQUAL, H, W), (EQUAL, W, B), (MULTIPLE, B, 4)], ["H == W", "B == H", "B % 4 == 0"]),
        ([(EQUAL, (H - 3) // 2, 6)], ["H in {15, 16}"]),
        ([(MULTIPLE, H // 2, 4)], ["H % 8 <= 1"]),
        ([(MULTIPLE, H - 7, 32)], ["H % 32 == 7"]),
        ([(MULTIPLE, H, 32), (AT_LEAST, H, 29)], ["H % 32 == 0"]),
        ([(MULTIPLE, H, 32), (AT_LEAST, H, 63)], ["H % 32 == 0", "H >= 64"]),
        ([(MULTIPLE, H, 6), (MULTIPLE, H, 4)], ["H % 12 == 0"]),
        ([(MULTIPLE, H, 100_000)], ["H % 100000 == 0"]),
        ([(AT_LEAST, (H - 3) * (H - 8), 1)], ["H <= 2 or H >= 9"]),
        ([(AT_LEAST, (H - 3) ** 2, 1)], ["H != 3"]),
        ([(EQUAL, (H - 1) * (H - 2) * (H - 9), 0)], ["H in {1, 2, 9}"]),
        ([(AT_LEAST, H, 20 * (H % 2))], ["H % 2 == 0 or H >= 20"]),
        ([(AT_LEAST, 512, maximum(H, W))], ["H <= 512", "W <= 512"]),
        ([(AT_LEAST, 512, S + T), (AT_LEAST, 600, S + T)], ["S + T <= 512"]),
        ([(EQUAL, T, S + W), (AT_LEAST, T, S)], ["T == S + W"]),
        ([(AT_LEAST, H + W, W)], []),
        ([(EQUAL, H - H // 2, (H + 1) // 2)], []),
        ([(MULTIPLE, 100, H)], ["100 % H == 0"]),
        ([(MULTIPLE, 100, H), (AT_LEAST, 6, H)], ["H in {1, 2, 4, 5}"]),
    ],
)
def test_requirements_are_short(demanded: list[Plain], expected: list[str]) -> None:
    assert texts(solved(*demanded)) == expected


def test_a_requirement_knows_the_demands_behind_it() -> None:
    solution = solved((AT_LEAST, H, 5), (MULTIPLE, H, 3), (AT_LEAST, H, 40), (MULTIPLE, H, 4), (AT_LEAST, W, 2))
    assert {r.text: origins(r) for r in solution.requirements} == {
        "H % 12 == 0": [1, 3],
        "H >= 48": [1, 2, 3],
        "W >= 2": [4],
    }


def test_a_requirement_has_a_form_for_programs() -> None:
    solution = solved((MULTIPLE, H, 4), (AT_LEAST, H, 40), (EQUAL, W // 2, B // 2), (EQUAL, S, 9))
    assert [dict(r.form) for r in solution.requirements] == [
        {"symbol": "H", "modulus": 4, "residues": [0]},
        {"symbol": "H", "minimum": 40},
        {"symbol": "S", "values": [9]},
        {"expression": "B//2 == W//2"},
    ]


# -- promises ----------------------------------------------------------------------------------------------------------


def test_what_is_promised_is_not_required() -> None:
    assert texts(solved(*unet(H, 4), H=Promise(multiple_of=32))) == []
    assert texts(solved(*unet(H, 4), H=Promise(multiple_of=6))) == ["H % 16 == 0"]
    assert texts(solved((AT_LEAST, H, 29), (MULTIPLE, H, 4), H=Promise(minimum=64))) == ["H % 4 == 0"]


def test_a_promise_reaches_the_dimension_that_must_be_equal() -> None:
    assert texts(solved(*unet(H, 4), (EQUAL, H, W), W=Promise(multiple_of=16))) == ["H == W"]


def test_a_promise_that_no_size_can_keep_is_a_conflict() -> None:
    solution = solved(*unet(H, 4), H=Promise(maximum=15))
    (conflict,) = solution.conflicts
    assert origins(conflict) == [3]
    assert conflict.promises == (Symbol("H"),)
    assert conflict.text == "H >= 16 and H <= 15"
    assert solution.requirements == ()
    assert solution.example is None


def test_a_promise_may_contradict_itself() -> None:
    (conflict,) = solved((AT_LEAST, W, 3), H=Promise(minimum=70, maximum=64)).conflicts
    assert conflict.demands == ()
    assert conflict.text == "H >= 70 and H <= 64"


# -- conflicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("demanded", "smallest"),
    [
        ([(EQUAL, H, 30), (AT_LEAST, H, 5), (EQUAL, H, 31)], [0, 2]),
        ([(EQUAL, H, W + 1), (MULTIPLE, H, 2), (EQUAL, W, H)], [0, 2]),
        ([(MULTIPLE, H, 2), (AT_LEAST, H, 9), (MULTIPLE, H + 1, 2)], [0, 2]),
        ([(MULTIPLE, H, 6), (MULTIPLE, H - 1, 10), (MULTIPLE, H, 5)], [0, 1]),
        ([(MULTIPLE, H - 1, 6), (EQUAL, H, W), (MULTIPLE, W, 4)], [0, 1, 2]),
        ([(AT_LEAST, H, 10), (AT_LEAST, 5, W), (AT_LEAST, H, 4), (EQUAL, W, H // 2 + 1)], [0, 1, 3]),
        ([(EQUAL, H * W, 15), (AT_LEAST, 20, W), (MULTIPLE, H, 2)], [0, 2]),
        ([(EQUAL, (H - W) ** 2, 4), (AT_LEAST, 2, H), (AT_LEAST, H, 1), (AT_LEAST, 2, W)], [0, 1, 3]),
        ([(EQUAL, T, S + B), (EQUAL, T, S + B + 1)], [0, 1]),
    ],
)
def test_a_conflict_is_a_smallest_set(demanded: list[Plain], smallest: list[int]) -> None:
    (conflict,) = solved(*demanded).conflicts
    assert origins(conflict) == smallest


def test_independent_faults_are_two_conflicts() -> None:
    solution = solved((AT_LEAST, H, 9), (AT_LEAST, 3, H), (AT_LEAST, W, 9), (AT_LEAST, 3, W), (AT_LEAST, W, 8))
    assert [origins(c) for c in solution.conflicts] == [[0, 1], [2, 3]]


# -- exactness ---------------------------------------------------------------------------------------------------------


def stated(solution: Solution[int], sizes: Sizes) -> bool:
    """What the requirements say, as Python reads their text; `Requirement.holds` must say the same."""
    by_text = [eval(r.text, {"__builtins__": {}}, {**sizes, "max": max, "min": min}) for r in solution.requirements]  # noqa: S307
    assert by_text == [r.holds(sizes) for r in solution.requirements]
    return all(by_text)


def check_exact(demanded: list[BuiltDemand], grid: list[dict[str, int]], promises: dict[str, Promise]) -> None:
    solution = solve(
        [Located(d.demand, i) for i, d in enumerate(demanded)], {Symbol(n): p for n, p in promises.items()}
    )
    for sizes in grid:
        if not all(sizes[name] in promise.sizes for name, promise in promises.items()):
            continue
        truth = all_hold(demanded, sizes)
        if truth is None:
            continue
        assert solution.holds(sizes) is truth
        if solution.conflicts:
            assert not truth, (sizes, solution.conflicts[0].text)
        else:
            assert stated(solution, sizes) is truth, (sizes, texts(solution))
    for conflict in solution.conflicts:
        assert len(conflict.demands) + len(conflict.promises) >= 1
    if solution.example is not None:
        assert all_hold(demanded, grid[0] | dict(solution.example)) in (True, None)


def all_hold(demanded: list[BuiltDemand], sizes: Sizes) -> bool | None:
    """None where a size is divided by zero: whoever divides demands that it is not."""
    try:
        verdicts = [d.holds(sizes) for d in demanded]
    except ZeroDivisionError:
        return None
    return all(verdicts)


ONE = [{"H": n} for n in (*range(1, 140), 223, 1000, 5039, 5040)]
TWO = [{"H": h, "W": w} for h, w in itertools.product(range(1, 20), range(1, 20))]
promised = st.builds(
    Promise,
    st.one_of(st.none(), st.integers(1, 20)),
    st.one_of(st.none(), st.integers(15, 60)),
    st.one_of(st.none(), st.sampled_from([2, 3, 8])),
)


@given(st.lists(demands(layers("H")), min_size=1, max_size=4))
def test_requirements_of_layers_are_exact(demanded: list[BuiltDemand]) -> None:
    check_exact(demanded, ONE, {})


@given(st.lists(demands(layers("H")), min_size=1, max_size=3), promised)
def test_requirements_under_a_promise_are_exact(demanded: list[BuiltDemand], promise: Promise) -> None:
    check_exact(demanded, ONE, {"H": promise})


@given(st.lists(demands(expressions(("H",), 4)), min_size=1, max_size=3))
def test_requirements_of_any_arithmetic_are_exact(demanded: list[BuiltDemand]) -> None:
    check_exact(demanded, ONE, {})


@given(st.lists(demands(st.one_of(layers("H", 2), layers("W", 2))), min_size=1, max_size=4))
def test_requirements_of_two_dimensions_are_exact(demanded: list[BuiltDemand]) -> None:
    check_exact(demanded, TWO, {})


@given(st.lists(demands(expressions(("H", "W"), 3)), min_size=1, max_size=4), promised)
def test_requirements_of_two_dimensions_under_a_promise_are_exact(
    demanded: list[BuiltDemand], promise: Promise
) -> None:
    check_exact(demanded, TWO, {"W": promise})


@given(st.lists(demands(expressions(("H", "W"), 3)), min_size=1, max_size=4))
def test_a_conflict_has_nothing_to_spare(demanded: list[BuiltDemand]) -> None:
    solution = solve([Located(d.demand, i) for i, d in enumerate(demanded)], {})
    assume(solution.conflicts)
    for conflict in solution.conflicts:
        for left_out in conflict.demands:
            rest = [located for located in conflict.demands if located is not left_out]
            assert not solve(rest, {}).conflicts


@given(demands(expressions(("H", "W"), 4)))
def test_a_verdict_is_right_for_all_sizes(built: BuiltDemand) -> None:
    verdict = built.demand.decide()
    assume(verdict is not None)
    for sizes in TWO:
        try:
            assert built.holds(sizes) is verdict
        except ZeroDivisionError:
            continue
