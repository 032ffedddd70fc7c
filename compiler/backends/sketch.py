"""A graph becomes a drawing that a page holds.

1. A layer and the normalization, activation and dropout behind it share a box, one row each.
2. What stands several times behind itself (`repeats.py`) is drawn once, with ×N, unless `expand`.
3. Clusters deeper than `depth` become one box. With `once`, so does a block that was drawn open before, whatever its
   numbers, and a row of such blocks is one with ×N: a whole family of networks then fits on a page.
4. Where more than `limit` boxes are left, 3 is done with the largest depth that fits; where the outermost level alone
   is too long, its middle becomes one box. A note then says so.

An edge carries a shape where the layer it leaves has changed it, once per tensor. The batch dimension is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from nnc.compiler.backends import labels
from nnc.compiler.backends.counts import Counts, nesting
from nnc.compiler.backends.diagram import Box, Cluster, Diagram, Edge, Role, Row, plain_name
from nnc.compiler.graph.ir import Graph, Node, Stored, Value
from nnc.compiler.graph.outside import Sizes, sizes_inside, type_outside
from nnc.compiler.graph.repeats import FOLLOWERS, Outlines, Run, Structures, find_runs
from nnc.compiler.graph.text import clip, span
from nnc.compiler.types.tensor import TensorType

__all__ = ["LIMIT", "sketch"]

OPENED = 4  # blocks of one name that `once` draws open, where an `if:` in them makes different networks
LIMIT = 400  # Graphviz lays out 100 boxes in 0.1 s, 1,000 in 5 s, 3,000 in 150 s


def sketch(
    graph: Graph, *, expand: bool = False, depth: int | None = None, once: bool = False, limit: int = LIMIT
) -> Diagram:
    """The drawing of a graph. `depth` 0 draws the outermost level only; `expand` draws every repetition, and what a
    module does each time it is called; `once` opens each block where it first stands, and names it elsewhere."""
    structures, counts = (Outlines() if once else Structures()), Counts()
    try:
        return _Drawer(graph, structures, counts, expand, depth, limit).draw()
    except _TooMany:
        pass
    for shallower in range(min(nesting(graph), depth if depth is not None else 64) - 1, -1, -1):
        try:
            note = f"more than {limit} boxes: folded to depth {shallower}"
            return _Drawer(graph, structures, counts, expand, shallower, limit, note=note).draw()
        except _TooMany:
            pass
    note = f"more than {limit} boxes: folded, and the middle of the outermost level left out"
    return _Drawer(graph, structures, counts, expand, 0, limit, note=note, omit=True).draw()


class _TooMany(Exception):
    pass


@dataclass(slots=True)
class _Port:
    """Where a value comes from on paper. `told`: its shape needs no words, or stands on an edge already."""

    box: Box
    type: TensorType
    told: bool
    name: str = ""


@dataclass(slots=True)
class _Frame:
    """One graph as its caller sees it."""

    graph: Graph
    path: str
    ports: dict[Value, _Port]
    sizes: Sizes
    depth: int
    shared: bool = False  # its parameters stand elsewhere
    items: list[Box | Cluster] = field(default_factory=list)
    users: dict[Value, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.graph.nodes:
            for value in node.inputs:
                self.users[value] = self.users.get(value, 0) + 1
        for value in self.graph.outputs.values():
            self.users[value] = self.users.get(value, 0) + 1

    def type(self, value: Value) -> TensorType:
        return type_outside(value.type, self.sizes)


class _Drawer:
    def __init__(
        self,
        graph: Graph,
        structures: Structures,
        counts: Counts,
        expand: bool,
        depth: int | None,
        limit: int,
        *,
        note: str = "",
        omit: bool = False,
    ) -> None:
        self.graph, self.structures, self.counts = graph, structures, counts
        self.expand, self.depth, self.limit, self.note, self.omit = expand, depth, limit, note, omit
        self.opened: dict[str, set[int]] = {}  # by a block's name: the outlines of those that are drawn open
        self.edges: dict[tuple[str, str], Edge] = {}
        self.ids: set[str] = set()
        self.drawn = 0
        first = graph.inputs[0].type.shape if graph.inputs else ()
        self.batch = first[0] if len(first) > 1 and all(v.type.shape[:1] == first[:1] for v in graph.inputs) else None

    def draw(self) -> Diagram:
        items: list[Box | Cluster] = []
        ports = {}
        for value in self.graph.inputs:
            row = Row(clip(value.name), detail=labels.shape(value.type))
            box = Box(self._id(f"in.{value.name}"), "input", [row])
            items.append(box)
            ports[value] = _Port(box, value.type, told=True)
        frame = _Frame(self.graph, "", ports, {}, 0)
        self._body(frame)
        items += frame.items
        for name, value in self.graph.outputs.items():
            row = Row(clip(name) or "output", detail=labels.shape(value.type))
            box = Box(self._id(f"out.{name or 'output'}"), "output", [row])
            items.append(box)
            frame.ports[value].told = True
            self._edge(frame.ports[value], box, train_only=name in self.graph.train_only)
        notes = (self.note,) if self.note else ()
        return Diagram(self.graph.name, items, self._marked(), self.counts.graph(self.graph), notes)

    # -- one graph ----------------------------------------------------------------------------------------------------

    def _body(self, frame: _Frame) -> None:
        runs = [] if self.expand else find_runs(frame.graph, self.structures)
        schedule = frame.graph.schedule
        omitted = self._omitted(frame, runs)
        starts = {run.start: run for run in runs}
        at = 0
        while at < len(schedule):
            if at == omitted.start and len(omitted):
                self._omit(frame, schedule[omitted.start : omitted.stop])
                at = omitted.stop
                continue
            run = starts.get(at)
            if run is None:
                self._node(frame, schedule[at], 1)
                at += 1
            else:
                self._run(frame, run)
                at = run.end

    def _run(self, frame: _Frame, run: Run) -> None:
        """Draws the first unit; the values of the last one come out of it."""
        schedule = frame.graph.schedule
        unit = schedule[run.start : run.start + run.period]
        last = schedule[run.end - run.period : run.end]
        outer = frame.items
        if run.period == 1:
            self._node(frame, unit[0], run.times, last[0])
            if isinstance(self.structures, Outlines):
                self._unlike(frame, schedule[run.start : run.end])
        else:
            frame.items = []
            for node in unit:
                self._node(frame, node, 1)
            name = self._id(f"{frame.path}{unit[0].name}.repeat")
            parameters = sum(self._owned(frame, node) for node in unit)
            cluster = Cluster(name, "", "", parameters, frame.items, run.times)
            frame.items = outer
            frame.items.append(cluster)
        for first, final in zip(unit, last, strict=True):
            for one, other in zip(first.results, final.results, strict=True):
                port, kind = frame.ports[one], frame.type(other)
                frame.ports[other] = port if port.type == kind else replace(port, type=kind, told=False)

    def _unlike(self, frame: _Frame, nodes: Sequence[Node]) -> None:
        """What was drawn last stands for all these; where they are not equal, its number of parameters is that of all."""
        owned = [self._owned(frame, node) for node in nodes]
        drawn = frame.items[-1]
        drawn.alike = len(set(owned)) == 1
        if drawn.alike:
            return
        if isinstance(drawn, Cluster):
            drawn.parameters = sum(owned)
        else:
            drawn.rows[:] = [replace(drawn.rows[0], parameters=sum(owned)), *drawn.rows[1:]]

    def _node(self, frame: _Frame, node: Node, times: int, last: Node | None = None) -> None:
        match node.target:
            case Graph() as inner:
                name = clip(node.name) if last is None else span(node.name, last.name)
                self._call(frame, node, inner, times, name)
            case Stored() as stored:
                detail, parameters = labels.shape(stored.type), self._owned(frame, node)
                row = Row(clip(node.name), "", detail, parameters, "stored")
                self._add(frame, node, Box(self._id(frame.path + node.name), "stored", [row]))
            case _:
                self._op(frame, node, times)

    def _op(self, frame: _Frame, node: Node, times: int) -> None:
        assert not isinstance(node.target, Graph | Stored)
        tensors = tuple(dict.fromkeys(node.inputs))
        title, detail = labels.described(node, node.target, frame.sizes)
        name = clip(node.name) if node.named else ""
        name = "" if name and title.partition("(")[0] == name else name
        row = Row(title, name, detail, self._owned(frame, node), node.target.family)
        if node.shares is not None:
            row = Row(title, name, _shared(node.shares), 0, node.target.family)
        elif times == 1 and node.target.family in FOLLOWERS and len(tensors) == 1 and len(node.results) == 1:
            host = self._host(frame, tensors[0], node)
            if host is not None:
                host.rows.append(row)
                frame.ports[node.results[0]] = frame.ports[tensors[0]]
                return
        role: Role = "layer" if node.is_module else "step"
        if node.target.name in labels.OPERATORS and len(tensors) > 1:
            role, row = "sign", Row(labels.OPERATORS[node.target.name], name, "", 0, node.target.family)
        self._add(frame, node, Box(self._id(frame.path + node.name), role, [row], times, node.shares is not None))

    def _host(self, frame: _Frame, value: Value, node: Node) -> Box | None:
        """The box that takes in a step which only follows: made in this very graph, with nobody else at its end."""
        port = frame.ports[value]
        fits = port.box.role in ("layer", "step") and port.box.times == 1 and not port.name and not port.box.shared
        here = any(item is port.box for item in frame.items[-1:])
        same = frame.type(value) == frame.type(node.results[0])
        return port.box if fits and here and same and frame.users[value] == 1 else None

    # -- nested graphs ------------------------------------------------------------------------------------------------

    def _call(self, frame: _Frame, node: Node, inner: Graph, times: int, name: str) -> None:
        path = frame.path + node.name
        title = clip(inner.name) if inner.kind in ("block", "net") else ""
        parameters, shared = self._owned(frame, node), node.shares is not None
        if not inner.nodes:
            self._alias(frame, node, {v: frame.ports[node.operands[v.name]] for v in inner.inputs})
            return
        known = self._known(inner)
        if known or (shared and not self.expand) or (self.depth is not None and frame.depth >= self.depth):
            layers = self.counts.layers(inner)
            detail = f"{layers:,} layer{'s' * (layers != 1)}" if node.shares is None else _shared(node.shares)
            if known and not shared:
                detail = labels.arguments(inner) if times == 1 else ""
            row = Row(title or name, name if title else "", detail, parameters, "folded")
            self._add(frame, node, Box(self._id(path), "folded", [row], times, shared))
            return
        ports = {v: frame.ports[node.operands[v.name]] for v in inner.inputs}
        sizes = sizes_inside(node, frame.sizes)
        opened = _Frame(inner, f"{path}.", ports, sizes, frame.depth + 1, frame.shared or shared)
        cluster = Cluster(self._id(path), title, name, parameters, opened.items, times, shared)
        self._body(opened)
        if opened.items:
            frame.items.append(_unwrapped(cluster))
        self._alias(frame, node, opened.ports)

    def _known(self, inner: Graph) -> bool:
        """Whether a block like this is drawn open already, or enough of its name are; if not, from now on it is."""
        if not isinstance(self.structures, Outlines) or inner.kind != "block":
            return False
        outline, opened = self.structures.outline(inner), self.opened.setdefault(inner.name, set())
        if outline in opened or len(opened) == OPENED:
            return True
        opened.add(outline)
        return False

    def _alias(self, frame: _Frame, node: Node, ports: Mapping[Value, _Port]) -> None:
        assert isinstance(node.target, Graph)
        for result, value in zip(node.results, node.target.outputs.values(), strict=True):
            frame.ports[result] = ports[value]

    def _owned(self, frame: _Frame, node: Node) -> int:
        return 0 if frame.shared else self.counts.node(node)

    # -- boxes and edges ----------------------------------------------------------------------------------------------

    def _add(self, frame: _Frame, node: Node, box: Box) -> None:
        self._count()
        frame.items.append(box)
        tensors = tuple(dict.fromkeys(node.inputs))
        for value in tensors:
            self._edge(frame.ports[value], box)
        for result in node.results:
            name = result.name.removeprefix(f"{node.name}.") if len(node.results) > 1 else ""
            told = box.role == "stored" or (bool(tensors) and frame.type(tensors[0]) == frame.type(result))
            frame.ports[result] = _Port(box, frame.type(result), told, name)

    def _edge(self, port: _Port, head: Box, *, train_only: bool = False) -> None:
        words = [clip(port.name)] if port.name else []
        if not port.told:
            words.append(labels.shape(port.type, self.batch))
            port.told = True
        ends = (port.box.id, head.id)
        known = self.edges.get(ends)
        words = [known.label, *words] if known is not None and known.label else words
        self.edges[ends] = Edge(*ends, ", ".join(words), train_only=train_only)

    def _marked(self) -> list[Edge]:
        """Edges with those marked that bypass something: the ones that a transitive reduction leaves out."""
        import networkx as nx  # 0.13 s to import

        network: nx.DiGraph[str] = nx.DiGraph(list(self.edges))
        needed = set(nx.transitive_reduction(network).edges)
        return [Edge(e.tail, e.head, e.label, ends not in needed, e.train_only) for ends, e in self.edges.items()]

    def _omitted(self, frame: _Frame, runs: Sequence[Run]) -> range:
        """The middle of a body that is too long even with everything in it folded."""
        if not self.omit or frame.depth > 0:
            return range(0)
        units = _units(len(frame.graph.schedule), runs)
        if len(units) <= self.limit:
            return range(0)
        half = (self.limit - 1) // 2
        return range(units[half].start, units[-half].start)

    def _omit(self, frame: _Frame, nodes: Sequence[Node]) -> None:
        self._count()
        row = Row(f"{len(nodes):,} more", "", "left out", sum(map(self.counts.node, nodes)), "folded")
        box = Box(self._id(f"{frame.path}{nodes[0].name}.more"), "omitted", [row])
        frame.items.append(box)
        inside = {v for n in nodes for v in n.results}
        for value in dict.fromkeys(v for n in nodes for v in n.inputs if v not in inside):
            self._edge(frame.ports[value], box)
        for value in inside:
            frame.ports[value] = _Port(box, frame.type(value), told=False)

    def _count(self) -> None:
        self.drawn += 1
        if self.drawn > self.limit:
            raise _TooMany

    def _id(self, path: str) -> str:
        """A box's own plain name."""
        base = plain_name(path)
        name, n = base, 1
        while name in self.ids:
            n += 1
            name = f"{base}_{n}"
        self.ids.add(name)
        return name


def _shared(path: str) -> str:
    return f"same weights as {clip(path)}"


def _unwrapped(cluster: Cluster) -> Cluster | Box:
    """A cluster around a single thing adds nothing but its name."""
    if len(cluster.items) > 1 or cluster.times > 1 or cluster.shared:
        return cluster
    (item,) = cluster.items
    if isinstance(item, Cluster):
        if item.times > 1 or item.shared or (item.title and cluster.title) or not item.name:
            return cluster
        name = f"{cluster.name}.{item.name}"
        return Cluster(cluster.id, cluster.title or item.title, name, cluster.parameters, item.items)
    if cluster.title or item.role not in ("layer", "folded") or len(item.rows) > 1 or item.times > 1:
        return cluster
    item.rows[0] = replace(item.rows[0], name=f"{cluster.name}.{item.rows[0].name}")
    return item


def _units(length: int, runs: Sequence[Run]) -> list[range]:
    """The schedule cut into what is drawn together: each run, and each step outside of one."""
    units: list[range] = []
    at = 0
    for run in (*runs, Run(length, 1, 0)):
        units += [range(i, i + 1) for i in range(at, run.start)]
        if run.times:
            units.append(range(run.start, run.end))
        at = run.end
    return units
