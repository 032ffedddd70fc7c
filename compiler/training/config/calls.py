"""Checked calls of the vocabulary: `AdamW(lr=1e-3)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nnc.compiler.diagnostics import Span
from nnc.compiler.expr.tree import Expr

if TYPE_CHECKING:
    pass

__all__ = ["BoundCall", "Deferred", "waits"]


@dataclass(frozen=True, slots=True)
class Deferred:
    """An argument that depends on the length of the data (`total_steps=steps`): computed when training begins."""

    expression: Expr


@dataclass(frozen=True, slots=True)
class BoundCall:
    """A checked call of the vocabulary: `AdamW(lr=1e-3)`. `arguments` are those that were written, by name in signature
    order: None, bool, int, float, str, tuples of these, nested `BoundCall`s, `Deferred`s."""

    group: str
    name: str
    arguments: Mapping[str, Any]
    span: Span
    spans: Mapping[str, Span] = field(default_factory=dict)

    @property
    def deferred(self) -> bool:
        """Whether something in it waits for the length of the data."""
        return any(waits(v) for v in self.arguments.values())

    def as_plain(self) -> dict[str, Any]:
        """The canonical mapping form, as JSON takes it: `{"type": "AdamW", "lr": 0.001}`."""
        return {"type": self.name} | {k: _plain(v) for k, v in self.arguments.items()}

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={_shown(v)}' for k, v in self.arguments.items())})"


def waits(value: object) -> bool:
    """Whether an argument holds something deferred."""
    match value:
        case Deferred():
            return True
        case BoundCall():
            return value.deferred
        case tuple():
            return any(waits(v) for v in value)
    return False


def _plain(value: object) -> object:
    match value:
        case Deferred(expression=expression):
            return f"${{{expression.span.text}}}"
        case BoundCall():
            return value.as_plain()
        case tuple():
            return [_plain(v) for v in value]
        case Mapping():
            return {k: _plain(v) for k, v in value.items()}
    return value


def _shown(value: object) -> str:
    match value:
        case Deferred(expression=expression):
            return expression.span.text
        case BoundCall():
            return str(value)
        case tuple():
            return f"[{', '.join(map(_shown, value))}]"
        case str():
            return f'"{value}"'
    return str(value)
