"""Made without memory and without filling, a network is the same one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from nnc.compiler.backends.torch.build import build
from nnc.compiler.backends.torch.unfilled import unfilled
from nnc.compiler.driver import compile_file
from nnc.specs import find


class Counting(TorchDispatchMode):
    """Names of the operations that reach torch's kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@contextmanager
def counted() -> Iterator[list[str]]:
    with Counting() as counting:
        yield counting.seen


def network(name: str) -> nn.Module:
    return build(compile_file(find(name)).graph, device="meta")


@pytest.mark.parametrize("name", ["zoo:lenet5", "zoo:resnet", "zoo:vit", "zoo:swin", "zoo:gpt2"])
def test_it_is_the_same_network(name: str) -> None:
    usual = network(name)
    with unfilled():
        bare = network(name)
    ours, theirs = bare.state_dict(keep_vars=True), usual.state_dict(keep_vars=True)
    assert list(ours) == list(theirs)
    for key in ours:
        assert ours[key].is_meta
        assert (ours[key].shape, ours[key].dtype, type(ours[key])) == (
            theirs[key].shape,
            theirs[key].dtype,
            type(theirs[key]),
        )
        assert ours[key].requires_grad == theirs[key].requires_grad
    assert str(bare) == str(usual)


def test_no_initialization_runs() -> None:
    with counted() as usually:
        network("zoo:resnet")
    with unfilled(), counted() as now:
        network("zoo:resnet")
    fills = {"normal_", "uniform_", "fill_", "zero_"}
    assert fills & set(usually), "there is something to leave out"
    assert not fills & set(now)


def test_tensors_with_memory_are_filled() -> None:
    torch.manual_seed(0)
    expected = nn.Linear(3, 4).state_dict()
    torch.manual_seed(0)
    with unfilled():
        found = nn.Linear(3, 4).state_dict()
    assert all(torch.equal(found[k], expected[k]) for k in expected)
