"""Several optimizers as one, for what looks at groups of parameters and at states."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

__all__ = ["Several"]


class Several(Optimizer):
    """By name. It has no state of its own, so that torch's constructor has nothing to do."""

    def __init__(self, parts: Mapping[str, Optimizer]) -> None:
        self.parts = parts
        self._opt_called = True  # torch warns of a schedule that steps before its optimizer

    @property
    def param_groups(self) -> list[dict[str, Any]]:  # type: ignore[override]
        return [group for part in self.parts.values() for group in part.param_groups]

    @property
    def state(self) -> Mapping[Any, Any]:  # type: ignore[override]
        return ChainMap(*(part.state for part in self.parts.values()))

    @property
    def defaults(self) -> dict[str, Any]:  # type: ignore[override]
        return next(iter(self.parts.values())).defaults

    def state_dict(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self.parts.items()}

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for part in self.parts.values():
            part.step(closure)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        for name, part in self.parts.items():
            part.load_state_dict(state_dict[name])

    def zero_grad(self, set_to_none: bool = True) -> None:
        for part in self.parts.values():
            part.zero_grad(set_to_none)
