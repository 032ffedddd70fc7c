"""Normal forms: the same truth in fewer words."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given

from nnc.compiler.types.constraint import Constraint, Relation, normalize
from nnc.compiler.types.dim import DimLike, Symbol, maximum, minimum, size
from tests.types.strategies import BuiltDemand, demands, expressions

B, C, H, W = map(size, "BCHW")
EQUAL, AT_LEAST, MULTIPLE = Relation.EQUAL, Relation.AT_LEAST, Relation.MULTIPLE


def said(relation: Relation, left: DimLike, right: DimLike) -> str | bool:
    normal = normalize(relation, left, right)
    return normal if isinstance(normal, bool) else " and ".join(map(str, normal))


@pytest.mark.parametrize(
    ("relation", "left", "right", "expected"),
    [
        (EQUAL, B * C * H, B * C * W, "H == W"),
        (EQUAL, W, H + 3, "W == H + 3"),
        (EQUAL, 2 * H, 2 * W + 1, False),
        (EQUAL, (H - 3) // 2, 6, "H >= 15 and H <= 16"),
        (EQUAL, 2 * (H // 2), H, "H % 2 == 0"),
        (EQUAL, B * 16 * (H // 16), B * H, "H % 16 == 0"),
        (EQUAL, H - 1, 2 * (H // 2), "H % 2 == 1"),
        (EQUAL, H // 2, W // 2 + 1, "H//2 == W//2 + 1"),
        (EQUAL, H, H, True),
        (EQUAL, H + 1, H, False),
        (EQUAL, (H - 3) * (W + 4), 36, "(H - 3)*(W + 4) == 36"),
        (AT_LEAST, (H + 1) // 2 - 3, 4, "H >= 13"),
        (AT_LEAST, ((H + 1) // 2 + 1) // 2, 7, "H >= 25"),
        (AT_LEAST, H // 2, W, "H >= 2*W"),
        (AT_LEAST, W, H // 2, "H <= 2*W + 1"),
        (AT_LEAST, 512, H + W, "H + W <= 512"),
        (AT_LEAST, 512, maximum(H, W), "H <= 512 and W <= 512"),
        (AT_LEAST, minimum(H, W), 7, "H >= 7 and W >= 7"),
        (AT_LEAST, H * W, 1, True),
        (AT_LEAST, 0, H, False),
        (MULTIPLE, 3 * H, 12, "H % 4 == 0"),
        (MULTIPLE, H - 7, 32, "H % 32 == 7"),
        (MULTIPLE, B * H * 7, 4 * B, "H % 4 == 0"),
        (MULTIPLE, H + 3 * W, 4, "(H - W) % 4 == 0"),
        (MULTIPLE, H // 2, 4, "(H//2) % 4 == 0"),
        (MULTIPLE, B * H, H, True),
        (MULTIPLE, 4 * H + 1, 2, False),
        (MULTIPLE, 100, H, "100 % H == 0"),
        (MULTIPLE, H, 0, False),
    ],
)
def test_normal_forms(relation: Relation, left: DimLike, right: DimLike, expected: str | bool) -> None:
    assert said(relation, left, right) == expected


@given(demands(expressions(("H", "W"), 5)))
def test_a_normal_form_holds_for_the_same_sizes(built: BuiltDemand) -> None:
    normal = normalize(built.demand.relation, built.demand.left, built.demand.right)
    for h, w in itertools.product((*range(1, 12), 31, 64), repeat=2):
        sizes = {"H": h, "W": w}
        try:
            truth = built.holds(sizes)
        except ZeroDivisionError:
            continue
        found = normal if isinstance(normal, bool) else all(constraint.holds(sizes) for constraint in normal)
        assert found is truth, sizes


def test_bounds_decide() -> None:
    bounds = {Symbol("H"): (1, 20), Symbol("W"): (30, None)}
    assert Constraint(AT_LEAST, W - H).decide(bounds) is True
    assert Constraint(EQUAL, W - H).decide(bounds) is False
    assert Constraint(MULTIPLE, H, W).decide(bounds) is False
    assert Constraint(AT_LEAST, W - 2 * H).decide(bounds) is None


def test_a_form_too_large_to_simplify_is_kept() -> None:
    left, right = sum(size(f"L{i}") for i in range(60)), sum(size(f"R{i}") for i in range(60))
    assert normalize(EQUAL, left, right) == (Constraint(EQUAL, left, right),)
