"""A dotted path inside a network, as code: `features.0.conv` is `self.features[0].conv`."""

from __future__ import annotations

import ast

from nnc.compiler.backends.torch.calls import SELF
from nnc.compiler.backends.torch.classes import Plan
from nnc.compiler.backends.torch.syntax import index, member, name
from nnc.compiler.graph.ir import Graph

__all__ = ["module_at", "owner_and_name"]


def module_at(plan: Plan, graph: Graph, path: str) -> ast.expr:
    """The module that a path from `graph` leads to, as its `forward` or `__init__` sees it."""
    owner, word = owner_and_name(plan, graph, path)
    return owner if not word else member(owner, word)


def owner_and_name(plan: Plan, graph: Graph, path: str) -> tuple[ast.expr, str]:
    """The expression for all but the last name, and that name: `("self.decoder", "weight")`. A path that ends in a
    list's number has no last name."""
    base: ast.expr = name(SELF)
    inside: object = graph
    parts = path.split(".")
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        listed = isinstance(inside, Graph) and plan.structures.outline(inside).runs is not None
        if part.isdigit() and (listed or not isinstance(inside, Graph)):
            base = index(base, int(part))
            if last:
                return base, ""
        elif last:
            return base, part
        else:
            base = member(base, part)
        inside = inside.node(part).target if isinstance(inside, Graph) else None
    raise ValueError("a path has at least one name")
