"""Which steps of a graph run in training alone."""

from __future__ import annotations

from collections.abc import Sequence

from nnc.compiler.graph.ir import Graph, Node, Stored

__all__ = ["only_in_training"]


def only_in_training(graph: Graph) -> set[Node]:
    """The steps that nothing but `mode: train` outputs need. A step that nothing reads still runs always, as its author
    wrote it; so does what a step of it reads."""
    if not graph.train_only:
        return set()
    steps: Sequence[Node] = [n for n in graph.schedule if not isinstance(n.target, Stored)]
    read = {v for n in steps for v in n.inputs} | set(graph.outputs.values())
    needed = {v for k, v in graph.outputs.items() if k not in graph.train_only}
    always: set[Node] = set()
    for node in reversed(steps):
        if needed.intersection(node.results) or read.isdisjoint(node.results):
            always.add(node)
            needed.update(node.inputs)
    return set(steps) - always
