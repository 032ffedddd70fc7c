"""Drops steps whose value nobody takes, so that a compiled forward does no more than a careful person's.

    a = relu(x)                      b = relu(y)
    b = relu(y)              →       return b
    c = flatten(a, 1)
    return b

1. Only functions go. A layer that nobody uses stays: it owns keys of `state_dict`, and the elaborator warned about it.
2. Functions that draw random numbers stay: without them later draws would differ.
3. What only a dropped step used is dropped too.
"""

from __future__ import annotations

from dataclasses import replace

from nnc.compiler.graph.ir import Graph, Node, Value
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.passes.base import Pass, rewrite

__all__ = ["DROP_UNUSED"]

RANDOM = frozenset({"dropout", "rand", "rand_like", "randn", "randn_like"})


def _droppable(node: Node) -> bool:
    op = node.target
    return isinstance(op, OpDef) and op.form == "function" and op.name not in RANDOM and op.family != "dropout"  # 1, 2


def _body(graph: Graph) -> Graph:
    if not any(map(_droppable, graph.nodes)):
        return graph
    used: set[Value] = set(graph.outputs.values())
    dropped: set[Node] = set()
    for node in reversed(graph.schedule):  # 3: users are met before what they use
        if _droppable(node) and not any(v in used for v in node.results):
            dropped.add(node)
        else:
            used.update(node.inputs)
    if not dropped:
        return graph
    nodes, schedule = (tuple(n for n in order if n not in dropped) for order in (graph.nodes, graph.schedule))
    return replace(graph, nodes=nodes, schedule=schedule)


DROP_UNUSED = Pass("drop_unused", lambda graph: rewrite(graph, _body))
