"""Finds the same step, or the same few steps, standing one behind the other: what a drawing shows once, with ×N.

    conv relu | conv relu | conv relu       a run of period 2, three times
    Bottleneck | Bottleneck                 a run of period 1, twice

Two steps are the same where they do the same to tensors of the same types, parameters of the same shapes included.
Names do not count. One stands behind the other where it takes what the other gives in place of what the other takes,
everything else is the same value for both, and nobody else uses what the other gives. Layers on growing inputs, as
DenseNet's are, differ in their types: they are drawn one by one.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnc.compiler.graph.ir import Graph, Node, Stored, Value

__all__ = ["FOLLOWERS", "Outlines", "Run", "Structures", "find_runs"]

LONGEST_PERIOD = 12
FEW = 3  # steps of a block whose numbers say more than its name: Conv(64, 3)
FOLLOWERS = frozenset({"activation", "dropout", "normalization"})
"""Families that follow a layer rather than begin a group of them."""


@dataclass(frozen=True, slots=True)
class Run:
    """Steps `start` … `start + period - 1` of a schedule, and the same `times - 1` more times behind them."""

    start: int
    period: int
    times: int

    @property
    def end(self) -> int:
        return self.start + self.period * self.times

    @property
    def saved(self) -> int:
        return self.period * (self.times - 1)


class Structures:
    """Numbers for steps and graphs: equal numbers mean equal structure. Each graph is looked at once."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._graphs: dict[Graph, int] = {}

    def graph(self, graph: Graph) -> int:
        if graph not in self._graphs:
            places = {v: (-1, i) for i, v in enumerate(graph.inputs)}
            steps = []
            for i, node in enumerate(graph.schedule):
                steps.append((self.node(node), tuple(places[v] for v in node.inputs)))
                places |= {v: (i, k) for k, v in enumerate(node.results)}
            inputs = tuple(v.type for v in graph.inputs)
            outputs = tuple((name, places[v]) for name, v in graph.outputs.items())
            self._graphs[graph] = self._number((inputs, tuple(steps), outputs, graph.ties))
        return self._graphs[graph]

    def node(self, node: Node) -> int:
        """The structure of a step; which tensors it is given does not count. A module called again equals nothing."""
        if node.shares is not None:
            return self._number(("itself", id(node)))
        target: Hashable
        match node.target:
            case Graph() as inner:
                target = ("graph", self.graph(inner))
            case Stored() as stored:
                target = (stored.kind, stored.persistent, stored.requires_grad, tuple(map(self.node, stored.initial)))
            case op:
                target = ("op", op.name, op.form)
        settings = tuple((k, _frozen(v)) for k, v in node.settings.items())
        operands = tuple((k, _frozen(v)) for k, v in node.operands.items())
        sizes = tuple((s.name, str(d)) for s, d in node.sizes.items())
        return self._number((target, settings, operands, tuple(v.type for v in node.results), node.parameters, sizes))

    def _number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


class Outlines(Structures):
    """Structures to which a block equals every block of its name that takes the same steps, whatever the numbers; but for
    blocks of few steps."""

    def __init__(self) -> None:
        super().__init__()
        self._outlines: dict[Graph, int] = {}

    def node(self, node: Node) -> int:
        inner = node.target
        if node.shares is None and isinstance(inner, Graph) and inner.kind == "block" and not _small(inner):
            return self._number(("block", self.outline(inner)))
        return super().node(node)

    def outline(self, graph: Graph) -> int:
        """A number for the steps of a graph and how they hang together."""
        if graph not in self._outlines:
            places = {v: (-1, i) for i, v in enumerate(graph.inputs)}
            steps = []
            for i, node in enumerate(graph.schedule):
                steps.append((self._kind(node), tuple(places[v] for v in node.inputs)))
                places |= {v: (i, k) for k, v in enumerate(node.results)}
            name = graph.name if graph.kind == "block" else ""
            self._outlines[graph] = self._number(("outline", name, len(graph.inputs), tuple(steps)))
        return self._outlines[graph]

    def _kind(self, node: Node) -> Hashable:
        match node.target:
            case _ if node.shares is not None:
                return ("itself", node.shares)
            case Graph() as inner:
                return self.outline(inner)
            case Stored() as stored:
                return stored.kind
            case op:
                return (op.name, op.form)


def _small(graph: Graph) -> bool:
    return len(graph.nodes) <= FEW and not any(isinstance(n.target, Graph) for n in graph.nodes)


def _frozen(value: Any) -> Hashable:
    """A hashable stand-in; a tensor is its type."""
    if isinstance(value, Value):
        return value.type
    if isinstance(value, tuple | list):
        return tuple(map(_frozen, value))
    if isinstance(value, slice):
        return ("slice", _frozen(value.start), _frozen(value.stop), _frozen(value.step))
    if isinstance(value, Mapping):
        return tuple((k, _frozen(v)) for k, v in value.items())
    return (type(value).__name__, value)


def find_runs(graph: Graph, structures: Structures) -> list[Run]:
    """Runs that do not overlap, in order; each as long as it can be."""
    nodes = graph.schedule
    kinds = [structures.node(n) for n in nodes]
    users = _users(graph)
    found: list[Run] = []
    at = 0
    while at < len(nodes) - 1:
        best = _best(nodes, kinds, users, at)
        if best is not None and best.period > 1:
            shifted = [_longest(nodes, kinds, users, at + k, best.period) for k in range(1, best.period)]
            rivals = [best, *(r for r in shifted if r is not None)]
            best = max(rivals, key=lambda r: (r.saved, not _follows(nodes[r.start]), -r.start))
        if best is not None:
            found.append(best)
        at = best.end if best is not None else at + 1
    return found


def _best(nodes: Sequence[Node], kinds: list[int], users: Mapping[Value, set[int]], at: int) -> Run | None:
    longest: Run | None = None
    for period in range(1, min(LONGEST_PERIOD, (len(nodes) - at) // 2) + 1):
        run = _longest(nodes, kinds, users, at, period)
        if run is not None and (longest is None or run.saved > longest.saved):
            longest = run
    return longest


def _longest(
    nodes: Sequence[Node], kinds: list[int], users: Mapping[Value, set[int]], start: int, period: int
) -> Run | None:
    times = 1
    wiring: dict[tuple[int, int], tuple[int, int]] | None = None
    while start + (times + 1) * period <= len(nodes):
        here = start + (times - 1) * period
        if kinds[here : here + period] != kinds[here + period : here + 2 * period]:
            break
        carried = _carried(nodes, users, here, period)
        if not carried or (wiring is not None and carried != wiring):
            break
        wiring = carried
        times += 1
    run = Run(start, period, times)
    return run if times > 1 and (period == 1 or run.saved > 1) else None


def _carried(
    nodes: Sequence[Node], users: Mapping[Value, set[int]], start: int, period: int
) -> dict[tuple[int, int], tuple[int, int]]:
    """How the second of two equal units hangs on the first: its tensor → the first's result, each as (step, position).
    Empty where it does not stand behind it."""
    middle = start + period
    made = {v: (i - start, k) for i in range(start, middle) for k, v in enumerate(nodes[i].results)}
    remade = {v: (i - middle, k) for i in range(middle, middle + period) for k, v in enumerate(nodes[i].results)}
    if any(not start <= user < middle + period for v in made for user in users.get(v, ())):
        return {}
    carried = {}
    for q in range(period):
        for k, (first, second) in enumerate(zip(nodes[start + q].inputs, nodes[middle + q].inputs, strict=True)):
            if first in made:
                if remade.get(second) != made[first]:
                    return {}
            elif second in made:
                carried[q, k] = made[second]
            elif first is not second:
                return {}
    return carried


def _users(graph: Graph) -> dict[Value, set[int]]:
    """Who takes each value, as places in the schedule; −1 is the graph's output."""
    users: dict[Value, set[int]] = {}
    for i, node in enumerate(graph.schedule):
        for value in node.inputs:
            users.setdefault(value, set()).add(i)
    for value in graph.outputs.values():
        users.setdefault(value, set()).add(-1)
    return users


def _follows(node: Node) -> bool:
    return not isinstance(node.target, Graph | Stored) and node.target.family in FOLLOWERS
