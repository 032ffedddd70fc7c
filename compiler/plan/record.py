"""A typed graph becomes a tape: every op in the order in which it runs in training, with the sizes that were given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nnc.compiler.graph.blocks import blocks_of
from nnc.compiler.graph.ir import Graph, Node, Stored, Value
from nnc.compiler.graph.outside import Sizes, sizes_inside
from nnc.compiler.graph.owned import owned
from nnc.compiler.ops.registry import REQUIRED, OpDef
from nnc.compiler.plan.calls import Call
from nnc.compiler.plan.composites import COMPOSITES
from nnc.compiler.plan.rules import Step, run
from nnc.compiler.plan.strides import contiguous
from nnc.compiler.plan.tape import Block, Storage, Tape, Tensor
from nnc.compiler.types.dim import Dim, Symbol, substitute
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["Recorded", "UnknownSize", "missing_sizes", "record"]


class UnknownSize(Exception):
    """A tensor inside the network has a size that the sizes of its inputs do not tell; the text is its name."""


def missing_sizes(graph: Graph, sizes: Mapping[str, int]) -> list[str]:
    """The free dimensions of the inputs that have no size yet."""
    free = {s.name for v in graph.inputs for s in v.type.symbols}
    return sorted(free - sizes.keys())


def record(
    graph: Graph,
    sizes: Mapping[str, int],
    *,
    device: Literal["cpu", "cuda"] = "cuda",
    low: DType | None = None,
    cast_once: bool = False,
    held: DType | None = None,
) -> Recorded:
    """The tape of one forward pass, without the loss. Every free dimension of the inputs must have a size. `low` and
    `cast_once` are a tape's; `held` is the dtype that parameters have where they are used, if it is not their own. Raises
    `UnknownSize`."""
    tape = Tape(device, low, cast_once)
    given = {Symbol(name): size for name, size in sizes.items()}
    recorder = _Recorder(tape, graph, held)
    inputs = [Tensor.new(*_known(v.type, given), resident=True) for v in graph.inputs]
    batch = sum(t.bytes for t in inputs)
    if cast_once and low is not None:
        inputs = [tape.cast(t, low) for t in inputs]
    outputs = recorder.body(graph, inputs, given, "")
    return Recorded(tape, dict(zip(graph.outputs, outputs, strict=True)), batch, recorder.buffers)


@dataclass(frozen=True)
class Recorded:
    """A tape, what comes out by name, and the bytes of what came in and of the buffers."""

    tape: Tape
    outputs: Mapping[str, Tensor]
    batch: int
    buffers: int


class _Recorder:
    def __init__(self, tape: Tape, network: Graph, held: DType | None) -> None:
        self.tape = tape
        self.parameters = _parameters(network, held)
        self.buffers = sum(t.bytes for t in self.parameters.values() if not t.parameter)
        tape.parameters.update({name: t for name, t in self.parameters.items() if t.parameter == name})
        self.below: dict[str, list[str]] = {}
        for name in self.parameters:
            parts = name.split(".")
            for i in range(len(parts)):
                self.below.setdefault(".".join(parts[:i]), []).append(name)
        self.blocks = {b.path: b.type for b in blocks_of(network)}

    def body(self, graph: Graph, inputs: Sequence[Tensor], sizes: Sizes, path: str) -> list[Tensor]:
        """What a graph's `forward` does. A variable goes after the step that reads its value last."""
        values: dict[Value, Tensor] = dict(zip(graph.inputs, inputs, strict=True))
        for node in graph.nodes:
            if isinstance(node.target, Stored):
                values[node.results[0]] = self.parameters[f"{path}{node.shares or node.name}"]
        steps = [n for n in graph.schedule if not isinstance(n.target, Stored)]
        last = {v: i for i, n in enumerate(steps) for v in n.inputs}
        last |= dict.fromkeys(graph.outputs.values(), len(steps))
        own: set[Value] = set()
        for i, node in enumerate(steps):
            results = self.step(node, values, sizes, path)
            values |= zip(node.results, results, strict=True)
            own.update(node.results)
            done = [v for v in (*node.inputs, *node.results) if v in own and last.get(v, i) <= i]
            for value in dict.fromkeys(done):
                own.discard(value)
                self.tape.drop(values[value])
        for value in graph.outputs.values():
            if value in own:
                own.discard(value)
            else:
                self.tape.take(values[value])
        return [values[v] for v in graph.outputs.values()]

    def step(self, node: Node, values: Mapping[Value, Tensor], sizes: Sizes, path: str) -> list[Tensor]:
        here = f"{path}{node.shares or node.name}"
        finish = self.block(here, [values[v] for v in node.inputs])
        if isinstance(node.target, Graph):
            inputs = [values[v] for v in node.inputs]
            results = self.body(node.target, inputs, sizes_inside(node, sizes), f"{here}.")
        else:
            assert isinstance(node.target, OpDef)
            results = self.op(node, node.target, values, sizes, here)
        finish(results)
        return results

    def op(self, node: Node, op: OpDef, values: Mapping[Value, Tensor], sizes: Sizes, here: str) -> list[Tensor]:
        self.tape.path = here
        operands = {k: _operand(o, values, sizes) for k, o in node.operands.items()}
        if op.form == "module":
            operands |= {name[len(here) + 1 :]: self.parameters[name] for name in self.below.get(here, ())}
        results = [_known(v.type, sizes) for v in node.results]
        cost = substitute(node.cost, sizes)
        macs = cost if isinstance(cost, int) else 0
        settings = _defaults(op) | dict(node.settings)
        call = Call(self.tape, Step(op.name, operands, results, settings, op.family, macs), self.block)
        composite = COMPOSITES.get(op.name)
        with self.tape.frame() as frame:
            made = composite(call) if composite is not None else run(self.tape, call.step)
            made = [*made, *(Tensor.new(*r) for r in results[len(made) :])]
            frame.give(*made[: len(results)])
        return list(frame.given)

    def block(self, path: str, inputs: Sequence[Tensor]) -> Callable[[Sequence[Tensor]], None]:
        """Marks the beginning of a block, where there is one at `path`; what it returns marks the end."""
        kind = self.blocks.get(path)
        if kind is None:
            return lambda outputs: None
        start = len(self.tape.events)

        def finish(outputs: Sequence[Tensor]) -> None:
            own = tuple(self.below.get(path, ()))
            block = Block(path, kind, start, len(self.tape.events), tuple(inputs), tuple(outputs), own)
            self.tape.blocks.append(block)

        return finish


def _parameters(network: Graph, low: DType | None) -> dict[str, Tensor]:
    """Parameters, with the dtype that they are computed in, and buffers by their full names, tied ones under each of
    theirs."""
    found: dict[str, Tensor] = {}
    for item in owned(network):
        frozen = network.freeze is not None and network.freeze.covers(item.path)
        stored = item.node.target
        learns = item.is_parameter and not frozen and not (isinstance(stored, Stored) and not stored.requires_grad)
        shape = tuple(item.spec.shape)
        dtype = low if low is not None and item.is_parameter and item.spec.dtype is DType.float32 else item.spec.dtype
        storage = Storage(Tensor.new(shape, dtype).bytes, resident=True)
        name = item.path if item.is_parameter else ""
        found[item.path] = Tensor(shape, contiguous(shape), dtype, storage, learns, name)
    for prefix, graph in _graphs(network, ""):
        for target, source in graph.ties:
            found[f"{prefix}{target}"] = found[f"{prefix}{source}"]
    return found


def _graphs(graph: Graph, prefix: str) -> list[tuple[str, Graph]]:
    found = [(prefix, graph)]
    for node in graph.nodes:
        if isinstance(node.target, Graph) and node.shares is None:
            found += _graphs(node.target, f"{prefix}{node.name}.")
    return found


def _known(type: TensorType, sizes: Sizes) -> tuple[tuple[int, ...], DType]:
    shape = []
    for size in type.substitute(sizes).shape:
        if isinstance(size, Dim):
            raise UnknownSize(str(size))
        shape.append(size)
    return tuple(shape), type.dtype


def _operand(operand: Any, values: Mapping[Value, Tensor], sizes: Sizes) -> Any:
    if isinstance(operand, Value):
        return values[operand]
    if isinstance(operand, Dim):
        return substitute(operand, sizes)
    if isinstance(operand, slice):
        return slice(*(_operand(o, values, sizes) for o in (operand.start, operand.stop, operand.step)))
    if isinstance(operand, tuple | list):
        return tuple(_operand(o, values, sizes) for o in operand)
    return operand


def _defaults(op: OpDef) -> dict[str, Any]:
    return {a.name: a.default for a in op.arguments if a.default is not REQUIRED and not a.kind.tensor}
