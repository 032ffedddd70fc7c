"""What a pass is: graph → graph, with a contract that is checked wherever one runs under test.

Every pass keeps the inputs, the outputs' names and types, and everything that `__init__` registers, in order: the
`state_dict` of a compiled network is what the file says, whatever passes ran.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from nnc.compiler.graph.ir import Graph, Node

__all__ = ["Pass", "rewrite"]


@dataclass(frozen=True, slots=True)
class Pass:
    """`run` returns the same object where it has nothing to do."""

    name: str
    run: Callable[[Graph], Graph]


def rewrite(graph: Graph, body: Callable[[Graph], Graph]) -> Graph:
    """Applies `body` to a graph and all nested ones, innermost first. Graphs that were one object stay one object."""
    done: dict[Graph, Graph] = {}

    def visit(old: Graph) -> Graph:
        if old not in done:
            changed = {
                n: replace(n, target=new)
                for n in old.nodes
                if isinstance(n.target, Graph) and (new := visit(n.target)) is not n.target
            }
            done[old] = body(_with(old, changed) if changed else old)
        return done[old]

    return visit(graph)


def _with(graph: Graph, changed: Mapping[Node, Node]) -> Graph:
    nodes, schedule = (tuple(changed.get(n, n) for n in order) for order in (graph.nodes, graph.schedule))
    return replace(graph, nodes=nodes, schedule=schedule)
