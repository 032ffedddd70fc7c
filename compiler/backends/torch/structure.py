"""What a graph is apart from its numbers. Graphs of one structure share a class, whose parameters are what differs.

conv: Conv2d(64, 3)  and  conv: Conv2d(128, 3)      one structure; constants 64 and 128 at ("conv", "out_channels")
conv: Conv2d(64, 3)  and  conv: Linear(64)          two structures
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nnc.compiler.backends.torch.dims import Sizes, operand_dims
from nnc.compiler.backends.torch.naming import CONTAINER_ATTRIBUTES, stem
from nnc.compiler.backends.torch.rules import RULES
from nnc.compiler.graph.initial import Initializer, skeleton
from nnc.compiler.graph.ir import Graph, Node, Operand, Stored, Value, operand_values
from nnc.compiler.ops.registry import REQUIRED, Argument, OpDef
from nnc.compiler.types.dim import Dim, size

__all__ = ["Constant", "Outline", "Path", "Run", "Structures", "freeze"]

Path = tuple[str | int, ...]
"""Where a constant stands: names of entries, then the argument, then places inside a tuple."""

Form = Literal["class", "sequential", "ordered"]


@dataclass(frozen=True, slots=True)
class Constant:
    """A known value of one graph. `nested` in its place: a call of a graph that has a class of its own."""

    value: Any = None
    nested: Graph | None = None
    inferred: bool = False
    in_forward: bool = False
    default: Any = REQUIRED


@dataclass(frozen=True, slots=True)
class Run:
    """Identical consecutive children of a Sequential; `path` leads to the constant that counts them."""

    node: Node
    path: Path


@dataclass(frozen=True, slots=True)
class Outline:
    """`key`: equal for graphs that one class can serve. `whole`: equal where the constants are equal too.
    `form`: how the graph is written: a class, or an `nn.Sequential(...)` of a list or of an OrderedDict.
    `runs`: of a list of layers that is a Sequential, or a loop over one; a graph that is neither has None."""

    key: int
    whole: int
    form: Form
    constants: Mapping[Path, Constant]
    sizes: Sizes
    runs: tuple[Run, ...] | None


def freeze(value: Any) -> Hashable:
    """A hashable stand-in that tells 1 from 1.0 and True, and takes a list for a tuple."""
    if isinstance(value, tuple | list):
        return tuple(freeze(v) for v in value)
    if isinstance(value, Mapping):
        return tuple((k, freeze(v)) for k, v in value.items())
    return (type(value).__name__, repr(value) if isinstance(value, float) else value)


class Structures:
    """Outlines of a graph and of all graphs inside it, each made once."""

    def __init__(self, root: Graph) -> None:
        self._interned: dict[Hashable, int] = {}
        self._outlines: dict[int, Outline] = {}
        self._handed = _called_again(root)

    def outline(self, graph: Graph) -> Outline:
        known = self._outlines.get(id(graph))
        if known is None:
            known = self._outlines[id(graph)] = self._make(graph)
        return known

    def _intern(self, key: Hashable) -> int:
        return self._interned.setdefault(key, len(self._interned))

    def _make(self, graph: Graph) -> Outline:
        chained = self._is_chain(graph)
        listed = (chained or self._is_loop(graph)) and [n.name for n in graph.nodes] == [
            str(i) for i in range(len(graph.nodes))
        ]
        form: Form = "class"
        if chained and listed and graph.kind == "sequential":
            form = "sequential"
        elif chained and graph.kind == "group" and CONTAINER_ATTRIBUTES.isdisjoint(n.name for n in graph.nodes):
            form = "ordered"
        sizes = self._sizes(graph)
        describer = _Describer(self, graph)
        runs = None
        if listed:
            runs = tuple(describer.runs(graph.nodes))
            keys: list[Hashable] = [describer.keys[r.node] for r in runs]
        else:
            keys = [(n.name, describer.node(n, (n.name,))) for n in graph.nodes]
        surface = (self._surface(graph, sizes, describer), describer.rules(graph)) if form == "class" else None
        key = self._intern((form, tuple(keys), surface, runs is None))
        whole = self._intern((key, self.frozen(describer.constants)))
        return Outline(key, whole, form, describer.constants, sizes, runs)

    def frozen(self, constants: Mapping[Path, Constant], above: int = 0) -> Hashable:
        """Constants with the places where they stand, `above` leading names left out."""
        return tuple(
            (p[above:], freeze(c.value), c.nested and self.outline(c.nested).whole) for p, c in constants.items()
        )

    def _surface(self, graph: Graph, sizes: Sizes, describer: _Describer) -> Hashable:
        """What of a graph, beside its steps, its class shows."""
        label = graph.name if graph.kind in ("net", "block") else stem(graph.name)
        order = {n: i for i, n in enumerate(graph.nodes)}
        return (
            graph.kind,
            label,
            tuple(v.name for v in graph.inputs),
            tuple(order[n] for n in graph.schedule),
            tuple((name, describer.reference(v)) for name, v in graph.outputs.items()),
            graph.train_only,
            graph.ties,
            graph.freeze,
            sizes.signature,
        )

    def _is_chain(self, graph: Graph) -> bool:
        """Whether the graph is what `nn.Sequential` runs: modules, each on the value before it and nothing else."""
        if len(graph.inputs) != 1 or graph.schedule != graph.nodes or graph.ties or graph.train_only:
            return False
        previous = graph.inputs[0]
        for node in graph.nodes:
            if (
                not (node.is_module and node.registers)
                or len(node.results) != 1
                or node.explicit
                or not node.name
                or "." in node.name
            ):
                return False
            if list(node.operands.values()) != [previous]:
                return False
            if isinstance(node.target, Graph) and self.outline(node.target).sizes.passed:
                return False
            if isinstance(node.target, OpDef) and RULES[node.target.name].results is not None:
                return False
            previous = node.results[0]
        return graph.single_output is previous

    def _is_loop(self, graph: Graph) -> bool:
        """Whether every layer of a list takes the value before it and, beside that, what all the others take too:
        `for layer in self: x = layer(x, mask)`."""
        if graph.kind != "sequential" or len(graph.inputs) < 2 or graph.schedule != graph.nodes or not graph.nodes:
            return False
        previous, *beside = graph.inputs
        for node in graph.nodes:
            if not isinstance(node.target, Graph) or not node.registers or node.explicit:
                return False
            if list(node.operands.values()) != [previous, *beside] or self.outline(node.target).sizes.passed:
                return False
            previous = node.results[0]
        return graph.single_output is previous and not graph.ties and not graph.train_only

    def _sizes(self, graph: Graph) -> Sizes:
        sizes = Sizes(graph.inputs, readable=id(graph) not in self._handed)
        for node in graph.schedule:
            if isinstance(node.target, OpDef):
                for operand in node.operands.values():
                    for d in operand_dims(operand):
                        sizes.want(d)
            elif isinstance(node.target, Graph):
                for symbol in self.outline(node.target).sizes.passed:
                    sizes.want(node.sizes.get(symbol, size(symbol)))
        return sizes


def _called_again(root: Graph) -> set[int]:
    """Inline graphs that one module runs for several callers. They see the surrounding graph's sizes, which need not be
    the same dimension of the input in every call: all sizes are handed to them."""
    several: list[Graph] = []
    for graph in _graphs([root]):
        for node in graph.nodes:
            if node.shares is not None and isinstance(node.target, Graph):
                several += [g for g in (node.target, _owned(graph, node.shares)) if g is not None]
    return {id(g) for g in _graphs(several) if g.kind in ("sequential", "group")}


def _graphs(roots: Sequence[Graph]) -> Iterator[Graph]:
    """The graphs and every one inside them, once."""
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        graph = stack.pop()
        if id(graph) not in seen:
            seen.add(id(graph))
            yield graph
            stack += [n.target for n in graph.nodes if isinstance(n.target, Graph)]


def _owned(graph: Graph, path: str) -> Graph | None:
    """The graph that a dotted path from `graph` leads to."""
    target: Any = graph
    for part in path.split("."):
        if not isinstance(target, Graph):
            return None
        target = target.node(part).target
    return target if isinstance(target, Graph) else None


class _Describer:
    """Walks one graph's nodes: what they are goes into keys, the numbers into `constants`."""

    def __init__(self, structures: Structures, graph: Graph | None) -> None:
        self.structures = structures
        self.constants: dict[Path, Constant] = {}
        self.keys: dict[Node, Hashable] = {}
        self._references: dict[Value, Hashable] = {}
        if graph is not None:
            self._references = {v: ("in", i) for i, v in enumerate(graph.inputs)}
            self._references |= {v: (i, j) for i, n in enumerate(graph.nodes) for j, v in enumerate(n.results)}

    def rules(self, graph: Graph) -> Hashable:
        """The rules of `init:`; the numbers in their arguments are constants like any others."""
        return tuple(
            (rule.types, rule.globs, key, initializer.function, self._arguments(initializer, ("init", i, key)))
            for i, rule in enumerate(graph.init)
            for key, initializer in rule.settings.items()
        )

    def _arguments(self, initializer: Initializer, path: Path) -> Hashable:
        keys: list[Hashable] = []
        for word, expr in initializer.arguments.items():
            literals: list[Any] = []
            keys.append((word, skeleton(expr, literals)))
            self.constants |= {(*path, word, k): Constant(value) for k, value in enumerate(literals)}
        return tuple(keys)

    def reference(self, value: Value) -> Hashable:
        return self._references[value]

    def runs(self, nodes: Iterable[Node]) -> Iterator[Run]:
        """Children of a Sequential, with identical neighbours as one. Which values flow is given by the order."""
        last: tuple[Hashable, Hashable] | None = None
        count: Path = ()
        for node in nodes:
            inner = _Describer(self.structures, None)
            key = inner.node(node, (node.name,), wired=False)
            frozen = self.structures.frozen(inner.constants, above=1)
            if (key, frozen) == last:
                self.constants[count] = Constant(self.constants[count].value + 1)
                continue
            last = (key, frozen)
            count = (node.name, "count")
            self.constants[count] = Constant(1)
            self.constants |= inner.constants
            self.keys[node] = key
            yield Run(node, count)

    def node(self, node: Node, path: Path, wired: bool = True) -> Hashable:
        match node.target:
            case OpDef() as op:
                return self._op(node, op, path, wired)
            case Graph() as graph:
                return self._graph(node, graph, path, wired)
            case Stored() as stored:
                return self._stored(stored, path)

    def _op(self, node: Node, op: OpDef, path: Path, wired: bool) -> Hashable:
        settings: tuple[Hashable, ...] = ()
        if op.form == "module" and node.shares is None:
            settings = tuple(self._setting(a, node.settings, (*path, a.name)) for a in op.arguments)
        given = self._operands(op, node.operands, path) if wired else ()
        return ("op", op.name, op.form, node.named, node.shares, settings, given, len(node.results), node.explicit)

    def _setting(self, argument: Argument, given: Mapping[str, Any], path: Path) -> Hashable:
        value = given.get(argument.name, argument.default)
        if value is REQUIRED or (argument.inferred and argument.name not in given):
            return (argument.name, "absent")
        self.constants[path] = Constant(value, inferred=argument.inferred, default=argument.default)
        return argument.name

    def _operands(self, op: OpDef, operands: Mapping[str, Operand], path: Path) -> tuple[Hashable, ...]:
        keys: list[Hashable] = []
        for argument in (*op.inputs, *op.calls, *op.arguments):
            here = (*path, "call", argument.name) if op.form == "module" else (*path, argument.name)
            # Without `training` a function follows its module: that differs from the default being written.
            default = REQUIRED if argument.name == "training" else argument.default
            if argument.name in operands:
                keys.append((argument.name, self._operand(operands[argument.name], here, default)))
            elif op.form == "function" and not argument.kind.tensor and default is not REQUIRED:
                self.constants[here] = Constant(default, in_forward=True, default=default)
                keys.append((argument.name, "constant"))
        return tuple(keys)

    def _operand(self, operand: Operand, path: Path, default: Any = REQUIRED) -> Hashable:
        if isinstance(operand, Value):
            return ("value", self._references[operand])
        if isinstance(operand, Dim):
            return ("dim", operand)
        if isinstance(operand, slice):
            parts = (operand.start, operand.stop, operand.step)
            return ("slice", tuple(self._operand(o, (*path, i)) for i, o in enumerate(parts)))
        if isinstance(operand, tuple | list) and _varies(operand):
            return ("items", tuple(self._operand(o, (*path, i)) for i, o in enumerate(operand)))
        self.constants[path] = Constant(operand, in_forward=True, default=default)
        return "constant"

    def _graph(self, node: Node, graph: Graph, path: Path, wired: bool) -> Hashable:
        outline = self.structures.outline(graph)
        if node.shares is None:
            if outline.form == "class":
                self.constants[path] = Constant(nested=graph)
            else:
                self.constants |= {(*path, *p): c for p, c in outline.constants.items()}
        given = tuple(self._references[v] for v in node.inputs) if wired else ()
        handed = tuple(node.sizes.get(s, size(s)) for s in outline.sizes.passed)
        return ("graph", outline.key, outline.form, node.shares, given, handed, node.explicit)

    def _stored(self, stored: Stored, path: Path) -> Hashable:
        initial: list[Hashable] = []
        for i, node in enumerate(stored.initial):
            self._references |= {v: ("initial", i, j) for j, v in enumerate(node.results)}
            assert isinstance(node.target, OpDef)
            initial.append((node.target.name, self._operands(node.target, node.operands, (*path, "initial", i))))
        if not stored.initial:
            self.constants[(*path, "shape")] = Constant(stored.type.shape)
        return ("stored", stored.kind, stored.type.dtype, stored.persistent, stored.requires_grad, tuple(initial))


def _varies(operand: Operand) -> bool:
    """Whether an operand holds tensors, free sizes or slices: then its places are looked at one by one."""
    if isinstance(operand, tuple | list):
        return any(_varies(o) for o in operand)
    return isinstance(operand, slice | Dim | Value) or next(operand_values(operand), None) is not None
