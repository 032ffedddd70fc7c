"""The comparisons can fail: rules that are wrong on purpose are found out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.registry import OpDef, Rule
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops import test_symbolic
from tests.ops.cases import any_case, case
from tests.ops.comparison import compare

# Enough to find them, and their smallest case is of no interest.
SEARCH = settings(
    max_examples=2000,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def broken(name: str, rule: Rule) -> OpDef:
    return replace(CATALOGUE[name], rule=rule)


def pool_that_keeps_a_free_size(c: Call, input: TensorType, **settings: Any) -> TensorType:
    return input


def linear_without_bias(
    c: Call, input: TensorType, in_features: Any, out_features: int, bias: bool = True
) -> TensorType:
    return CATALOGUE["Linear"].rule(c, input, in_features, out_features, False)  # type: ignore[return-value]


def comparison_that_keeps_the_dtype(c: Call, input: Any, other: Any) -> TensorType:
    result = CATALOGUE["eq"].rule(c, input, other)
    assert isinstance(result, TensorType)
    return result.with_dtype(DType.float32)


def pool_that_blames_the_dtype(c: Call, input: TensorType, **settings: Any) -> Any:
    if input.rank not in (3, 4):
        c.refuse("no", "input", code="NNC0503")
    return CATALOGUE["MaxPool2d"].rule(c, input, **settings)


def norm_that_takes_no_list(c: Call, input: TensorType, normalized_shape: Any = None, **settings: Any) -> Any:
    if isinstance(normalized_shape, tuple):
        c.refuse("no", "normalized_shape")
    return CATALOGUE["LayerNorm"].rule(c, input, normalized_shape, **settings)


def maximum_with_other_names(c: Call, input: TensorType, **settings: Any) -> Any:
    results = CATALOGUE["max"].rule(c, input, **settings)
    return {"maxima": results["values"], "places": results["indices"]} if isinstance(results, dict) else results


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("MaxPool2d", pool_that_keeps_a_free_size),
        ("Linear", linear_without_bias),
        ("eq", comparison_that_keeps_the_dtype),
        ("MaxPool2d", pool_that_blames_the_dtype),
        ("LayerNorm", norm_that_takes_no_list),
        ("max", maximum_with_other_names),
    ],
)
def test_a_wrong_rule_differs_from_torch(name: str, rule: Rule) -> None:
    right, wrong = CATALOGUE[name], broken(name, rule)
    assert find_difference(right, wrong) is not None


def find_difference(right: OpDef, op: OpDef) -> Any:
    """Arguments, drawn for the right op, with which `op` and torch disagree."""
    try:
        return find(any_case(right), lambda arguments: compare(op, arguments).kind == "differs", settings=SEARCH)
    except NoSuchExample:
        return None


def test_a_missing_demand_is_found() -> None:
    def pool_that_demands_nothing(c: Call, input: TensorType, **given: Any) -> Any:
        result = CATALOGUE["MaxPool2d"].rule(c, input, **given)
        c.demands.clear()
        return result

    op = broken("MaxPool2d", pool_that_demands_nothing)

    @st.composite
    def freed(draw: Any) -> Any:
        arguments, sizes = test_symbolic.freed(draw, op, draw(case(CATALOGUE["MaxPool2d"])))
        return arguments, dict.fromkeys(sizes, draw(st.integers(1, 12)))

    find(freed(), lambda drawn: bool(test_symbolic.disagreement(op, *drawn)), settings=SEARCH)
