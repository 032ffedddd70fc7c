"""Initial weights: with the same seed a spec's `init:` gives the tensors that torchvision's constructor gives, to the
last bit; where the order of the random draws cannot agree, the same distribution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tests.zoo.comparison import ours, theirs
from tests.zoo.families import CASES

# Models whose draws come in another order than torchvision's, and why.
OTHER_ORDER: dict[str, str] = {
    name: "torchvision draws the backbone's head too, and takes it off"
    for name in CASES
    if name.startswith("segmentation.")
}

EXACT = [name for name in CASES if name not in OTHER_ORDER]
QUICK = [name for name in EXACT if CASES[name].quick]
OTHERS = [name for name in EXACT if not CASES[name].quick]


def both(name: str) -> tuple[nn.Module, nn.Module]:
    """torchvision's model and ours, each drawn from seed 0."""
    reference = theirs(CASES[name])
    torch.manual_seed(0)
    return reference, ours(CASES[name])


def differing(a: nn.Module, b: nn.Module) -> list[str]:
    one, other = a.state_dict(), b.state_dict()
    assert list(one) == list(other)
    return [name for name in one if not torch.equal(one[name], other[name])]


@pytest.mark.parametrize("name", QUICK)
def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    assert differing(*both(name)) == []


@pytest.mark.nightly
@pytest.mark.parametrize("name", OTHERS)
def test_the_same_seed_gives_the_same_weights_of_the_others(name: str) -> None:
    assert differing(*both(name)) == []


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if case.quick else pytest.mark.nightly)
        for name, case in CASES.items()
        if name not in EXACT
    ],
)
def test_the_same_distribution_where_the_order_of_draws_differs(name: str) -> None:
    assert list(unlike(*both(name))) == []


def unlike(a: nn.Module, b: nn.Module) -> Iterator[str]:
    """Parameters whose mean or standard deviation differs by more than chance explains."""
    for (name, one), other in zip(a.named_parameters(), b.parameters(), strict=True):
        if not same_distribution(one.detach(), other.detach()):
            yield name


def same_distribution(a: Tensor, b: Tensor) -> bool:
    """By their first two moments, each within six of its standard errors; constants are compared exactly."""
    if torch.equal(a, b):
        return True
    if a.numel() < 8 or min(a.std(), b.std()) == 0:
        return False
    scale, count = float(a.std()), a.numel()
    means = abs(float(a.mean() - b.mean())) < 6 * scale * (2 / count) ** 0.5
    return means and abs(float(a.std() / b.std()) - 1) < 6 / count**0.5


def test_the_comparison_can_fail() -> None:
    case = CASES["resnet18"]
    assert differing(*both("resnet18")) == []
    reference = theirs(case)
    torch.manual_seed(1)
    assert "fc.weight" in differing(reference, ours(case))
    assert differing(reference, ours(replace(case, spec="zoo:resnet18"))) != []


def test_a_distribution_can_differ() -> None:
    torch.manual_seed(0)
    a = torch.randn(1000)
    assert same_distribution(a, torch.randn(1000))
    assert not same_distribution(a, 1.5 * torch.randn(1000))
    assert not same_distribution(a, torch.randn(1000) + 0.5)
    assert not same_distribution(a, torch.ones(1000))


def test_building_without_memory_draws_nothing() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with torch.device("meta"):
        ours(CASES["resnet18"])
    assert torch.equal(torch.get_rng_state(), before)
