"""Shipped specs against torchvision: the same keys in the same order, and with its weights the same outputs and gradients
to the last bit. `families/` has the models; `make test-zoo` compares all of them with real weights."""

from __future__ import annotations

import pytest
import torch

from tests.zoo.comparison import compare, ours, outputs, signature, theirs, trainable
from tests.zoo.conftest import Cost
from tests.zoo.families import CASES, Case
from tests.zoo.families.convolutional import OPTIONS

QUICK = [name for name, case in CASES.items() if case.quick]
OTHERS = [name for name, case in CASES.items() if not case.quick]


# What torchvision cannot build on meta takes the time of its real weights: the large ones nightly.
CHEAP = [
    pytest.param(name, marks=() if case.meta or case.quick else pytest.mark.nightly) for name, case in CASES.items()
]


@pytest.mark.parametrize("name", CHEAP)
def test_the_same_keys_shapes_and_dtypes_in_the_same_order(name: str) -> None:
    case = CASES[name]
    with torch.device("meta" if case.meta else "cpu"):
        reference, model = theirs(case), ours(case)
    assert signature(model) == signature(reference)
    assert trainable(model) == trainable(reference)


@pytest.mark.parametrize("name", QUICK)
def test_equal_outputs_and_gradients(name: str, cost: Cost) -> None:
    with cost.measured(name):
        compare(CASES[name])


@pytest.mark.nightly
@pytest.mark.parametrize("name", OTHERS)
def test_equal_outputs_and_gradients_of_the_others(name: str, cost: Cost) -> None:
    with cost.measured(name):
        compare(CASES[name])


@pytest.mark.parametrize("case", OPTIONS, ids=lambda case: f"{case.name}-{'-'.join(case.args)}")
def test_arguments_mean_what_torchvisions_mean(case: Case) -> None:
    compare(case)


def test_the_comparison_can_fail() -> None:
    reference, model = theirs(CASES["resnet18"]), ours(CASES["resnet18"])
    model.load_state_dict(reference.state_dict())
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        next(iter(model.parameters())).view(-1)[0] += 1e-3
        assert not torch.equal(outputs(model.eval(), x)[""], outputs(reference.eval(), x)[""])
