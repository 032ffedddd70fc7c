"""The parts that a large network is made of: what is sharded, or computed anew, piece by piece.

A block that occurs more than once is a part, with all that is inside it: a ResNet's Bottleneck, a transformer's layer. One
that holds more than a quarter of all parameters is looked into, if there are several of a kind in it, as in a stage. So are
torch's own stacks of layers. What stands outside of them is a part where it is large by itself: embeddings, a wide classifier.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from nnc.compiler.graph.ir import Graph, Node, Stored
from nnc.compiler.graph.owned import INSIDE, owned

__all__ = ["Block", "blocks_of", "called_again"]

LARGEST = 4  # a block that holds more than one part in so many of all parameters is looked into
LARGE = 8  # a layer that holds more than one part in so many is a part by itself
LEAST = 1000  # a block that holds less than one part in so many stays with what is around it


@dataclass(frozen=True, slots=True)
class Block:
    """`path` is its name in the network, as in `named_modules`; `type` the block's or layer's. `repeated` says that there are
    several of its kind, as of a transformer's layers, and that it is no single layer."""

    path: str
    type: str
    parameters: int
    repeated: bool


def blocks_of(graph: Graph) -> tuple[Block, ...]:
    """The parts of a network, in order of registration; none inside another, and none that shares parameters or is called
    again, which cannot be taken apart from the rest."""
    counts = _counts(graph)
    total = counts.get("", 0)
    if not total:
        return ()
    kinds = Counter(_kind(node) for _, node in graph.walk() if isinstance(node.target, Graph) and node.shares is None)
    held = {name.rpartition(".")[0] for pair in graph.ties for name in pair} | called_again(graph)
    return tuple(_parts(graph, "", counts, {k for k, n in kinds.items() if n > 1 and k}, held, total))


def called_again(graph: Graph) -> set[str]:
    """Paths of the modules that run more than once in a forward pass."""
    found = set()
    for path, node in graph.walk():
        if node.shares is not None:
            around = path.rpartition(".")[0]
            found.add(f"{around}.{node.shares}" if around else node.shares)
    return found


def _parts(
    graph: Graph, prefix: str, counts: Mapping[str, int], repeated: set[str], held: set[str], total: int
) -> Iterator[Block]:
    for node in graph.nodes:
        path = f"{prefix}{node.name}"
        own = counts.get(path, 0)
        if node.shares is not None or isinstance(node.target, Stored) or not own or path in held:
            continue
        bound = any(h.startswith(f"{path}.") for h in held)
        if isinstance(node.target, Graph):
            again = _kind(node) in repeated
            large = own * LARGEST > total and _several_inside(node.target)
            if again and not bound and not large:
                if own * LEAST >= total:
                    yield Block(path, _kind(node), own, True)
            else:
                yield from _parts(node.target, f"{path}.", counts, repeated, held, total)
        elif not bound:
            layers = list(_inside(node, path, counts))
            if layers:
                yield from layers
            elif own * LARGE > total:
                yield Block(path, node.target.name, own, False)


def _inside(node: Node, path: str, counts: Mapping[str, int]) -> Iterator[Block]:
    """The layers of one of torch's stacks: TransformerEncoder's `layers.0`, Transformer's `encoder.layers.0`."""
    assert not isinstance(node.target, Graph | Stored)
    stacks = {glob[: -len(".*")]: kind for glob, kind in INSIDE.get(node.target.name, {}).items()
              if glob.endswith("layers.*")}  # fmt: skip
    for inner, kind in stacks.items():
        number = 0
        while f"{path}.{inner}.{number}" in counts:
            here = f"{path}.{inner}.{number}"
            yield Block(here, kind, counts[here], True)
            number += 1


def _several_inside(graph: Graph) -> bool:
    """Whether some kind of block occurs more than once in it."""
    kinds = Counter(_kind(node) for _, node in graph.walk() if node.shares is None)
    return any(n > 1 for kind, n in kinds.items() if kind)


def _kind(node: Node) -> str:
    """What a call of a block is called; "" for what is written in place, which has no name."""
    return node.target.name if isinstance(node.target, Graph) and node.target.kind == "block" else ""


def _counts(graph: Graph) -> dict[str, int]:
    """Elements of the parameters in each module, by path; "" is the network."""
    counts: dict[str, int] = {}
    for item in owned(graph):
        if not item.is_parameter:
            continue
        elements = prod(item.spec.shape)
        parts = item.path.split(".")
        for i in range(len(parts)):
            inner = ".".join(parts[:i])
            counts[inner] = counts.get(inner, 0) + elements
    return counts
