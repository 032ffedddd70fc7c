"""Shipped specs against torchvision: the same keys in the same order, and with its weights the same outputs and gradients
to the last bit. `families/` has the models; `make test-zoo` compares all of them with real weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.zoo.comparison import compare, compare_models, ours, signature, theirs, trainable
from tests.zoo.conftest import Cost
from tests.zoo.families import CASES, Case, square
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
def test_equal_outputs_and_gradients(name: str, cost: Cost, request: pytest.FixtureRequest) -> None:
    case = CASES[name]
    with cost.measured(name):
        compare(
            replace(case, sizes=case.sizes[:1]) if case.slow and not request.config.getoption("--nightly") else case
        )


@pytest.mark.nightly
@pytest.mark.parametrize("name", OTHERS)
def test_equal_outputs_and_gradients_of_the_others(name: str, cost: Cost) -> None:
    with cost.measured(name):
        compare(CASES[name])


@pytest.mark.parametrize("case", OPTIONS, ids=lambda case: f"{case.name}-{'-'.join(case.args)}")
def test_arguments_mean_what_torchvisions_mean(case: Case) -> None:
    compare(case)


def _next_weight(model: nn.Module) -> None:
    weight = next(model.parameters()).view(-1)
    weight[0] = torch.nextafter(weight[0], weight.new_tensor(1.0))


def _statistic(model: nn.Module) -> None:
    next(b for n, b in model.named_buffers() if n.endswith("num_batches_tracked")).add_(1)


def _gradient(model: nn.Module) -> None:
    next(model.parameters()).register_hook(lambda gradient: gradient * (1 + 1e-6))


def _momentum(model: nn.Module) -> None:
    next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d)).momentum = 0.2


@pytest.mark.parametrize("broken", [_next_weight, _statistic, _gradient, _momentum])
def test_the_comparison_can_fail(broken: Callable[[nn.Module], None]) -> None:
    case = replace(CASES["resnet18"], sizes=square(49))
    reference, model = theirs(case), ours(case)
    model.load_state_dict(reference.state_dict())
    with torch.no_grad():
        broken(model)
    with pytest.raises(AssertionError):
        compare_models(case, reference, model)
