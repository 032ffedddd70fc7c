"""A drawing before it is DOT or Mermaid: boxes in nested clusters, and edges between boxes. `sketch.py` makes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Box", "Cluster", "Diagram", "Edge", "Role", "Row", "plain_name"]

LONGEST_NAME = 160  # characters

Role = Literal["layer", "step", "sign", "stored", "input", "output", "folded", "omitted"]


@dataclass(frozen=True, slots=True)
class Row:
    """One layer of a box. `name` is its key in the file, "" for a part of an expression; `family` is its op's."""

    title: str
    name: str = ""
    detail: str = ""
    parameters: int = 0
    family: str = ""


@dataclass(slots=True)
class Box:
    """`role`: a layer (a module), a step (a function), a sign (`+` of two tensors), a stored tensor, an input or output
    of the whole, a cluster folded into one box, or the omitted middle of a long row. `shared`: calls a module again.
    `alike`: all `times` have the same parameters; else its number of parameters is that of all together."""

    id: str
    role: Role
    rows: list[Row]
    times: int = 1
    shared: bool = False
    alike: bool = True


@dataclass(slots=True)
class Cluster:
    """A nested graph, drawn open; or, without a title, the few steps that are repeated `times`. `alike` as of a Box."""

    id: str
    title: str
    name: str
    parameters: int
    items: list[Box | Cluster]
    times: int = 1
    shared: bool = False
    alike: bool = True


@dataclass(frozen=True, slots=True)
class Edge:
    """`bypass`: there is another, longer way from `tail` to `head`, as around a residual block. `train_only`: it leads
    to an auxiliary output."""

    tail: str
    head: str
    label: str = ""
    bypass: bool = False
    train_only: bool = False


@dataclass(frozen=True, slots=True)
class Diagram:
    name: str
    items: Sequence[Box | Cluster]
    edges: Sequence[Edge]
    parameters: int
    notes: tuple[str, ...] = ()

    def boxes(self) -> Iterator[Box]:
        def inside(items: Sequence[Box | Cluster]) -> Iterator[Box]:
            for item in items:
                if isinstance(item, Cluster):
                    yield from inside(item.items)
                else:
                    yield item

        yield from inside(self.items)


def plain_name(text: str) -> str:
    """A text with only what every tool takes in a name: ASCII letters, digits, `_` and `.`."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_.") else "_" for c in text[-LONGEST_NAME:])
