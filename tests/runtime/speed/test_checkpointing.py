"""Activation checkpointing changes no bit: gradients, random numbers and running statistics are those of a network that
keeps everything."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

import nnc
from nnc.runtime.speed.checkpointing import checkpointing
from nnc.runtime.speed.choose import checkpointed

SPEC: dict[str, Any] = {
    "nnc": 1,
    "inputs": {"x": ["B", 3, 8, 8]},
    "blocks": {
        "Part": {
            "inputs": {"x": ["B", "C", "H", "W"]},
            "layers": {
                "conv": "Conv2d(4, 3, padding=1)",
                "bn": "BatchNorm2d",
                "norm": "InstanceNorm2d(track_running_stats=true)",
                "act": "ReLU",
                "drop": "Dropout(0.5)",
            },
        },
    },
    "layers": {"first": "Part", "stage": ["Part", "Part"], "flat": "flatten(1)", "head": "Linear(3)"},
}


def gradients(model: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Everything that a step leaves behind, after two of them."""
    torch.manual_seed(3)
    for _ in range(2):
        model(x).square().sum().backward()
    left = {f"{n}.grad": p.grad for n, p in model.named_parameters()}
    return left | dict(model.state_dict()) | {"random": torch.get_rng_state()}


@pytest.mark.parametrize("wanted", [True, ("Part",), ("first", "stage.1"), ("stage",), ("Dropout", "Conv2d")])
def test_everything_is_as_without(wanted: Any) -> None:
    plain = nnc.load(SPEC)
    model = copy.deepcopy(plain)
    x = torch.randn(4, 3, 8, 8)
    expected = gradients(plain, x)
    with checkpointing(model, checkpointed(model, wanted)):
        found = gradients(model, x)
    assert found.keys() == expected.keys()
    assert [n for n in expected if not torch.equal(found[n], expected[n])] == []


def test_statistics_would_be_counted_twice_otherwise() -> None:
    """The comparison above can fail: torch's own checkpoint does not pass it."""
    from torch.utils.checkpoint import checkpoint

    plain = nnc.load(SPEC)
    model = copy.deepcopy(plain)
    x = torch.randn(4, 3, 8, 8)
    expected = gradients(plain, x)
    first, forward = model.first, model.first.forward
    first.forward = lambda y: checkpoint(forward, y, use_reentrant=False)
    found = gradients(model, x)
    assert not torch.equal(found["first.bn.running_mean"], expected["first.bn.running_mean"])


def test_activations_are_not_kept() -> None:
    """What is computed again runs twice; what is not, once."""
    model = nnc.load(SPEC)
    calls: list[str] = []
    for name in ("first.conv", "stage.0.conv"):
        model.get_submodule(name).register_forward_hook(lambda *_, n=name: calls.append(n))
    with checkpointing(model, ("first",)):
        model(torch.randn(4, 3, 8, 8)).sum().backward()
        assert sorted(calls) == ["first.conv", "first.conv", "stage.0.conv"]
        calls.clear()
        with torch.no_grad():
            model(torch.randn(4, 3, 8, 8))
        model.eval()
        model(torch.randn(4, 3, 8, 8)).sum().backward()
        assert calls == ["first.conv", "stage.0.conv"] * 2
    assert "forward" not in vars(model.first)


def test_a_copy_recomputes_itself() -> None:
    """An average of the weights is a deep copy that may be made while checkpointing is on."""
    model = nnc.load(SPEC)
    with checkpointing(model, ("first",)):
        twin = copy.deepcopy(model)
    nn.init.zeros_(twin.first.conv.weight)
    nn.init.zeros_(twin.first.conv.bias)
    twin.first.bn.eval()
    assert not twin.first(torch.randn(2, 3, 8, 8)).any()


@pytest.mark.parametrize(
    ("wanted", "paths"),
    [
        (True, ("first", "stage.0", "stage.1")),
        (("Part",), ("first", "stage.0", "stage.1")),
        (("stage*",), ("stage",)),
        (("stage", "stage.0", "Conv2d"), ("first.conv", "stage")),
        (("Linear",), ("head",)),
        ((), ()),
    ],
)
def test_which_modules_are_meant(wanted: Any, paths: tuple[str, ...]) -> None:
    assert checkpointed(nnc.load(SPEC), wanted) == paths


def test_layers_inside_torch_s_own_stacks() -> None:
    spec = {
        "nnc": 1,
        "inputs": {"x": ["T", "B", 8]},
        "layers": {"encoder": "TransformerEncoder(num_layers=3, nhead=2)"},
    }
    model = nnc.load(spec)
    assert checkpointed(model, True) == ("encoder.layers.0", "encoder.layers.1", "encoder.layers.2")
    plain, x = copy.deepcopy(model), torch.randn(2, 5, 8)
    expected = gradients(plain, x)
    with checkpointing(model, checkpointed(model, True)):
        found = gradients(model, x)
    assert [n for n in expected if not torch.equal(found[n], expected[n])] == []


def test_a_network_that_nnc_did_not_write() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    assert checkpointed(model, ("Linear",)) == ("0",)
    assert checkpointed(model, True) == ()


def test_within_a_compiled_network() -> None:
    """One graph, with the same gradients and statistics."""
    plain = nnc.load(SPEC)
    for name in ("first", "stage.0", "stage.1"):
        plain.get_submodule(name).drop.p = 0.0  # compiled dropout draws other numbers
    model, x = copy.deepcopy(plain), torch.randn(4, 3, 8, 8)
    torch.compile(plain, backend="aot_eager")(x).square().sum().backward()
    with checkpointing(model, ("first", "stage.0")):
        torch.compile(model, backend="aot_eager", fullgraph=True)(x).square().sum().backward()
    for one, other in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-5)
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor)
