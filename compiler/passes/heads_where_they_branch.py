"""Runs what only `mode: train` outputs need right after the steps that it takes its values from.

    a = conv1(x)                     a = conv1(x)
    b = conv2(a)                     if training: aux = head(a)
    if training: aux = head(a)   →   b = conv2(a)

Registration keeps the file's order. The order of running decides the order in which a value's gradients are added up, and
with it their last bits: torchvision registers GoogLeNet's heads behind its trunk, and runs them where they branch off.
"""

from __future__ import annotations

from dataclasses import replace

from nnc.compiler.graph.ir import Graph
from nnc.compiler.graph.training import only_in_training
from nnc.compiler.passes.base import Pass, rewrite

__all__ = ["HEADS_WHERE_THEY_BRANCH"]


def _body(graph: Graph) -> Graph:
    rare = only_in_training(graph)
    if not rare:
        return graph
    ready = dict.fromkeys(graph.inputs, -1)  # by value: the place of the step after which it is there
    place: list[int] = []
    for i, node in enumerate(graph.schedule):
        place.append(max((ready[v] for v in node.inputs), default=-1) if node in rare else i)
        ready |= dict.fromkeys(node.results, place[i])
    order = sorted(range(len(place)), key=lambda i: (place[i], graph.schedule[i] in rare))  # stable
    schedule = tuple(graph.schedule[i] for i in order)
    return graph if schedule == graph.schedule else replace(graph, schedule=schedule)


HEADS_WHERE_THEY_BRANCH = Pass("heads_where_they_branch", lambda graph: rewrite(graph, _body))
