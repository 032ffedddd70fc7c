"""An independent look at a finished graph: every rule is run again and must say what the graph says.

A finding is a fault of the compiler, never of a spec: the driver raises on it, tests call it on everything they build.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from nnc.compiler.graph.ir import Graph, Node, Stored, Value
from nnc.compiler.ops.apply import Applied, apply
from nnc.compiler.ops.call import Refusal
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.demands import Demand, Relation
from nnc.compiler.types.tensor import TensorType

__all__ = ["operand_types", "verify"]


def verify(graph: Graph) -> list[str]:
    """What is wrong with the graph, in words; [] for a sound one. Shared graphs are looked at once."""
    verifier = _Verifier()
    verifier.graph(graph, graph.name)
    return verifier.found


class _Verifier:
    """`rulings` are what rules said of the very op, settings and types: steps that share these get one ruling."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.seen: set[Graph] = set()
        self.rulings: dict[tuple[int, int, str, int], Applied | str] = {}

    def graph(self, graph: Graph, path: str) -> None:
        if graph in self.seen:
            return
        self.seen.add(graph)
        names = [n.name for n in graph.nodes]
        if len(set(names)) != len(names):
            self.found.append(f"{path}: two nodes share a name")
        if graph.schedule != graph.nodes and sorted(map(id, graph.nodes)) != sorted(map(id, graph.schedule)):
            self.found.append(f"{path}: the schedule is not an order of the nodes")
        known: set[Value] = set(graph.inputs)
        asked = {d for d, _ in graph.demands}
        for node in graph.schedule:
            missing = [v.name for v in node.inputs if v not in known]
            if missing:
                self.found.append(f"{path}.{node.name}: uses {', '.join(missing)} before it exists")
            faults = self._node(node, graph, asked)
            if faults:
                self.found += [f"{path}.{node.name}: {fault}" for fault in faults]
            known.update(node.results)
            if isinstance(node.target, Graph):
                self.graph(node.target, f"{path}.{node.name}")
        outputs = graph.outputs.items()
        self.found += [f"{path}: output {name or 'value'} is made nowhere" for name, v in outputs if v not in known]
        if graph.kind in ("net", "block"):
            own = {s for v in graph.inputs for s in v.type.symbols}
            types = {id(v.type): v.type for n in graph.nodes for v in n.results}
            foreign = {s.name for one in types.values() for s in one.symbols if s not in own}
            if foreign:
                self.found.append(f"{path}: sizes from nowhere: {', '.join(sorted(foreign))}")

    def _node(self, node: Node, graph: Graph, asked: Set[Demand]) -> list[str]:
        match node.target:
            case Stored(type=kind):
                wanted = [kind]
            case Graph() as inner:
                return _call(node, inner, graph)
            case OpDef() as op:
                ruling = self._ruling(node, op)
                if isinstance(ruling, str):
                    return [f"its rule refuses it: {ruling}"]
                wanted = [t for _, t in ruling.results]
                if tuple(ruling.call.parameters) != node.parameters:
                    return ["its parameters differ from its rule's"]
                if any(d not in asked for d in ruling.call.demands):
                    return ["its rule demands what the graph does not"]
        types = [v.type for v in node.results]
        return [] if types == wanted else [f"is {_list(types)}, its rule says {_list(wanted)}"]

    def _ruling(self, node: Node, op: OpDef) -> Applied | str:
        """What the op's rule says of a node, or why it refuses it."""
        if len(node.operands) != 1:
            return _rule(node, op)
        ((name, operand),) = node.operands.items()
        if not isinstance(operand, Value):
            return _rule(node, op)
        key = id(op), id(node.settings), name, id(operand.type)  # the graph keeps them alive
        known = self.rulings.get(key)
        if known is None:
            known = self.rulings[key] = _rule(node, op)
        return known


def _rule(node: Node, op: OpDef) -> Applied | str:
    try:
        return apply(op, dict(node.settings) | {k: operand_types(v) for k, v in node.operands.items()})
    except Refusal as refusal:
        return refusal.message


def _call(node: Node, inner: Graph, graph: Graph) -> list[str]:
    """The operands must be the inner inputs in their order, and the results the inner outputs, both seen from outside."""
    faults = []
    if list(node.operands) != [v.name for v in inner.inputs]:
        faults.append(f"is given {list(node.operands)}, the graph inside takes {[v.name for v in inner.inputs]}")
    for value in inner.inputs:
        given = node.operands.get(value.name)
        wanted = value.type.substitute(node.sizes)
        if not isinstance(given, Value) or not _agree(given.type, wanted, graph):
            faults.append(f"input {value.name} is {given}, the graph inside wants {wanted}")
    outputs = [v.type.substitute(node.sizes) for v in inner.outputs.values()]
    if outputs != [v.type for v in node.results]:
        faults.append(f"is {_list([v.type for v in node.results])}, the graph inside gives {_list(outputs)}")
    return faults


def _agree(given: TensorType, wanted: TensorType, graph: Graph) -> bool:
    """Whether the two are one type, where the graph demands of its callers that sizes be equal."""
    if given.dtype != wanted.dtype or given.rank != wanted.rank:
        return False
    equal = {frozenset((d.left, d.right)) for d, _ in graph.demands if d.relation is Relation.EQUAL}
    sizes = zip(given.shape, wanted.shape, strict=True)
    return all(one == other or frozenset((one, other)) in equal for one, other in sizes)


def operand_types(operand: Any) -> Any:
    """An operand as a rule sees it: tensors are their types."""
    if isinstance(operand, Value):
        return operand.type
    if isinstance(operand, tuple | list):
        return tuple(operand_types(o) for o in operand)
    if isinstance(operand, slice):
        return slice(operand_types(operand.start), operand_types(operand.stop), operand_types(operand.step))
    if isinstance(operand, Mapping):
        return {k: operand_types(v) for k, v in operand.items()}
    return operand


def _list(types: list[TensorType]) -> str:
    return ", ".join(map(str, types))
