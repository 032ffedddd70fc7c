"""Shipped specs against torchvision: the same keys in the same order, and with its weights the same outputs to the last bit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision
from torch import nn

import nnc

# name of torchvision's constructor → the spec, its arguments, the image sizes compared
RESNETS: dict[str, dict[str, Any]] = {
    "resnet18": {"block": "BasicBlock", "layers": [2, 2, 2, 2]},
    "resnet34": {"block": "BasicBlock", "layers": [3, 4, 6, 3]},
    "resnet50": {"layers": [3, 4, 6, 3]},
    "resnet101": {"layers": [3, 4, 23, 3]},
    "resnet152": {"layers": [3, 8, 36, 3]},
    "resnext50_32x4d": {"layers": [3, 4, 6, 3], "groups": 32, "width_per_group": 4},
    "resnext101_32x8d": {"layers": [3, 4, 23, 3], "groups": 32, "width_per_group": 8},
    "resnext101_64x4d": {"layers": [3, 4, 23, 3], "groups": 64, "width_per_group": 4},
    "wide_resnet50_2": {"layers": [3, 4, 6, 3], "width_per_group": 128},
    "wide_resnet101_2": {"layers": [3, 4, 23, 3], "width_per_group": 128},
}
VGG_CONVS = {"11": [1, 1, 2, 2, 2], "13": [2, 2, 2, 2, 2], "16": [2, 2, 3, 3, 3], "19": [2, 2, 4, 4, 4]}
VGGS: dict[str, dict[str, Any]] = {
    f"vgg{depth}{suffix}": {"convs": convs, "batch_norm": bool(suffix)}
    for depth, convs in VGG_CONVS.items()
    for suffix in ("", "_bn")
}
MODELS: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "alexnet": ("alexnet", {}, (64, 75)),
    **{name: ("vgg", args, (32, 45)) for name, args in VGGS.items()},
    **{name: ("resnet", args, (64, 49)) for name, args in RESNETS.items()},
    "vit_b_16": ("vit", {}, (224,)),
}
# Real weights are compared for one of each kind; the others take minutes and gigabytes, and run nightly.
QUICK = {"alexnet", "vgg11_bn", "resnet18", "resnet50", "vit_b_16"}


def shapes(model: nn.Module) -> list[tuple[str, tuple[int, ...], torch.dtype]]:
    return [(k, tuple(v.shape), v.dtype) for k, v in model.state_dict().items()]


@pytest.mark.parametrize("name", MODELS)
def test_the_same_keys_shapes_and_dtypes_in_the_same_order(name: str) -> None:
    spec, args, _ = MODELS[name]
    with torch.device("meta"):
        theirs = getattr(torchvision.models, name)()
        ours = nnc.load(f"zoo:{spec}", **args)
    assert shapes(ours) == shapes(theirs)
    trainable = [[(k, p.requires_grad) for k, p in m.named_parameters()] for m in (ours, theirs)]
    assert trainable[0] == trainable[1]


def compare(name: str) -> None:
    spec, args, sizes = MODELS[name]
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, name)()
    ours = nnc.load(f"zoo:{spec}", **args)
    ours.load_state_dict(theirs.state_dict())
    for training in (False, True):
        theirs.train(training)
        ours.train(training)
        for size in sizes:
            x = torch.randn(2, 3, size, size)
            outputs = []
            for model in (ours, theirs):
                torch.manual_seed(1)
                with torch.no_grad():
                    outputs.append(model(x))
            assert torch.equal(*outputs), f"{name} at {size}, training={training}"
    statistics = zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in statistics), "the running statistics differ"


@pytest.mark.parametrize("name", sorted(QUICK))
def test_equal_outputs_in_eval_and_in_train_mode(name: str) -> None:
    compare(name)


@pytest.mark.nightly
@pytest.mark.parametrize("name", sorted(set(MODELS) - QUICK))
def test_equal_outputs_of_the_others(name: str) -> None:
    compare(name)


def test_the_comparison_can_fail() -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18()
    ours = nnc.load("zoo:resnet", **RESNETS["resnet18"])
    ours.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        next(iter(ours.parameters())).view(-1)[0] += 1e-3
        x = torch.randn(1, 3, 64, 64)
        assert not torch.equal(ours.eval()(x), theirs.eval()(x))


def test_gradients_are_equal() -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18()
    ours = nnc.load("zoo:resnet", **RESNETS["resnet18"])
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 64, 64)
    for model in (ours, theirs):
        model.eval()(x).sum().backward()
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    assert all(a.grad is not None and b.grad is not None and torch.equal(a.grad, b.grad) for a, b in pairs)
