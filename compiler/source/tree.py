"""The located tree: what the YAML and JSON readers deliver, every node with its span in the text.

Scalars are already resolved by the YAML 1.2 core schema: `value` is `None | bool | int | float | str`.
"""

from __future__ import annotations

from collections.abc import Iterator

from nnc.compiler.diagnostics import Span
from nnc.compiler.records import record

__all__ = ["Entry", "Mapping", "Scalar", "Sequence", "Tree", "to_plain"]


@record(frozen=True, slots=True)
class Scalar:
    """`content` is the span of the characters between the quotes; where `exact`, the value's k-th character is the
    k-th of `content`, so a column inside a call string can be pointed at."""

    value: bool | int | float | str | None
    span: Span
    content: Span
    exact: bool = True
    quoted: bool = False


@record(frozen=True, slots=True)
class Sequence:
    items: tuple[Tree, ...]
    span: Span
    flow: bool = False

    def __iter__(self) -> Iterator[Tree]:
        return iter(self.items)


@record(frozen=True, slots=True)
class Entry:
    key: Scalar
    value: Tree


@record(frozen=True, slots=True)
class Mapping:
    """Keys are unique strings (the reader has refused others), in the file's order."""

    entries: tuple[Entry, ...]
    span: Span
    flow: bool = False

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def get(self, key: str) -> Tree | None:
        return next((e.value for e in self.entries if e.key.value == key), None)

    def entry(self, key: str) -> Entry | None:
        return next((e for e in self.entries if e.key.value == key), None)


Tree = Scalar | Sequence | Mapping


def to_plain(tree: Tree) -> object:
    """The tree as plain Python data (dict, list, scalars), for JSON Schema and for saving."""
    match tree:
        case Scalar(value=value):
            return value
        case Sequence(items=items):
            return [to_plain(i) for i in items]
        case Mapping(entries=entries):
            return {str(e.key.value): to_plain(e.value) for e in entries}
