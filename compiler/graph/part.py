"""The part of a network that some of its outputs need: what is left of `forward` when only they are wanted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from nnc.compiler.graph.ir import Graph, Node

__all__ = ["needed", "part_of"]


def needed(graph: Graph, outputs: Collection[str], given: Collection[str] = ()) -> tuple[Node, ...]:
    """The steps that compute some outputs, in order, where other outputs are there already. Steps inside a nested module
    count as one with it."""
    there = {graph.outputs[name] for name in given}
    wanted = {graph.outputs[name] for name in outputs} - there
    found: list[Node] = []
    for node in reversed(graph.schedule):
        if any(value in wanted for value in node.results):
            found.append(node)
            wanted.update(v for v in node.inputs if v not in there)
    return tuple(reversed(found))


def part_of(graph: Graph, outputs: Collection[str], given: Collection[str] = ()) -> Graph:
    """A graph that owns all that the network owns and computes only `outputs`; those in `given` are inputs, after the network's
    own. Outputs that come out in training mode only are like the others in it."""
    steps = needed(graph, outputs, given)
    inputs = (*graph.inputs, *(graph.outputs[name] for name in given))
    wanted = {name: graph.outputs[name] for name in outputs}
    return replace(graph, inputs=inputs, outputs=wanted, schedule=steps, train_only=frozenset())
