"""Runs a graph node by node, in the order of its schedule, with torch's own functions and a built network's modules.

The emitted `forward`s must do the same, bit for bit: this knows nothing of statements, variables, classes and parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nnc.compiler.graph.ir import Graph, Node, Stored, Value
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dim import Dim, evaluate
from nnc.compiler.types.dtype import DType
from tests.ops import oracle

__all__ = ["flat", "interpret", "owns_what_it_says"]


def flat(results: Any) -> list[Tensor]:
    """The tensors of a result, in order."""
    if isinstance(results, Tensor):
        return [results]
    items = results.values() if isinstance(results, dict) else results
    return [t for r in items if r is not None for t in flat(r)]


def interpret(
    graph: Graph, module: nn.Module, inputs: list[Tensor], around: Mapping[str, int] | None = None
) -> dict[str, Tensor]:
    """The outputs by name; a `mode: train` one only in training. `around` has the sizes of the surrounding graph."""
    sizes = dict(around or {})
    for value, tensor in zip(graph.inputs, inputs, strict=True):
        for d, n in zip(value.type.shape, tensor.shape, strict=True):
            if isinstance(d, Dim) and d.symbol is not None:
                sizes.setdefault(d.symbol.name, n)
    values: dict[Value, Tensor] = dict(zip(graph.inputs, inputs, strict=True))
    wanted = {k: v for k, v in graph.outputs.items() if module.training or k not in graph.train_only}
    for node in _needed(graph, set(wanted.values())):
        values |= zip(node.results, _step(node, module, values, sizes), strict=False)
    return {k: values[v] for k, v in wanted.items()}


def owns_what_it_says(graph: Graph, model: nn.Module) -> bool:
    """Whether the modules have the parameters and the settings that the graph's nodes say."""
    expected = {}
    for path, node in graph.walk():
        if not node.registers:
            continue
        expected |= {f"{path}.{p.name}" if p.name else path: p.shape for p in node.parameters if p.kind != "transient"}
        if isinstance(node.target, OpDef) and not all(
            _has(model.get_submodule(path), word, value) for word, value in node.settings.items()
        ):
            return False
    return {k: tuple(v.shape) for k, v in model.state_dict().items()} == expected


def _has(module: nn.Module, word: str, value: Any) -> bool:
    """Whether a module's attribute is what its setting says; one that torch does not keep under its name may be anything."""
    found = getattr(module, word, value)
    if isinstance(found, Tensor | nn.Module) or found is None or isinstance(value, bool | str):
        return True
    wanted = {value, (value,) * len(found)} if isinstance(found, tuple) else {value}
    return found in wanted


def _needed(graph: Graph, wanted: set[Value]) -> list[Node]:
    """The steps that lead to what is wanted, and those that lead to nothing."""
    read = {v for n in graph.nodes for v in n.inputs} | set(graph.outputs.values())
    found = []
    for node in reversed(graph.schedule):
        if wanted.intersection(node.results) or read.isdisjoint(node.results):
            found.append(node)
            wanted.update(node.inputs)
    return found[::-1]


def _step(node: Node, module: nn.Module, values: dict[Value, Tensor], sizes: dict[str, int]) -> list[Tensor]:
    if isinstance(node.target, Stored):
        owner: Any = module
        return [owner.get_parameter(node.name) if node.target.kind == "parameter" else owner.get_buffer(node.name)]
    if isinstance(node.target, Graph):
        child = module.get_submodule(node.shares or node.name)
        inputs = [values[v] for v in node.inputs]
        inner = {s.name: evaluate(d, sizes) for s, d in node.sizes.items()}
        return list(interpret(node.target, child, inputs, inner if node.target.kind == "block" else sizes).values())
    operands = {k: _known(o, values, sizes) for k, o in node.operands.items()}
    if node.target.form == "module":
        return flat(oracle.forward(module.get_submodule(node.shares or node.name), node.target, operands))
    return flat(_call(node.target, operands, module, [*values.values()]))


def _call(op: OpDef, operands: dict[str, Any], module: nn.Module, made: list[Tensor]) -> Any:
    if op.argument("training") is not None:
        operands.setdefault("training", module.training)
    positional, keywords = oracle._call(op, operands)
    with torch.device(made[0].device):
        return oracle.function(op.name)(*positional, **keywords)


def _known(operand: Any, values: dict[Value, Tensor], sizes: dict[str, int]) -> Any:
    if isinstance(operand, Value):
        return values[operand]
    if isinstance(operand, Dim):
        return evaluate(operand, sizes)
    if isinstance(operand, DType):
        return getattr(torch, operand.value)
    if isinstance(operand, slice):
        return slice(*(_known(o, values, sizes) for o in (operand.start, operand.stop, operand.step)))
    if isinstance(operand, tuple | list):
        return tuple(_known(o, values, sizes) for o in operand)
    return operand
