"""Two Linear with nothing but elementwise functions between them, as in the feed-forward part of a transformer's layer.

up: Linear(4 * D)         each of n processes can have 1/n of its outputs
act: gelu
down: Linear(D)           and of the inputs of this one; the sum over the processes is what one would compute
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nnc.compiler.graph.blocks import called_again
from nnc.compiler.graph.ir import Graph, Node, Value
from nnc.compiler.ops.registry import OpDef

__all__ = ["Pair", "pairs_of"]

ELEMENTWISE = frozenset({
    "CELU", "Dropout", "ELU", "GELU", "Hardsigmoid", "Hardswish", "Hardtanh", "Identity", "LeakyReLU", "LogSigmoid", "Mish",
    "ReLU", "ReLU6", "SELU", "Sigmoid", "SiLU", "Softplus", "Softsign", "Tanh", "celu", "dropout", "elu", "gelu",
    "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu",
    "softplus", "softsign", "tanh",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pair:
    """Paths of the two, and the number of features between them."""

    first: str
    second: str
    width: int


def pairs_of(graph: Graph) -> tuple[Pair, ...]:
    """In order of registration, none with a layer of another. Layers that are called again, or share parameters, are in
    none."""
    held = called_again(graph) | {name.rpartition(".")[0] for pair in graph.ties for name in pair}
    found: list[Pair] = []
    taken: set[str] = set()
    for pair in _pairs(graph, ""):
        both = {pair.first, pair.second}
        if not both & taken and not any(_around(name, h) for name in both for h in held):
            found.append(pair)
            taken |= both
    return tuple(found)


def _pairs(graph: Graph, prefix: str) -> Iterator[Pair]:
    users: dict[Value, list[Node | None]] = {}
    for node in graph.nodes:
        for value in node.inputs:
            users.setdefault(value, []).append(node)
    for value in graph.outputs.values():
        users.setdefault(value, []).append(None)
    for node in graph.nodes:
        if isinstance(node.target, Graph):
            if node.shares is None:
                yield from _pairs(node.target, f"{prefix}{node.name}.")
        elif _is_linear(node) and (second := _follower(node, users)) is not None:
            yield Pair(f"{prefix}{node.name}", f"{prefix}{second.name}", int(node.settings["out_features"]))


def _follower(node: Node, users: dict[Value, list[Node | None]]) -> Node | None:
    """The Linear behind it, if there is no other way from one to the other."""
    while True:
        found = users.get(node.results[0], [])
        if len(found) != 1 or found[0] is None:
            return None
        node = found[0]
        if _is_linear(node):
            return node
        elementwise = isinstance(node.target, OpDef) and node.target.name in ELEMENTWISE and len(node.inputs) == 1
        if not elementwise:
            return None


def _is_linear(node: Node) -> bool:
    return isinstance(node.target, OpDef) and node.target.name == "Linear" and node.shares is None


def _around(path: str, module: str) -> bool:
    return path == module or path.startswith(f"{module}.")
