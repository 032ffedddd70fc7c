"""What a graph is, to the last constant: what two graphs are compared by.

conv: Conv2d(64, 3)      key ("op", "Conv2d", …, "out_channels", "kernel_size", …), the constant 64 at ("conv", "out_channels")
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnc.compiler.graph.initial import Initializer, skeleton
from nnc.compiler.graph.ir import Graph, Node, Operand, Stored, Value, operand_values
from nnc.compiler.ops.registry import REQUIRED, Argument, OpDef
from nnc.compiler.types.dim import Dim, size

if TYPE_CHECKING:
    from nnc.compiler.backends.torch.structure import Run, Structures

__all__ = ["Constant", "Describer", "Path", "freeze", "is_default", "settings_of"]

Path = tuple[str | int, ...]
"""Where a constant stands: names of entries, then the argument, then places inside a tuple."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A known value of one graph. `nested` in its place: a call of a graph that has a class of its own."""

    value: Any = None
    nested: Graph | None = None
    inferred: bool = False
    in_forward: bool = False
    default: Any = REQUIRED


def freeze(value: Any) -> Hashable:
    """A hashable stand-in that tells 1 from 1.0 and True, and takes a list for a tuple."""
    if isinstance(value, tuple | list):
        return tuple(freeze(v) for v in value)
    if isinstance(value, Mapping):
        return tuple((k, freeze(v)) for k, v in value.items())
    return (type(value).__name__, repr(value) if isinstance(value, float) else value)


def settings_of(node: Node, op: OpDef) -> Iterator[tuple[Argument, Any]]:
    """What a layer's constructor is given, defaults included. An inferred argument may be absent."""
    for argument in op.arguments:
        value = node.settings.get(argument.name, REQUIRED if argument.inferred else argument.default)
        if value is not REQUIRED:
            yield argument, value


def is_default(value: Any, default: Any) -> bool:
    """Whether an argument has torch's own default."""
    return default is not REQUIRED and (value is default or freeze(value) == freeze(default))


class Describer:
    """Walks nodes, those of `graph` or a single one: what they are goes into keys, the numbers into `constants`."""

    def __init__(self, structures: Structures, graph: Graph | None = None) -> None:
        self.structures = structures
        self.constants: dict[Path, Constant] = {}
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
        """Where a value comes from; None where a single node is described."""
        return self._references.get(value)

    def run(self, run: Run) -> Hashable:
        """Identical children of a Sequential. Which values flow is given by the order."""
        self.constants[run.path] = Constant(run.times)
        return self.node(run.node, (run.node.name,), wired=False)

    def node(self, node: Node, path: Path, wired: bool = True) -> Hashable:
        match node.target:
            case OpDef() as op:
                return self._op(node, op, path, wired)
            case Graph() as graph:
                return self._graph(node, graph, path, wired)
            case Stored() as stored:
                return self._stored(stored, path)

    def _op(self, node: Node, op: OpDef, path: Path, wired: bool) -> Hashable:
        settings: list[Hashable] = []
        if op.form == "module" and node.shares is None:
            for argument, value in settings_of(node, op):
                settings.append(argument.name)
                self.constants[(*path, argument.name)] = Constant(
                    value, inferred=argument.inferred, default=argument.default
                )
        given = self._operands(op, node.operands, path) if wired else ()
        return (
            "op",
            op.name,
            op.form,
            node.named,
            node.shares,
            tuple(settings),
            given,
            len(node.results),
            node.explicit,
        )

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
            return ("value", self.reference(operand))
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
        outline, described = self.structures.outline(graph), self.structures.description(graph)
        if node.shares is None:
            if outline.form == "class":
                self.constants[path] = Constant(nested=graph)
            else:
                self.constants |= {(*path, *p): c for p, c in described.constants.items()}
        given = tuple(self.reference(v) for v in node.inputs) if wired else ()
        handed = tuple(node.sizes.get(s, size(s)) for s in outline.sizes.passed)
        return ("graph", described.key, outline.form, node.shares, given, handed, node.explicit)

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
