"""What is known of a network beside its weights: how its inputs are made, and what its output means. A saved model carries
it; a network in memory has it here, as nothing is added to the module itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn

__all__ = ["Usage", "recall", "remember"]


@dataclass(frozen=True)
class Usage:
    """As in `Header`."""

    classes: tuple[str, ...] = ()
    scores: str = ""
    preprocessing: Mapping[str, Any] = field(default_factory=dict)


_known: WeakKeyDictionary[nn.Module, Usage] = WeakKeyDictionary()


def remember(model: nn.Module, usage: Usage) -> None:
    _known[model] = usage


def recall(model: nn.Module) -> Usage:
    """What is known; nothing of most networks."""
    return _known.get(model, Usage())
