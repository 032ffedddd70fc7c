"""The comparisons can fail: rules that are wrong on purpose are found out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.registry import OpDef, Rule
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops import test_against_torch, test_symbolic
from tests.ops.cases import case

SEARCH = settings(max_examples=300, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


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


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("MaxPool2d", pool_that_keeps_a_free_size),
        ("Linear", linear_without_bias),
        ("eq", comparison_that_keeps_the_dtype),
    ],
)
def test_a_wrong_rule_differs_from_torch(name: str, rule: Rule) -> None:
    right, wrong = CATALOGUE[name], broken(name, rule)
    assert find_difference(right, wrong) is not None
    assert find_difference(right, right) is None


def find_difference(right: OpDef, op: OpDef) -> Any:
    """Arguments, drawn for the right op, with which `op` and torch disagree."""
    try:
        return find(case(right), lambda arguments: bool(test_against_torch.difference(op, arguments)), settings=SEARCH)
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
