"""`include:` and `extends:` carried out on located trees: one tree, in which every node still knows the file it is from.

    extends: lenet5.yaml                 the sections of lenet5.yaml, with
    args: {num_classes: 26}              this argument's default replaced,
    layers: {fc: ~}                      this entry removed,
    train: {epochs: 5}                   and this section added

Sections that are tables are merged by name; a name without a value takes one out. Everything else replaces.
"""

from __future__ import annotations

from nnc.compiler.diagnostics import Fix, Label, Problems, Span
from nnc.compiler.files.patch import Patcher
from nnc.compiler.files.references import Files
from nnc.compiler.schema.variants import chosen
from nnc.compiler.source.tree import Entry, Mapping, Scalar, Sequence, Tree
from nnc.compiler.suggest import closest

__all__ = ["merge"]

# Tables whose entries are replaced by name. In those of the first line a name without a value is one whose value is none: an
# argument that must be given, an input of any shape. In the others it takes the entry out.
_VALUES = ("inputs", "args")
_PARTS = ("let", "variants", "dims", "outputs", "tie", "imports")
_SETTINGS = ("data", "train", "metadata")  # where there is nothing to take out, it is a setting switched off


def merge(tree: Tree, files: Files, *, name: str) -> Tree | None:
    """The tree with what it includes and extends. `name` is that of its text. None after reporting a reference that leads
    nowhere, or a change to what is not there."""
    if not isinstance(tree, Mapping) or (tree.get("extends") is None and tree.get("include") is None):
        return tree
    included = _include(tree, files)
    if included is None or tree.get("extends") is None:
        return included
    reference = tree.get("extends")
    if not isinstance(reference, Scalar) or not isinstance(reference.value, str):
        return tree  # the schema says so
    with files.opened(reference.value, reference.content) as opened:
        if opened is None:
            return None
        base = merge(opened.tree, files, name=opened.source.name)
    if base is None or not isinstance(base, Mapping):
        return base
    if opened.variant is not None:
        base = chosen(base, opened.variant, reference.content, files.problems)
        if base is None:
            return None
    return _Extension(included, base, files.problems, keeps_name=name.startswith("<")).tree()


# -- include -----------------------------------------------------------------------------------------------------------


def _include(tree: Mapping, files: Files) -> Mapping | None:
    """The tree with the blocks, and the `let:` they need, of the files it includes; `include:` itself is gone."""
    section = tree.get("include")
    references = section.items if isinstance(section, Sequence) else (section,) if section is not None else ()
    named = [r for r in references if isinstance(r, Scalar) and isinstance(r.value, str)]
    if len(named) < len(references) or not named:
        return tree  # the schema says so
    tables: dict[str, dict[str, Entry]] = {"blocks": {}, "let": {}}
    sound = True
    for reference in named:
        with files.opened(str(reference.value), reference.content) as opened:
            other = None if opened is None else merge(opened.tree, files, name=opened.source.name)
        if opened is None or other is None:
            sound = False
            continue
        blocks = other.get("blocks") if isinstance(other, Mapping) else None
        if not isinstance(blocks, Mapping):
            message = f"`{reference.value}` has no `blocks:` to include"
            files.problems.error("NNC0218", reference.content, message)
            sound = False
            continue
        for title, table in tables.items():
            sound &= _take(other.get(title) if isinstance(other, Mapping) else None, table, files.problems)
    if not sound:
        return None
    entries = {str(e.key.value): e for e in tree.entries if e.key.value != "include"}
    for title, table in tables.items():
        own = entries.get(title)
        if own is not None and isinstance(own.value, Mapping):
            if not _take(own.value, table, files.problems):
                return None
            entries[title] = Entry(own.key, Mapping(tuple(table.values()), own.value.span))
        elif own is None and table:
            key = tree.entry("include")
            assert key is not None
            entries[title] = Entry(_key(title, key.key.span), Mapping(tuple(table.values()), key.value.span))
    return Mapping(tuple(entries.values()), tree.span)


def _take(section: Tree | None, table: dict[str, Entry], problems: Problems) -> bool:
    """Adds the entries of a table; False after reporting a name that is there already."""
    sound = True
    for entry in section.entries if isinstance(section, Mapping) else ():
        name = str(entry.key.value)
        if name in table:
            labels = (Label(table[name].key.content, "the other one"),)
            message = f"`{name}` is there already, from a file that is included"
            problems.error("NNC0705", entry.key.content, message, labels=labels)
            sound = False
        table[name] = entry
    return sound


# -- extends -----------------------------------------------------------------------------------------------------------


class _Extension:
    """One file's sections over those of the file it extends."""

    def __init__(self, own: Mapping, base: Mapping, problems: Problems, *, keeps_name: bool) -> None:
        self.own, self.base, self.problems, self.sound = own, base, problems, True
        self.dropped = () if keeps_name else ("name", "description")

    def tree(self) -> Mapping | None:
        sections = {str(e.key.value): e for e in self.base.entries if e.key.value not in self.dropped}
        for entry in self.own.entries:
            title = str(entry.key.value)
            if title != "extends":
                before = sections.get(title)
                sections[title] = entry if before is None else Entry(entry.key, self.section(title, before, entry))
        return Mapping(tuple(sections.values()), self.own.span) if self.sound else None

    def section(self, title: str, before: Entry, after: Entry) -> Tree:
        patcher = Patcher(self.problems)
        match title, before.value, after.value:
            case "layers", old, new:
                merged: Tree = patcher.body(old, new)
            case "blocks", Mapping() as old, Mapping() as new:
                merged = patcher.blocks(old, new)
            case _, Mapping() as old, Mapping() as new if title in (*_VALUES, *_PARTS, *_SETTINGS):
                merged = self.table(title, old, new)
            case _:
                merged = after.value
        self.sound &= patcher.sound
        return merged

    def table(self, title: str, before: Mapping, after: Mapping) -> Mapping:
        entries = {str(e.key.value): e for e in before.entries}
        for entry in after.entries:
            name = str(entry.key.value)
            missing = before.get(name) is None
            if title in _VALUES or not _is_null(entry.value) or (missing and title in _SETTINGS):
                entries[name] = entry
            elif missing:
                self.missing(entry.key.content, name, title, list(entries))
            else:
                entries.pop(name, None)
        return Mapping(tuple(entries.values()), after.span)

    def missing(self, span: Span, name: str, title: str, known: list[str]) -> None:
        """`name: ~` for something that the extended file does not have."""
        meant = closest(name, known)
        fix = Fix(f"did you mean `{meant}`?", span, meant) if meant else None
        notes = (f"there are {', '.join(known[:12])}",) if known and not fix else ()
        message = f"there is no `{name}` in `{title}:` of the file that this one extends"
        self.problems.error("NNC0221", span, message, notes=notes, fix=fix)
        self.sound = False


def _is_null(node: Tree) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _key(text: str, span: Span) -> Scalar:
    return Scalar(text, span, span, exact=False)
