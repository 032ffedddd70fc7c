"""Activation checkpointing: parts of a network whose activations are not kept for the backward pass but computed again.

Gradients, random numbers and running statistics are those of a network that keeps everything, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.utils.checkpoint import checkpoint

__all__ = ["checkpointing"]


@contextmanager
def checkpointing(model: nn.Module, paths: Sequence[str]) -> Iterator[None]:
    """Within it, the modules at `paths` are computed again in the backward pass."""
    modules = [model.get_submodule(path) for path in paths]
    for module in modules:
        module.forward = _Recomputed(module)
    try:
        yield
    finally:
        for module in modules:
            del module.forward  # the class's own is there again


class _Recomputed:
    """The `forward` of a module. An object and no closure, so that a deep copy of the module has one of its own."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        module = self.module
        forward = type(module).forward.__get__(module)
        if not (module.training and torch.is_grad_enabled()):
            return forward(*args, **kwargs)
        if torch.compiler.is_compiling():  # which computes statistics once, whatever it computes again
            return checkpoint(forward, *args, use_reentrant=False, **kwargs)

        def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
            return nullcontext(), _statistics_kept(module)

        return checkpoint(forward, *args, use_reentrant=False, context_fn=contexts, **kwargs)


@contextmanager
def _statistics_kept(module: nn.Module) -> Iterator[None]:
    """Running statistics have seen the batch already, in the first pass: now it counts for nothing."""
    norms: list[Any] = [
        m for m in module.modules() if isinstance(m, _BatchNorm | _InstanceNorm) and m.track_running_stats
    ]
    before = [(m.momentum, m.num_batches_tracked) for m in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
