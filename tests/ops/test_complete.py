"""Whoever knows torch never meets "unknown layer": every public module and function is an op, or says what to write."""

from __future__ import annotations

import inspect

import pytest
import torch
import torch.nn.functional as F
import torchvision.ops
from torch import nn

from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.not_ops import NOT_OPS, instead


def modules() -> list[str]:
    return [n for n, found in vars(nn).items() if inspect.isclass(found) and issubclass(found, nn.Module)]


def functionals() -> list[str]:
    homes = ("torch.nn.functional", "torch._C._nn", "torch._jit_internal", "torch", None)
    found = {n: f for n, f in vars(F).items() if callable(f) and not inspect.isclass(f) and not n.startswith("_")}
    return [n for n, f in found.items() if getattr(f, "__module__", None) in homes]


def functions() -> list[str]:
    overridable = torch.overrides.get_overridable_functions()[torch]
    names = {f.__name__ for f in overridable if hasattr(f, "__name__")}
    return sorted(n for n in names if hasattr(torch, n) and not n.startswith("_"))


def in_modules() -> list[str]:
    """Of torch.fft, torch.linalg and torch.special, under the module's name."""
    names = {"fft": torch.fft.__all__, "linalg": dir(torch.linalg), "special": torch.special.__all__}
    homes = {space: getattr(torch, space) for space in names}
    public = [(s, n) for s, found in names.items() for n in found if n[0].islower() and callable(getattr(homes[s], n))]
    return [f"{space}.{name}" for space, name in public]


def methods() -> list[str]:
    return [n for n in dir(torch.Tensor) if not n.startswith("_") and callable(getattr(torch.Tensor, n))]


@pytest.mark.parametrize(
    "names", [modules, functionals, functions, in_modules, methods], ids=lambda names: names.__name__
)
def test_every_name_of_torch_is_known(names: object) -> None:
    assert callable(names)
    found = names()
    assert len(found) > 100
    assert [n for n in found if n not in CATALOGUE and instead(n, CATALOGUE) is None] == []


def test_every_name_of_torchvision_is_known() -> None:
    assert [n for n in torchvision.ops.__all__ if n not in CATALOGUE and instead(n, CATALOGUE) is None] == []


def test_every_layer_is_an_op() -> None:
    """What is no op among the modules are containers and bases of layers."""
    assert {n for n in modules() if n not in CATALOGUE} == {
        "Container", "DataParallel", "Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "RNNBase",
        "RNNCellBase", "Sequential",
    }  # fmt: skip


def test_reasons_are_sentences() -> None:
    assert all(reason and not reason.endswith(".") for reason in NOT_OPS.values())
