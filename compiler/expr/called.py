"""Which function a call names: `relu(x)`, or one of torch's own modules of functions, `fft.rfft(x)`, `linalg.norm(x)`."""

from __future__ import annotations

from nnc.compiler.expr.tree import Attribute, Expr, Name

__all__ = ["NAMESPACES", "called"]

NAMESPACES = frozenset({"fft", "linalg", "special"})  # torch.fft, torch.linalg, torch.special


def called(callee: Expr) -> str | None:
    """The function's name as the catalogue has it, `"relu"` or `"fft.rfft"`; None for the part of a value (`lstm.output`)
    and for code of one's own (`mylib.Layer`). A value is never called, so an entry may be named `fft` all the same."""
    match callee:
        case Name(name=name):
            return name
        case Attribute(value=Name(name=space), name=name) if space in NAMESPACES:
            return f"{space}.{name}"
    return None
