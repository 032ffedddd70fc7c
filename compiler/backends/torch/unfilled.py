"""Constructors on the meta device without the arithmetic that would fill what they make.

There is nothing to fill, but each `normal_` still passes through torch's Python reference of the operation: most of the
time that a ResNet's constructor takes there, and the import of sympy with the first of them.

    with torch.device("meta"), unfilled():
        model = Network()       the same network, its parameters without memory
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

__all__ = ["unfilled"]

METHODS = ("bernoulli_", "clamp_", "copy_", "erfinv_", "fill_", "normal_", "uniform_", "zero_")
FILLING = frozenset(getattr(torch.Tensor, name) for name in METHODS)
INITIALIZERS = frozenset(
    getattr(nn.init, name) for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")
)


class _LeaveEmpty(TorchFunctionMode):
    """What would write to a tensor without memory does nothing; all else is done."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if func in FILLING or func in INITIALIZERS:
            tensor = args[0] if args else given.get("tensor")
            if isinstance(tensor, torch.Tensor) and tensor.is_meta:
                return tensor
        return func(*args, **given)


@contextmanager
def unfilled() -> Iterator[None]:
    """While entered, tensors on the meta device are not written to."""
    with _LeaveEmpty():
        yield
