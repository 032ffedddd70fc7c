"""Which parameters the gradient of a loss comes to."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from nnc.compiler.graph.ir import Graph, Stored, operand_values
from nnc.compiler.graph.owned import owned_by
from nnc.compiler.training.config import LossConfig
from nnc.compiler.training.network import OUTPUT
from nnc.compiler.types.dtype import DType

__all__ = ["reached"]

DIFFERENTIABLE = (DType.float16, DType.bfloat16, DType.float32, DType.float64, DType.complex64, DType.complex128)
CUT = ("detach",)  # functions that let no gradient through


def reached(graph: Graph, loss: LossConfig) -> set[str]:
    """Names of the parameters that the outputs in the loss depend on, in training. An output that no term of the loss names
    leads nowhere; neither does a number that is whole, as `argmax` gives."""
    named = {n for term in loss.terms for n in term.source} | set(loss.block.names if loss.block else ())
    outputs = [value for name, value in graph.outputs.items() if (name or OUTPUT) in named]
    found: set[str] = set()
    _walk(graph, "", {v.name for v in outputs}, found)
    return found | {other for pair in graph.ties for one, other in (pair, pair[::-1]) if one in found}


def _walk(graph: Graph, prefix: str, wanted: AbstractSet[str], found: set[str]) -> set[str]:
    """Adds the parameters that the values `wanted` depend on; the inputs that they depend on, by name."""
    needed = set(wanted)
    for node in reversed(graph.schedule):
        results = [v for v in node.results if v.name in needed and v.type.dtype in DIFFERENTIABLE]
        if not results:
            continue
        path = f"{prefix}{node.shares or node.name}"
        if isinstance(node.target, Graph):
            inner = list(node.target.outputs.values())
            depends = _walk(node.target, f"{path}.", {inner[node.results.index(v)].name for v in results}, found)
            needed |= {v.name for name in depends for v in operand_values(node.operands.get(name))}
        elif isinstance(node.target, Stored):
            found |= {path} if node.target.kind == "parameter" else set()
        elif node.target.name not in CUT:
            found |= {owned.path for owned in owned_by(node, path) if owned.is_parameter}
            if node.shares is not None:
                found |= {f"{path}.{spec.name}" for spec in node.parameters}
            needed |= {v.name for v in node.inputs}
    return {v.name for v in graph.inputs if v.name in needed}
