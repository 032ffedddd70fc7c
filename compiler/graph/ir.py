"""The typed layer graph: nodes and values, nested where modules nest.

A `Graph` is one module's body: what a hand-written `forward` does with its inputs, and the children that `__init__` registers.
A node is a layer, a function, a stored tensor, or a call of a nested graph (a block, a Sequential, a named group).
A graph is finished when it is built and never changes: equal calls of one block share one `Graph` object, and passes
return new graphs. Inside a block's graph, free dimensions are the block's own symbols; the calling node's `sizes` says what
they are outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from nnc.compiler.diagnostics import Span
from nnc.compiler.ops.call import ParameterSpec
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.records import record
from nnc.compiler.types.demands import Demand
from nnc.compiler.types.dim import DimLike, Symbol
from nnc.compiler.types.tensor import TensorType

if TYPE_CHECKING:
    import networkx as nx

    from nnc.compiler.graph.initial import Freeze, InitRule

__all__ = ["Graph", "Node", "Stored", "Value", "operand_values"]


@record(frozen=True, eq=False, slots=True)
class Value:
    """A tensor that flows: `name` is unique in its graph (`x`, `conv1`, `lstm.h_n`, `parts.0`)."""

    name: str
    type: TensorType
    span: Span

    def __str__(self) -> str:
        return f"{self.name}: {self.type}"


@dataclass(frozen=True, slots=True)
class Stored:
    """A `Parameter(...)` or `Buffer(...)` entry: a tensor the module owns. `initial` is the constructor call that fills it."""

    kind: Literal["parameter", "buffer"]
    type: TensorType
    initial: tuple[
        Node, ...
    ] = ()  # constructor nodes in order; the last one's result is the initial value; () is uninitialized
    persistent: bool = True
    requires_grad: bool = True


# What an operand may be: a tensor, a known value, a size that may be symbolic, or a tuple, list or slice of these.
Operand = Any


@record(frozen=True, eq=False, slots=True)
class Node:
    """One step.

    name       the entry's key, as in state_dict ("conv1", "0", "block1-0"), or made up for a part of an expression ("add_1")
    target     what is called: an op, a nested graph, or a stored tensor
    settings   a module's constructor arguments, inferred ones included, in signature order; only what was given or inferred
    operands   what the call is given, by parameter name in signature order; for a function all its arguments
    results    the values that come out, in order; one value for most, several for LSTM, chunk, a block with named outputs
    shares     set on a second call of a module: the dotted path, from this graph, of the module called again
    sizes      for a nested graph: its own symbols → what they are in this graph
    """

    name: str
    target: OpDef | Graph | Stored
    settings: Mapping[str, Any]
    operands: Mapping[str, Operand]
    results: tuple[Value, ...]
    span: Span
    named: bool = True
    shares: str | None = None
    sizes: Mapping[Symbol, DimLike] = field(default_factory=dict)
    parameters: tuple[ParameterSpec, ...] = ()
    cost: DimLike = 0
    explicit: tuple[
        str, ...
    ] = ()  # `named results`: keys of a mapping result; () for one tensor or a numbered sequence

    @property
    def is_module(self) -> bool:
        """Whether the node owns, or calls, an `nn.Module`."""
        return isinstance(self.target, Graph) or (isinstance(self.target, OpDef) and self.target.form == "module")

    @property
    def registers(self) -> bool:
        """Whether the owner's `__init__` creates something for this node."""
        return self.shares is None and (self.is_module or isinstance(self.target, Stored))

    @property
    def inputs(self) -> tuple[Value, ...]:
        """Every tensor among the operands, in order."""
        if len(self.operands) == 1:  # most layers
            (only,) = self.operands.values()
            return (only,) if isinstance(only, Value) else tuple(operand_values(only))
        found: list[Value] = []
        for operand in self.operands.values():
            if isinstance(operand, Value):
                found.append(operand)
            else:
                found.extend(operand_values(operand))
        return tuple(found)


@dataclass(frozen=True, eq=False)
class Graph:
    """One module's body.

    kind        net: a whole spec; block: a `blocks:` entry applied; sequential: a list of layers; group: a mapping of layers
    name        the spec's or block's name; for an inline list or mapping its key
    nodes       in file order: the order of registration, and of state_dict
    schedule    the same nodes in an order in which they can run
    outputs     by name; a graph with one unnamed output has the single key ""
    arguments   a block's argument values, and the sizes its input pattern bound, by name
    captures    values of the surrounding graph that an inline list or mapping refers to: further inputs, after `inputs`
    init        how the parameters start, of a net or a block: rules over names as this graph sees them
    freeze      which parameters training leaves alone, of a net
    """

    kind: Literal["net", "block", "sequential", "group"]
    name: str
    inputs: tuple[Value, ...]
    outputs: Mapping[str, Value]
    nodes: tuple[Node, ...]
    schedule: tuple[Node, ...]
    span: Span
    arguments: Mapping[str, Any] = field(default_factory=dict)
    symbols: Mapping[str, DimLike] = field(default_factory=dict)
    demands: tuple[tuple[Demand, Span], ...] = ()
    ties: tuple[tuple[str, str], ...] = ()
    train_only: frozenset[str] = frozenset()
    init: tuple[InitRule, ...] = ()
    freeze: Freeze | None = None

    @property
    def single_output(self) -> Value | None:
        return self.outputs.get("")

    def node(self, name: str) -> Node:
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Node]:
        return {n.name: n for n in self.nodes}

    @cached_property
    def producers(self) -> Mapping[Value, Node]:
        return {v: n for n in self.nodes for v in n.results}

    @cached_property
    def network(self) -> nx.DiGraph[str]:
        """The graph as networkx sees it: node names, each with its `node`; an edge per value, with `values`.
        Inputs and outputs stand in it as `input:x` and `output:name`."""
        import networkx as nx  # 0.13 s to import: only algorithms that need it pay

        network: nx.DiGraph[str] = nx.DiGraph(name=self.name)
        owner = {v: f"input:{v.name}" for v in self.inputs} | {v: n.name for v, n in self.producers.items()}
        network.add_nodes_from(f"input:{v.name}" for v in self.inputs)
        network.add_nodes_from((n.name, {"node": n}) for n in self.nodes)
        ends = [(n.name, n.inputs) for n in self.nodes] + [(f"output:{k}", (v,)) for k, v in self.outputs.items()]
        for end, values in ends:
            for value in values:
                start = owner[value]
                if network.has_edge(start, end):
                    network.edges[start, end]["values"].append(value)
                else:
                    network.add_edge(start, end, values=[value])
        return network

    def walk(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """Every node with its dotted path, nested ones after their parent, in order of registration."""
        for node in self.nodes:
            here = f"{path}.{node.name}" if path else node.name
            yield here, node
            if isinstance(node.target, Graph) and node.shares is None:
                yield from node.target.walk(here)


def operand_values(operand: Operand) -> Iterator[Value]:
    """The tensors inside an operand."""
    if isinstance(operand, Value):
        yield operand
    elif isinstance(operand, tuple | list):
        for item in operand:
            yield from operand_values(item)
    elif isinstance(operand, slice):
        yield from operand_values((operand.start, operand.stop, operand.step))
