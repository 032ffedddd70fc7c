"""How much a graph holds: parameters, layers, levels."""

from __future__ import annotations

from math import prod

from nnc.compiler.graph.ir import Graph, Node

__all__ = ["Counts", "nesting"]


class Counts:
    """How many parameters and layers a graph owns; shared modules count where they are made, tied parameters once."""

    def __init__(self) -> None:
        self._known: dict[Graph, int] = {}
        self._layers: dict[Graph, int] = {}

    def layers(self, graph: Graph) -> int:
        """Modules without modules in them."""
        if graph not in self._layers:
            own = [n for n in graph.nodes if n.shares is None and n.is_module]
            self._layers[graph] = sum(self.layers(n.target) if isinstance(n.target, Graph) else 1 for n in own)
        return self._layers[graph]

    def graph(self, graph: Graph) -> int:
        if graph not in self._known:
            tied = self._tied(graph) if graph.ties else 0
            self._known[graph] = sum(self.node(n) for n in graph.nodes) - tied
        return self._known[graph]

    def _tied(self, graph: Graph) -> int:
        names = {target for target, _ in graph.ties}
        owned = ((f"{path}.{p.name}" if p.name else path, p) for path, node in graph.walk() for p in node.parameters)
        return sum(prod(p.shape) for name, p in owned if name in names)

    def node(self, node: Node) -> int:
        if node.shares is not None:
            return 0
        own = sum(prod(p.shape) for p in node.parameters if p.kind == "parameter")
        return own + (self.graph(node.target) if isinstance(node.target, Graph) else 0)


def nesting(graph: Graph, known: dict[Graph, int] | None = None) -> int:
    known = {} if known is None else known
    if graph not in known:
        inner = [n.target for n in graph.nodes if isinstance(n.target, Graph)]
        known[graph] = 1 + max((nesting(g, known) for g in inner), default=0)
    return known[graph]
