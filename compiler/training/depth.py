"""How deep in a network each of its parameters lies: the levels of `layer_decay:`.

    conv_proj, class_token, pos_embedding     0    what comes before the first block, together
    encoder_layer_0                           1    a block, or a layer of one of torch's stacks
    encoder_layer_1                           2
    ln, head                                  3    what comes after the last

A list or a mapping of layers is passed through. A block that holds others counts as those where the network would have
fewer than three, and a block with a single weight as a layer. A network without blocks has a level for every layer with a
weight of two dimensions or more. BEiT (https://arxiv.org/abs/2106.08254) counts vision transformers so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from nnc.compiler.graph.ir import Graph, Node, Stored
from nnc.compiler.training.config import Network, Parameter

__all__ = ["levels", "levels_of_globs"]

FEW = 3  # blocks, below which they are looked into
_STACKED = re.compile(r"((?:encoder\.|decoder\.)?layers\.\d+)\.")  # inside torch's transformers


@dataclass(frozen=True)
class _Unit:
    """A path with what lies below it."""

    path: str
    is_block: bool
    graph: Graph | None = None

    def holds(self, name: str) -> bool:
        return name == self.path or name.startswith(f"{self.path}.")


def levels(network: Network) -> Mapping[str, int]:
    """The level of every parameter, from 0."""
    assert network.graph is not None, "a network whose parameters are known has a graph"
    units = list(_units(network.graph, ""))
    while sum(u.is_block for u in units) < FEW and any(_blocks_in(u) for u in units):
        units = [
            inner for u in units for inner in (_units(u.graph, f"{u.path}.") if u.graph and _blocks_in(u) else (u,))
        ]
    owner = _by_unit(units, network.parameters or ())
    found: dict[str, int] = {}
    level, open_level = -1, False
    any_blocks = any(u.is_block for u in units)
    for unit in units:
        parameters = owner.get(unit.path, [])
        if not parameters:
            continue
        alone = unit.is_block or (not any_blocks and any(p.ndim > 1 for p in parameters))
        if alone or not open_level or level < 0:
            level += 1
        open_level = not unit.is_block
        found |= dict.fromkeys((p.name for p in parameters), level)
    return found


def levels_of_globs(network: Network, globs: Sequence[str]) -> Mapping[str, int]:
    """With a level for each module that a glob names: `["stem", "blocks.*", "head"]`. Parameters before the first of them
    are level 0 together, others belong to the level before them."""
    found: dict[str, int] = {}
    level, here = -1, ""
    for parameter in network.parameters or ():
        parts = parameter.name.split(".")
        module = next((m for i in range(len(parts), 0, -1) for g in globs
                       if g.count(".") == i - 1 and fnmatchcase(m := ".".join(parts[:i]), g)), None)  # fmt: skip
        if level < 0 or (module is not None and module != here):
            level += 1
        here = module or here
        found[parameter.name] = level
    return found


def _units(graph: Graph, prefix: str) -> Iterator[_Unit]:
    """The network's own tensors, then its layers in the order in which they run."""
    yield from (_Unit(f"{prefix}{n.name}", False) for n in graph.nodes if isinstance(n.target, Stored))
    for node in dict.fromkeys((*graph.schedule, *graph.nodes)):
        path = f"{prefix}{node.name}"
        if node.shares is not None or isinstance(node.target, Stored):
            continue
        if not isinstance(node.target, Graph):
            yield from (_Unit(p, p != path) for p in _stacked(node, path))
        elif node.target.kind == "block":
            yield _Unit(path, _weights(node.target) > 1, node.target)
        else:
            yield from _units(node.target, f"{path}.")


def _weights(graph: Graph) -> int:
    """How many weights of two dimensions or more it has: a block of one layer counts as a layer."""
    return sum(len(p.shape) > 1 for _, node in graph.walk() for p in node.parameters if p.kind == "parameter")


def _stacked(node: Node, path: str) -> Sequence[str]:
    """The layers of one of torch's stacks, and then the layer itself, for what is not in one of them."""
    inner = dict.fromkeys(m[1] for p in node.parameters if (m := _STACKED.match(p.name)))
    return [*(f"{path}.{i}" for i in inner), path]


def _blocks_in(unit: _Unit) -> bool:
    return unit.graph is not None and any(
        isinstance(n.target, Graph) and n.target.kind == "block" for _, n in unit.graph.walk()
    )


def _by_unit(units: Sequence[_Unit], parameters: Sequence[Parameter]) -> dict[str, list[Parameter]]:
    """The parameters of each unit: a name belongs to the longest path that holds it."""
    paths = {u.path for u in units}
    found: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        parts = parameter.name.split(".")
        path = next((p for i in range(len(parts), 0, -1) if (p := ".".join(parts[:i])) in paths), None)
        if path is not None:
            found.setdefault(path, []).append(parameter)
    return found
