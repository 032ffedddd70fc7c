"""Which names an expression mentions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nnc.compiler.expr import tree
from nnc.compiler.expr.called import called

__all__ = ["names_in"]


def names_in(expressions: Sequence[tree.Expr]) -> Iterator[str]:
    """Every name in expressions, callees left out. A loop, not recursion: long sums nest deeply."""
    stack = list(expressions)
    while stack:
        expr = stack.pop()
        if isinstance(expr, tree.Name):
            yield expr.name
        elif isinstance(expr, tree.CallExpr) and called(expr.callee) is not None:
            stack += [*expr.arguments, *(k.value for k in expr.keywords)]
        else:
            stack += tree.children(expr)
