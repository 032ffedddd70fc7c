"""A graph as plain data for JSON: every type, setting, parameter and cost, for tools that are not Python.

    {"format": "nnc-graph", "version": 1, "main": "resnet", "graphs": {"resnet": …, "Bottleneck": …, "Bottleneck#2": …}}

A graph that is called several times stands in `graphs` once, and nodes name it.

graph     kind ("net", "block", "sequential", "group"), name, inputs (values), outputs (name → value's name; "" where it
          is the only one), arguments, sizes (names that the input pattern bound), nodes (in order of registration),
          schedule (node names in an order that runs); where they say something also ties, train_only, init (rules, of
          which the last that fits a parameter decides) and freeze
value     name, shape (numbers, and texts for sizes that depend on free dimensions), dtype
node      name; one of op, graph, stored; settings; operands; results (values); parameters; macs; line; where they say
          something also shares (the dotted path of the module called again), sizes (the inner graph's symbols → sizes
          here), and named: false (a part of an expression)
operand   a tensor is {"value": name}, a size {"size": "H//2"}, a slice {"slice": [start, stop, step]}, a dtype
          {"dtype": "int64"}, `...` is {"ellipsis": true}, a number that JSON lacks {"float": "inf"}; lists, texts,
          numbers, true, false and null are themselves
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import EllipsisType
from typing import Any

from nnc.compiler.expr.tree import Expr, Literal
from nnc.compiler.expr.unparse import unparse
from nnc.compiler.graph.initial import InitRule
from nnc.compiler.graph.ir import Graph, Node, Stored, Value
from nnc.compiler.types.dim import Dim
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["FORMAT", "VERSION", "to_data"]

FORMAT, VERSION = "nnc-graph", 1


def to_data(graph: Graph) -> dict[str, Any]:
    """The graph, and every graph inside it, as dicts, lists, texts, numbers, booleans and None."""
    table = _Table()
    main = table.name(graph)
    return {"format": FORMAT, "version": VERSION, "main": main, "graphs": table.graphs}


class _Table:
    """The graphs met so far, each under a name of its own."""

    def __init__(self) -> None:
        self.graphs: dict[str, Any] = {}
        self._names: dict[Graph, str] = {}
        self._used: dict[str, int] = {}

    def name(self, graph: Graph) -> str:
        if graph not in self._names:
            used = self._used[graph.name] = self._used.get(graph.name, 0) + 1
            name = graph.name if used == 1 else f"{graph.name}#{used}"
            while name in self.graphs:
                name += "#"
            self._names[graph] = name
            self.graphs[name] = None  # keeps its place, before the graphs inside it
            self.graphs[name] = self._graph(graph)
        return self._names[graph]

    def _graph(self, graph: Graph) -> dict[str, Any]:
        data: dict[str, Any] = {
            "kind": graph.kind,
            "name": graph.name,
            "inputs": [_value(v) for v in graph.inputs],
            "outputs": {name: v.name for name, v in graph.outputs.items()},
            "arguments": {k: _plain(v) for k, v in graph.arguments.items()},
            "sizes": {k: _size(v) for k, v in graph.symbols.items()},
            "nodes": [self._node(n) for n in graph.nodes],
            "schedule": [n.name for n in graph.schedule],
        }
        if graph.ties:
            data["ties"] = dict(graph.ties)
        if graph.init:
            data["init"] = [_rule(rule) for rule in graph.init]
        if graph.freeze is not None:
            freeze = graph.freeze
            data["freeze"] = {"match": freeze.globs, "except": freeze.besides, "statistics": freeze.statistics}
            if graph.freeze.besides:
                data["freeze"]["except"] = list(graph.freeze.besides)
        if graph.train_only:
            data["train_only"] = sorted(graph.train_only)
        return data

    def _node(self, node: Node) -> dict[str, Any]:
        data: dict[str, Any] = {"name": node.name}
        match node.target:
            case Graph() as inner:
                data["graph"] = self.name(inner)
            case Stored() as stored:
                data["stored"] = {
                    "kind": stored.kind,
                    "persistent": stored.persistent,
                    "requires_grad": stored.requires_grad,
                    "initial": [self._node(n) for n in stored.initial],
                }
            case op:
                data["op"] = op.name
        data |= {
            "settings": {k: _plain(v) for k, v in node.settings.items()},
            "operands": {k: _plain(v) for k, v in node.operands.items()},
            "results": [_value(v) for v in node.results],
            "parameters": [
                {"name": p.name, "shape": list(p.shape), "dtype": p.dtype.value, "kind": p.kind}
                for p in node.parameters
            ],
            "macs": _size(node.cost),
            "line": node.span.line,
        }
        if node.shares is not None:
            data["shares"] = node.shares
        if node.sizes:
            data["sizes"] = {s.name: _size(d) for s, d in node.sizes.items()}
        if not node.named:
            data["named"] = False
        return data


def _rule(rule: InitRule) -> dict[str, Any]:
    """Arguments that differ by layer are texts of expressions."""
    return {
        "match": [*rule.types, *rule.globs],
        "set": {key: {"function": s.function, "arguments": {word: _argument(expr) for word, expr in s.arguments.items()}}
                for key, s in rule.settings.items()},
    }  # fmt: skip


def _argument(expr: Expr) -> Any:
    return _plain(expr.value) if isinstance(expr, Literal) else {"expression": unparse(expr)}


def _value(value: Value) -> dict[str, Any]:
    return {"name": value.name} | _type(value.type)


def _type(type: TensorType) -> dict[str, Any]:
    return {"shape": [_size(d) for d in type.shape], "dtype": type.dtype.value}


def _size(size: Any) -> int | str:
    return str(size) if isinstance(size, Dim) else int(size)


def _plain(value: Any) -> Any:
    match value:
        case Value():
            return {"value": value.name}
        case Dim():
            return {"size": str(value)}
        case DType():
            return {"dtype": value.value}
        case EllipsisType():
            return {"ellipsis": True}
        case slice():
            return {"slice": [_plain(p) for p in (value.start, value.stop, value.step)]}
        case tuple() | list():
            return [_plain(v) for v in value]
        case Mapping():
            return {str(k): _plain(v) for k, v in value.items()}
        case float() if not math.isfinite(value):
            return {"float": str(value)}
        case _:
            return value
