"""An independent look at a finished graph: every rule is run again and must say what the graph says.

A finding is a fault of the compiler, never of a spec: the driver raises on it, tests call it on everything they build.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from nnc.compiler.graph.ir import Graph, Node, Stored, Value
from nnc.compiler.ops.apply import apply
from nnc.compiler.ops.call import Refusal
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.demands import Demand, Relation
from nnc.compiler.types.tensor import TensorType

__all__ = ["operand_types", "verify"]


def verify(graph: Graph) -> list[str]:
    """What is wrong with the graph, in words; [] for a sound one. Shared graphs are looked at once."""
    found: list[str] = []
    _graph(graph, graph.name, found, set())
    return found


def _graph(graph: Graph, path: str, found: list[str], seen: set[Graph]) -> None:
    if graph in seen:
        return
    seen.add(graph)
    names = [n.name for n in graph.nodes]
    if len(set(names)) != len(names):
        found.append(f"{path}: two nodes share a name")
    if graph.schedule != graph.nodes and sorted(map(id, graph.nodes)) != sorted(map(id, graph.schedule)):
        found.append(f"{path}: the schedule is not an order of the nodes")
    known: set[Value] = set(graph.inputs)
    asked = {d for d, _ in graph.demands}
    sound: set[tuple[object, ...]] = set()
    for node in graph.schedule:
        inputs = node.inputs
        if not known.issuperset(inputs):
            missing = [v.name for v in inputs if v not in known]
            found.append(f"{path}.{node.name}: uses {', '.join(missing)} before it exists")
        known.update(node.results)
        alike = _alike(node)
        if alike is not None and alike in sound:
            continue
        faults = _node(node, graph, asked)
        found += [f"{path}.{node.name}: {fault}" for fault in faults]
        if alike is not None and not faults:
            sound.add(alike)
        if isinstance(node.target, Graph):
            _graph(node.target, f"{path}.{node.name}", found, seen)
    found += [
        f"{path}: output {name or 'value'} is made nowhere" for name, v in graph.outputs.items() if v not in known
    ]
    if graph.kind in ("net", "block"):
        own = {s for v in graph.inputs for s in v.type.symbols}
        types = {id(v.type): v.type for n in graph.nodes for v in n.results}
        foreign = {s.name for one in types.values() for s in one.symbols if s not in own}
        if foreign:
            found.append(f"{path}: sizes from nowhere: {', '.join(sorted(foreign))}")


def _alike(node: Node) -> tuple[object, ...] | None:
    """What a step of one tensor has in common, object by object, with the steps that one ruling holds for."""
    if not isinstance(node.target, OpDef) or len(node.operands) != 1 or len(node.results) != 1:
        return None
    ((name, operand),) = node.operands.items()
    if not isinstance(operand, Value):
        return None
    parts = node.target, node.settings, operand.type, node.results[0].type, node.parameters
    return (name, *map(id, parts))  # the graph keeps them alive


def _node(node: Node, graph: Graph, asked: Set[Demand]) -> list[str]:
    match node.target:
        case OpDef() as op:
            try:
                applied = apply(op, dict(node.settings) | {k: operand_types(v) for k, v in node.operands.items()})
            except Refusal as refusal:
                return [f"its rule refuses it: {refusal.message}"]
            wanted = [t for _, t in applied.results]
            if tuple(applied.call.parameters) != node.parameters:
                return ["its parameters differ from its rule's"]
            if any(d not in asked for d in applied.call.demands):
                return ["its rule demands what the graph does not"]
        case Graph() as inner:
            return _call(node, inner, graph)
        case Stored(type=kind):
            wanted = [kind]
    types = [v.type for v in node.results]
    return [] if types == wanted else [f"is {_list(types)}, its rule says {_list(wanted)}"]


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
