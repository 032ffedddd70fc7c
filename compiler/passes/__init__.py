"""Transformations of the typed graph, one file each, in the order in which they run."""

from nnc.compiler.graph.ir import Graph
from nnc.compiler.passes.base import Pass
from nnc.compiler.passes.drop_unused import DROP_UNUSED
from nnc.compiler.passes.heads_where_they_branch import HEADS_WHERE_THEY_BRANCH

__all__ = ["PASSES", "Pass", "run_passes"]

PASSES: tuple[Pass, ...] = (DROP_UNUSED, HEADS_WHERE_THEY_BRANCH)


def run_passes(graph: Graph, passes: tuple[Pass, ...] = PASSES) -> Graph:
    """The graph after every pass."""
    for one in passes:
        graph = one.run(graph)
    return graph
