"""A section of the file: a mapping with known keys, whose values have kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnc.compiler.diagnostics import Fix, Problems, Span
from nnc.compiler.expr.statics import describe
from nnc.compiler.expr.template import parse_template
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Scalar, Sequence, Tree
from nnc.compiler.training.read.values import Unknown, did_you_mean, evaluate
from nnc.compiler.training.vocabulary.kinds import parse_kind

__all__ = ["Broken", "Section", "read_names", "read_value"]


Broken = frozenset[Span]


class Section:
    """`keys` are those it may have. `ok` turns false with the first fault reported through it.

    `broken` are the nodes whose form the schema check has refused already: such a value is passed over, and what stands
    around it is read without saying again that a key is unknown or missing."""

    def __init__(
        self,
        title: str,
        tree: Tree,
        keys: tuple[str, ...],
        problems: Problems,
        names: Mapping[str, Any] | None = None,
        broken: Broken = frozenset(),
    ) -> None:
        self.title, self.span, self.problems, self.names, self.broken = title, tree.span, problems, names or {}, broken
        self.reported = tree.span in broken
        self.ok = not self.reported
        self.values: dict[str, Tree] = {}
        self.spans: dict[str, Span] = {}
        if not isinstance(tree, TreeMapping):
            self._form("NNC0808", tree.span, f"`{title}:` is a mapping with the keys {', '.join(keys)}")
            return
        for entry in tree:
            key = str(entry.key.value)
            self.spans[key] = entry.key.content
            if key not in keys:
                fix = did_you_mean(key, entry.key.content, list(keys))
                notes = (f"its keys are {', '.join(keys)}",) if fix is None else ()
                self._form("NNC0806", entry.key.content, f"`{title}:` has no key `{key}`", fix=fix, notes=notes)
            elif entry.value.span not in broken:
                self.values[key] = entry.value

    def _form(
        self, code: str, span: Span, message: str, *, fix: Fix | None = None, notes: tuple[str, ...] = ()
    ) -> None:
        """A fault of the form, unless the schema check has reported it."""
        self.ok = False
        if not self.reported:
            self.problems.error(code, span, message, fix=fix, notes=notes)

    def error(
        self, code: str, span: Span, message: str, *, fix: Fix | None = None, notes: tuple[str, ...] = ()
    ) -> None:
        self.ok = False
        self.problems.error(code, span, message, fix=fix, notes=notes)

    def need(self, key: str, example: str) -> Tree | None:
        """The value of a key that must be there."""
        tree = self.values.get(key)
        if tree is None and key not in self.spans:
            self._form("NNC0807", self.span, f"`{self.title}:` needs `{key}`", fix=Fix(f"add `{key}: {example}`"))
        return tree

    def value(self, key: str, kind: str, default: Any) -> Any:
        """A plain value, or one computed by `${…}`; `default` where the key is absent, null, or its value is wrong."""
        tree = self.values.get(key)
        if tree is None or (isinstance(tree, Scalar) and tree.value is None):
            return default
        value = read_value(key, tree, kind, self.problems, self.names)
        self.ok = self.ok and value is not None
        return default if value is None else value

    def texts(self, key: str) -> tuple[tuple[str, Span], ...] | None:
        """A name or a list of names, each with its place; None where the key is absent or wrong."""
        tree = self.values.get(key)
        if tree is None:
            return None
        names = read_names(key, tree, self.problems)
        self.ok = self.ok and names is not None
        return names


def read_value(key: str, tree: Tree, kind: str, problems: Problems, names: Mapping[str, Any]) -> Any:
    """The value of a key, of the kind that is wanted; None after reporting that it is not."""
    value = _plain(tree, problems, names)
    wanted = parse_kind(kind)
    if value is _WRONG:
        return None
    if not wanted.accepts(value):
        best = (
            did_you_mean(value, tree.span, list(wanted.choices)) if isinstance(value, str) and wanted.choices else None
        )
        problems.error("NNC0804", tree.span, f"`{key}` must be {wanted.words}, not {describe(value)}", fix=best)
        return None
    return value


def read_names(key: str, tree: Tree, problems: Problems) -> tuple[tuple[str, Span], ...] | None:
    """A name or a list of different names, each with its place; None after reporting a fault."""
    items = tree.items if isinstance(tree, Sequence) else (tree,)
    found: list[tuple[str, Span]] = []
    for item in items:
        if not isinstance(item, Scalar) or not isinstance(item.value, str) or not item.value:
            problems.error("NNC0804", item.span, f"`{key}` is a list of names")
            return None
        if item.value in (name for name, _ in found):
            problems.error("NNC0805", item.span, f"`{item.value}` is named twice")
            return None
        found.append((item.value, item.content))
    if not found:
        problems.error("NNC0804", tree.span, f"`{key}` is empty")
        return None
    return tuple(found)


_WRONG = object()


def _plain(tree: Tree, problems: Problems, names: Mapping[str, Any]) -> Any:
    match tree:
        case Scalar(value=str(text)):
            parts = parse_template(text, tree.content, problems)
            if parts is None:
                return _WRONG
            if len(parts) != 1 or isinstance(parts[0], str):
                return text
            try:
                return evaluate(parts[0], names)
            except Unknown as unknown:
                problems.error(unknown.code, unknown.span, unknown.message, fix=unknown.fix, notes=unknown.notes)
                return _WRONG
        case Scalar(value=value):
            return value
        case Sequence(items=items):
            values = tuple(_plain(i, problems, names) for i in items)
            return _WRONG if any(v is _WRONG for v in values) else values
        case TreeMapping():
            return {str(e.key.value): _plain(e.value, problems, names) for e in tree}
