"""Changes to the layers of a file that is extended, by name and by path.

    fc: Linear(10)                                  an entry of this name is replaced
    fc: ~                                           … removed
    dropout: {type: Dropout(0.5), after: flat}      a new one, placed; without `after:` or `before:` it is the last
    features.3: ReLU6                               an entry of an inner list or mapping
    fc: {from: both}                                an entry stays as it is, and takes another value
    norm: {after: conv}                             … and stands elsewhere
    Bottleneck.act1: gelu                           under `blocks:`, an entry of a block

What is not there cannot be changed: that is a fault, never a change without effect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nnc.compiler.diagnostics import Fix, Problems, Span
from nnc.compiler.source.tree import Entry, Mapping, Scalar, Sequence, Tree
from nnc.compiler.suggest import closest

__all__ = ["Patcher"]


@dataclass(slots=True)
class _Child:
    """An entry of a body; in a list, `key` is None and `name` its number in the file that is extended. `inner`: its own
    entries, once one of them is changed."""

    name: str
    key: Scalar | None
    value: Tree
    inner: list[_Child] | None = None

    def changed(self) -> Tree:
        """The entry with the changes to its own entries."""
        layers = _layers(self.value)
        if self.inner is None or not isinstance(layers, Mapping | Sequence):
            return self.value
        body = _with(layers, self.inner, layers.span)
        if not isinstance(self.value, Mapping):
            return body
        entries = tuple(Entry(e.key, body) if e.key.value == "layers" else e for e in self.value.entries)
        return Mapping(entries, self.value.span, self.value.flow)


class Patcher:
    """Applies the entries of one section. `sound` is False after a fault was reported."""

    def __init__(self, problems: Problems) -> None:
        self.problems, self.sound = problems, True

    def body(self, base: Tree, own: Tree) -> Tree:
        """A `layers:` section over another. A list replaces the whole: its entries have no names."""
        if not isinstance(own, Mapping) or not isinstance(base, Mapping | Sequence):
            return own
        children = _children(base)
        for entry in own.entries:
            self._change(children, entry, str(entry.key.value), listed=isinstance(base, Sequence))
        return _with(base, children, own.span)

    def blocks(self, base: Mapping, own: Mapping) -> Mapping:
        """A `blocks:` section over another: a block is replaced, removed, or changed by `Block.entry`."""
        children = _children(base)
        for entry in own.entries:
            name, dot, rest = str(entry.key.value).partition(".")
            block = next((c for c in children if c.name == name), None)
            if dot and block is not None:
                self._inside(block, entry, rest)
            else:
                self._change(children, entry, str(entry.key.value), listed=False, inner=False)
        merged = _with(base, children, own.span)
        assert isinstance(merged, Mapping)
        return merged

    # -- one change ----------------------------------------------------------------------------------------------------

    def _change(self, children: list[_Child], entry: Entry, path: str, *, listed: bool, inner: bool = True) -> None:
        name, dot, rest = path.partition(".") if "$" not in path and inner else (path, "", "")
        at = next((i for i, c in enumerate(children) if c.name == name), None)
        if dot:
            if at is None:
                self._missing(entry.key.content, name, children)
            else:
                self._inside(children[at], entry, rest)
            return
        if isinstance(entry.value, Scalar) and entry.value.value is None:
            if at is None:
                self._missing(entry.key.content, name, children)
            else:
                del children[at]
            return
        if at is None and listed and name != str(len(children)):
            self._missing(entry.key.content, name, children)
            return
        value, place = self._placed(entry.value)
        child = _Child(name, None if listed else replace(entry.key, value=name), value)
        if at is not None and isinstance(value, Mapping) and all(e.key.value == "from" for e in value.entries):
            child = children[at]
            child.value = _rewired(child.value, value)
        if place is not None:
            if at is not None:
                del children[at]
            self._insert(children, child, *place)
        elif at is not None:
            children[at] = child
        else:
            children.append(child)

    def _inside(self, child: _Child, entry: Entry, path: str) -> None:
        """A change to one of the entry's own entries."""
        layers = _layers(child.value)
        if not isinstance(layers, Mapping | Sequence):
            note = (
                f"what `{child.name}` is made of stands elsewhere: replace the whole entry, or change it in `blocks:`"
            )
            self._refuse(entry.key.content, f"`{child.name}` has no `layers:` of its own to change", notes=(note,))
            return
        if child.inner is None:
            child.inner = _children(layers)
        self._change(child.inner, entry, path, listed=isinstance(layers, Sequence))

    # -- placing -------------------------------------------------------------------------------------------------------

    def _placed(self, value: Tree) -> tuple[Tree, tuple[str, Scalar] | None]:
        """The entry without `after:` or `before:`, and which of them it has."""
        if not isinstance(value, Mapping):
            return value, None
        found = [(str(e.key.value), e.value) for e in value.entries if e.key.value in ("after", "before")]
        if len(found) > 1:
            self._refuse(found[1][1].span, "an entry is placed once: `after:` or `before:`")
        rest = tuple(e for e in value.entries if e.key.value not in ("after", "before"))
        place = next(((k, v) for k, v in found if isinstance(v, Scalar)), None)
        return (Mapping(rest, value.span, value.flow) if found else value), place

    def _insert(self, children: list[_Child], child: _Child, where: str, neighbor: Scalar) -> None:
        at = next((i for i, c in enumerate(children) if c.name == str(neighbor.value)), None)
        if at is None:
            self._missing(neighbor.content, str(neighbor.value), children)
            return
        children.insert(at + (where == "after"), child)

    # -- faults --------------------------------------------------------------------------------------------------------

    def _missing(self, span: Span, name: str, children: list[_Child]) -> None:
        known = [c.name for c in children]
        meant = closest(name, known)
        fix = Fix(f"did you mean `{meant}`?", span, meant) if meant and span.text == name else None
        if meant and fix is None:
            fix = Fix(f"did you mean `{meant}`?")
        notes = () if fix else (f"there are {', '.join(known[:12])}",)
        self._refuse(span, f"there is no `{name}` in the file that this one extends", notes=notes, fix=fix)

    def _refuse(self, span: Span, message: str, *, notes: tuple[str, ...] = (), fix: Fix | None = None) -> None:
        self.problems.error("NNC0221", span, message, notes=notes, fix=fix)
        self.sound = False


def _children(body: Mapping | Sequence) -> list[_Child]:
    if isinstance(body, Mapping):
        return [_Child(str(e.key.value), e.key, e.value) for e in body.entries]
    return [_Child(str(i), None, item) for i, item in enumerate(body.items)]


def _with(body: Mapping | Sequence, children: list[_Child], span: Span) -> Mapping | Sequence:
    if isinstance(body, Sequence):
        return Sequence(tuple(c.changed() for c in children), span, body.flow)
    return Mapping(tuple(Entry(c.key, c.changed()) for c in children if c.key is not None), span, body.flow)


def _rewired(old: Tree, wiring: Mapping) -> Tree:
    """An entry with another `from:`, or without a change where `wiring` is empty."""
    if not wiring.entries:
        return old
    if isinstance(old, Mapping):
        entries = tuple(e for e in old.entries if e.key.value != "from")
    else:
        action = "layers" if isinstance(old, Sequence) else "type"
        entries = (Entry(Scalar(action, old.span, old.span), old),)
    return Mapping((*entries, *wiring.entries), old.span)


def _layers(node: Tree) -> Tree | None:
    return node.get("layers") if isinstance(node, Mapping) else node
