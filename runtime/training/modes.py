"""Training and evaluation mode of every module of a network."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

__all__ = ["modes", "restore_modes"]


def modes(model: nn.Module) -> list[tuple[nn.Module, bool]]:
    """Which modules are in training mode: layers that keep their running statistics are not while the others are."""
    return [(module, module.training) for module in model.modules()]


def restore_modes(before: Sequence[tuple[nn.Module, bool]]) -> None:
    for module, training in before:
        module.training = training
