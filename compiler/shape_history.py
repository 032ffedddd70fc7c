"""How a size came about: the steps from an input to one entry, what each did to the shape and what it asked for, and
who asks for what the network requires.

Where a step takes several tensors, the way back follows the one that shares most dimensions with what came out, and of
equals the one that was made last. All sizes are those of the network's inputs, inside blocks too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nnc.compiler.diagnostics import Span
from nnc.compiler.graph.ir import Graph, Node, Stored, Value
from nnc.compiler.graph.outside import Sizes, size_outside, sizes_inside, type_outside
from nnc.compiler.graph.printing import value_text
from nnc.compiler.graph.verify import operand_types
from nnc.compiler.ops.apply import apply
from nnc.compiler.ops.call import Refusal
from nnc.compiler.suggest import closest
from nnc.compiler.types.demands import Demand, Relation
from nnc.compiler.types.dim import Dim, Symbol, substitute
from nnc.compiler.types.requirements import Located, Solution
from nnc.compiler.types.solver import solve
from nnc.compiler.types.tensor import TensorType

__all__ = ["Asked", "Asker", "History", "NoSuchLayer", "Origin", "Step", "explain", "origins"]


class NoSuchLayer(LookupError):
    """`path` names no entry; `meant` is one that it may have been meant to."""

    def __init__(self, path: str, meant: str | None) -> None:
        super().__init__(f"there is no layer `{path}`")
        self.path, self.meant = path, meant


@dataclass(frozen=True, slots=True)
class Asked:
    """What one demand says of the sizes of the inputs, in its shortest form, and what goes wrong where it does not hold."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """One entry, or one part of an expression, on the way.

    path     as in `nnc summary`
    type     what is called, with its settings: `Conv2d(out_channels=64, kernel_size=7)`; "" for an input
    rule     what the layer's documentation says about shapes
    takes    the tensors that go in, by their names where they stand
    gives    what comes out, by result name; "" for the only one
    keeps    whether what comes out has the shape and the dtype of what went in
    demands  what it asks of free sizes
    """

    path: str
    type: str
    rule: str
    span: Span
    takes: tuple[tuple[str, TensorType], ...]
    gives: Mapping[str, TensorType]
    keeps: bool
    demands: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class History:
    """The way to an entry: `steps` begin with an input, or a tensor made from nothing, and end with the entry itself."""

    path: str
    outputs: Mapping[str, TensorType]
    span: Span
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Asker:
    """A place of the file that asks for something: `paths` are the entries that stand there, such as a block's in all its
    calls; `demands` what they ask of the dimensions that the requirement is about."""

    paths: tuple[str, ...]
    span: Span
    demands: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """A requirement, and who asks for it."""

    text: str
    askers: tuple[Asker, ...]


@dataclass(frozen=True, eq=False)
class _Frame:
    """A graph as it is called at one place: `node` calls it, in the frame around it."""

    graph: Graph
    prefix: str = ""
    sizes: Sizes = field(default_factory=dict)
    node: Node | None = None
    around: _Frame | None = None

    def path(self, node: Node) -> str:
        return f"{self.prefix}{node.name}"

    def inside(self, node: Node) -> _Frame:
        assert isinstance(node.target, Graph)
        return _Frame(node.target, f"{self.path(node)}.", sizes_inside(node, self.sizes), node, self)

    def type(self, value: Value) -> TensorType:
        return type_outside(value.type, self.sizes)


def explain(graph: Graph, path: str) -> History:
    """The history of the entry at this dotted path. Raises `NoSuchLayer`."""
    frame, node = _find(graph, path)
    outputs = {_result(node, v): frame.type(v) for v in node.results}
    steps = tuple(reversed(list(_back(frame, node))))
    return History(path, outputs, node.span, steps)


def _find(graph: Graph, path: str) -> tuple[_Frame, Node]:
    *outer, last = path.split(".")
    frame: _Frame | None = _Frame(graph)
    for name in outer:
        node = _named(frame, name)
        frame = frame.inside(node) if frame and node and isinstance(node.target, Graph) else None
    node = _named(frame, last)
    if frame is None or node is None:
        raise NoSuchLayer(path, closest(path, (p for p, n in graph.walk() if n.named)))
    return frame, node


def _named(frame: _Frame | None, name: str) -> Node | None:
    return next((n for n in frame.graph.nodes if n.name == name), None) if frame else None


# -- the way back ------------------------------------------------------------------------------------------------------


def _back(frame: _Frame, node: Node) -> Iterator[Step]:
    """The steps before an entry, the entry first."""
    at: tuple[_Frame, Value] | None
    if isinstance(node.target, Graph):  # inside it, to where its first result is made
        at = frame, node.results[0]
    else:
        yield _step(frame, node)
        at = _source(frame, node)
    while at is not None:
        frame, value = at
        if value in frame.graph.inputs:
            if frame.node is None or frame.around is None:
                yield Step(value.name, "", "", value.span, (), {"": frame.type(value)}, False, ())
                return
            at = frame.around, frame.node.operands[value.name]
            continue
        node = frame.graph.producers[value]
        if isinstance(node.target, Graph):
            inner = frame.inside(node)
            at = inner, tuple(inner.graph.outputs.values())[node.results.index(value)]
        else:
            yield _step(frame, node)
            at = _source(frame, node)


def _source(frame: _Frame, node: Node) -> tuple[_Frame, Value] | None:
    """The tensor that shares most dimensions with what comes out; of equals the one that was made last."""
    wanted = node.results[0].type.symbols
    made = {v: i for i, n in enumerate(frame.graph.schedule) for v in n.results}
    rank = {v: (len(wanted & v.type.symbols), made.get(v, -1)) for v in node.inputs}
    return (frame, max(rank, key=rank.__getitem__)) if rank else None


def _step(frame: _Frame, node: Node) -> Step:
    takes = tuple((v.name, frame.type(v)) for v in dict.fromkeys(node.inputs))
    gives = {_result(node, v): frame.type(v) for v in node.results}
    came = _source(frame, node)
    keeps = came is not None and all(t == frame.type(came[1]) for t in gives.values())
    rule = "" if isinstance(node.target, Graph | Stored) else " ".join(node.target.doc.partition("\n\n")[0].split())
    demands = tuple(dict.fromkeys(Asked(" and ".join(_stated(d)), d.reason) for d in _demands(frame, node)))
    return Step(frame.path(node), _call(node), rule, node.span, takes, gives, keeps, demands)


def _result(node: Node, value: Value) -> str:
    return value.name.removeprefix(node.name).removeprefix(".")


def _call(node: Node) -> str:
    match node.target:
        case Graph() as inner:
            return inner.name
        case Stored() as stored:
            return stored.kind.capitalize()
        case op:
            plain = {k: v for k, v in node.operands.items() if not _holds_tensor(v)}
            settings = ", ".join(f"{k}={value_text(v)}" for k, v in {**node.settings, **plain}.items())
            return f"{op.name}({settings})"


def _holds_tensor(operand: Any) -> bool:
    if isinstance(operand, tuple | list):
        return any(map(_holds_tensor, operand))
    return isinstance(operand, Value)


def _demands(frame: _Frame, node: Node) -> Iterator[Demand]:
    """What the step's rule asks, said of the network's inputs."""
    if isinstance(node.target, Graph):
        yield from _of_block(frame, node, node.target)
        return
    if isinstance(node.target, Stored):
        return
    given = {k: operand_types(v) for k, v in node.operands.items()}
    try:
        seen = {k: _outside(v, frame.sizes) for k, v in given.items()}
        demands = apply(node.target, {**node.settings, **seen}).call.demands
    except (Refusal, OverflowError):  # too long to be said of the inputs: they stay in the block's own sizes
        demands = apply(node.target, {**node.settings, **given}).call.demands
    yield from (d for d in demands if d.decide() is not True)


def _of_block(frame: _Frame, node: Node, block: Graph) -> Iterator[Demand]:
    """A block's own sizes are at least 1, as every size that has a name is."""
    for inner in node.sizes.values():
        size = size_outside(inner, frame.sizes)
        reason = f"the size {size} that flows into block {block.name} must be at least 1"
        demand = Demand(Relation.AT_LEAST, size, 1, reason)
        if demand.decide() is not True:
            yield demand


def _outside(operand: Any, sizes: Sizes) -> Any:
    if isinstance(operand, TensorType):
        return operand.substitute(sizes)
    if isinstance(operand, Dim):
        return substitute(operand, sizes)
    if isinstance(operand, tuple | list):
        return tuple(_outside(o, sizes) for o in operand)
    if isinstance(operand, slice):
        return slice(*(_outside(o, sizes) for o in (operand.start, operand.stop, operand.step)))
    return operand


# -- who asks ----------------------------------------------------------------------------------------------------------


def origins(graph: Graph, solution: Solution[Span]) -> tuple[Origin, ...]:
    """Each requirement with the entries behind it, in the order of the file."""
    asking: dict[tuple[Span, Demand], list[tuple[str, str]]] = {}  # path and reason
    calls: dict[Span, list[str]] = {}  # whose block asks something of what flows in
    for frame, node in _everywhere(_Frame(graph)):
        if isinstance(node.target, Graph):
            calls.setdefault(node.span, []).append(frame.path(node))
        for demand in _demands(frame, node):
            asking.setdefault((node.span, _bare(demand)), []).append((frame.path(node), demand.reason))

    def asker(demand: Demand, span: Span, about: tuple[Symbol, ...]) -> Asker:
        found = asking.get((span, _bare(demand))) or [(path, demand.reason) for path in calls.get(span, ())]
        reason = found[0][1] if found else demand.reason
        text = " and ".join(_stated(demand, about))
        return Asker(tuple(dict.fromkeys(path for path, _ in found)), span, (Asked(text, reason),))

    return tuple(
        Origin(r.text, tuple(_merged(asker(*located, r.symbols) for located in r.demands)))
        for r in solution.requirements
    )


def _stated(demand: Demand, about: Collection[Symbol] = ()) -> list[str]:
    """A demand as the requirements that it alone comes to; those that speak of none of the symbols `about` left out."""
    alone = solve([Located(demand, None)], {}).requirements
    found = [r.text for r in alone if not about or not set(about).isdisjoint(r.symbols)]
    return found or [str(demand)]


def _bare(demand: Demand) -> Demand:
    return replace(demand, reason="")


def _merged(askers: Iterable[Asker]) -> list[Asker]:
    """One for each place of the file."""
    places: dict[Span, Asker] = {}
    for asker in askers:
        known = places.setdefault(asker.span, asker)
        paths = tuple(dict.fromkeys((*known.paths, *asker.paths)))
        demands = tuple(dict.fromkeys((*known.demands, *asker.demands)))
        places[asker.span] = replace(known, paths=paths, demands=demands)
    return sorted(places.values(), key=lambda a: a.span.start)


def _everywhere(frame: _Frame) -> Iterator[tuple[_Frame, Node]]:
    for node in frame.graph.nodes:
        yield frame, node
        if isinstance(node.target, Graph) and node.shares is None:
            yield from _everywhere(frame.inside(node))
