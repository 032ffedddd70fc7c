"""Which embeddings look up the numbers of an input: their rows must be enough for what the data hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nnc.compiler.diagnostics import Span
from nnc.compiler.graph.ir import Graph, Value
from nnc.compiler.ops.registry import OpDef

__all__ = ["Lookup", "lookups"]

TABLES = {"Embedding": "num_embeddings", "EmbeddingBag": "num_embeddings"}
SAME = frozenset({
    "chunk", "clone", "contiguous", "detach", "expand", "flatten", "flip", "movedim", "permute", "reshape", "roll",
    "select", "split", "squeeze", "swapaxes", "t", "tile", "transpose", "unbind", "unflatten", "unsqueeze", "view",
})  # fmt: skip  # what moves numbers and makes no new ones


@dataclass(frozen=True)
class Lookup:
    """The embedding at `path` has `rows` rows, and `input`'s numbers choose among them."""

    input: str
    path: str
    rows: int
    span: Span


def lookups(graph: Graph) -> Iterator[Lookup]:
    """The embeddings that an input reaches as it is, in blocks too."""
    yield from _lookups(graph, {value.name: value.name for value in graph.inputs}, "")


def _lookups(graph: Graph, known: Mapping[str, str], path: str) -> Iterator[Lookup]:
    """`known`: of this graph's inputs, those that hold numbers of an input of the whole."""
    carries: dict[int, str] = {id(value): known[value.name] for value in graph.inputs if value.name in known}
    for node in graph.nodes:
        here = f"{path}.{node.name}" if path else node.name
        of = {name: carries[id(v)] for name, v in node.operands.items() if isinstance(v, Value) and id(v) in carries}
        if not of:
            continue
        if isinstance(node.target, Graph):
            yield from _lookups(node.target, of, node.shares or here)
        elif isinstance(node.target, OpDef) and node.target.name in TABLES:
            rows = node.settings.get(TABLES[node.target.name])
            source = of.get("input")
            if source is not None and isinstance(rows, int):
                yield Lookup(source, node.shares or here, rows, node.span)
        elif isinstance(node.target, OpDef) and node.target.name in SAME and "input" in of:
            carries |= {id(result): of["input"] for result in node.results}
