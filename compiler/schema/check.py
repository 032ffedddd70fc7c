"""The schema check: a walk over the located tree that has jsonschema judge every piece against its own small schema.

A fault is reported at the exact key or value, in the grammar's words, and once. What it spoils is remembered by
position: the nodes around it, up to the smallest entry of `layers:` that contains it. `read.py` marks that entry, and
goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nnc.compiler.diagnostics import Problems, Span
from nnc.compiler.ops.registry import Catalogue, OpDef
from nnc.compiler.schema import advice
from nnc.compiler.schema.document import (
    ACTIONS,
    BLOCK,
    COMPLETE,
    CONTROLS,
    DEFINITIONS,
    DOCUMENT,
    LISTED,
    STORED,
    VARIANTS,
    op_record,
)
from nnc.compiler.schema.grammar import Choice, Layer, Leaf, Listing, Names, Part, Record, Ref, Table
from nnc.compiler.schema.judge import judge
from nnc.compiler.schema.names import CONTROL_KEYS, identifier_fault, layer_name_fault
from nnc.compiler.source.tree import Entry, Mapping, Scalar, Sequence, Tree, to_plain

__all__ = ["Broken", "block_names", "check_document", "check_section"]

Broken = frozenset[Span]  # spans of tree nodes

_TYPE_NAME = re.compile(r"\s*([^\W\d]\w*(?:\.\w+)?)\s*(?:\(|$)")
_LOOP_NAMES = re.compile(r"[^\W\d]\w*")
_SHORT = 64  # characters of a text whose verdict is worth remembering


def check_document(tree: Tree, catalogue: Catalogue, problems: Problems) -> Broken:
    """Reports every fault in the document's form: NNC02xx, and NNC0302 and NNC0305 for arguments of layers in mapping
    form. Gives the spans of the nodes that are not what they should be; whatever else is there can be read."""
    checker = _Checker(tree, catalogue, problems)
    checker.document(tree)
    return frozenset(checker.broken)


def check_section(tree: Tree, part: Part, title: str, catalogue: Catalogue, problems: Problems) -> bool:
    """Whether a text of its own, from a command line, has the form of a part of a document; faults are reported."""
    checker = _Checker(tree, catalogue, problems)
    checker.visit(tree, part, title)
    return not checker.broken


class _Checker:
    def __init__(self, tree: Tree, catalogue: Catalogue, problems: Problems) -> None:
        self.catalogue, self.problems, self.judge = catalogue, problems, judge()
        self.broken: set[Span] = set()
        self.path: list[Span] = []  # the nodes around the one being visited, from the smallest layer inwards
        self.names: frozenset[str] = frozenset()  # arguments and local names: a `type` of such a name is no op's
        self.shared: frozenset[str] = frozenset()  # those of the file, which its blocks see
        self.network = False  # in a block that is a network by itself: its arguments have any names, as a file's have
        self.patching = False  # directly in the `layers:` of a file that extends another, where `fc: ~` removes
        self.patched: list[Tree] = []
        self.blocks = frozenset(block_names(tree))

    def spoil(self, *spans: Span) -> None:
        self.broken.update(self.path, spans)

    # -- the whole -----------------------------------------------------------------------------------------------------

    def document(self, tree: Tree) -> None:
        if not isinstance(tree, Mapping):
            self.refuse(tree, DOCUMENT, "a spec")
            return
        version = tree.get("nnc")
        if isinstance(version, Scalar) and isinstance(version.value, int) and version.value > 1:
            advice.other_version(version, self.problems)  # what its other keys mean is not known here
            self.spoil(tree.span)
            return
        extends = tree.get("extends") is not None
        if extends:
            sections = (tree.get(name) for name in ("layers", "blocks", "variants"))
            self.patched = [node for node in sections if node is not None]
        self.names = self.shared = frozenset((*_keys(tree.get("args")), *_keys(tree.get("let"))))
        self.declarations(tree)
        self.record(tree, DOCUMENT if extends else COMPLETE, "a spec")

    def declarations(self, node: Mapping) -> None:
        """The names of a scope's inputs and arguments: no two alike, and no block's argument called like a control
        key."""
        seen: dict[str, Entry] = {}
        for section in ("inputs", "args", "let"):
            table = node.get(section)
            for entry in table.entries if isinstance(table, Mapping) else ():
                name = str(entry.key.value)
                if name in seen:
                    advice.named_twice(entry.key, seen[name].key, self.problems)
                    self.spoil(node.span, entry.value.span)
                seen.setdefault(name, entry)

    # -- pieces --------------------------------------------------------------------------------------------------------

    def visit(self, node: Tree, part: Part, title: str, key: Scalar | None = None) -> None:
        while isinstance(part, Ref):
            part = DEFINITIONS[part.name]
        if isinstance(part, Layer):
            self.layer(node, key)
            return
        self.path.append(node.span)
        match part:
            case Leaf():
                self.leaf(node, part, title, part.words)
            case Choice():
                self.choice(node, part, title)
            case Record():
                self.record(node, part, title)
            case Table():
                self.table(node, part, title)
            case Listing():
                self.listing(node, part, title)
        self.path.pop()

    def refuse(self, node: Tree, part: Choice | Record | Table | Listing, title: str) -> None:
        """The node is of the wrong kind: a list where a mapping belongs."""
        advice.wrong_kind(node, title, part.words, self.problems)
        self.spoil(node.span)

    def choice(self, node: Tree, part: Choice, title: str) -> None:
        match node:
            case Scalar():
                option: Part | None = part.scalar
            case Sequence():
                option = part.listing
            case Mapping():
                option = part.mapping
        if option is None:
            self.refuse(node, part, title)
        elif isinstance(option, Leaf):
            self.leaf(node, option, title, part.words)
        else:
            self.visit(node, option, title)

    def leaf(self, node: Tree, part: Leaf, title: str, words: str) -> None:
        value = to_plain(node)
        remembered = isinstance(node, Scalar) and not (isinstance(value, str) and len(value) > _SHORT)
        if not self.judge.accepts(part, value, (value,) if remembered else None):
            at = _follow(node, self.judge.fault(part, value))
            advice.wrong_value(node, at, part, title, words, self.problems)
            self.spoil(node.span)

    def record(self, node: Tree, part: Record, title: str, skip: frozenset[str] = frozenset()) -> None:
        if not isinstance(node, Mapping):
            self.refuse(node, part, title)
            return
        keys = tuple(k for k in _keys(node) if k not in skip)
        if not self.judge.accepts(part, dict.fromkeys(keys), keys):
            self.wrong_keys(node, part, keys, part.owner or title)
        outer_network = self.network
        if part is BLOCK:
            self.network = node.get("blocks") is not None
            seen = frozenset[str]() if self.network else self.shared
            self.names = seen | frozenset((*_keys(node.get("args")), *_keys(node.get("let"))))
            self.declarations(node)
        for entry in node.entries:
            key = str(entry.key.value)
            if key in skip:
                continue
            child = part.keys.get(key)
            if child is not None:
                of = f" of {part.owner}" if part.noun == "argument" and key not in CONTROLS else ""
                self.visit(entry.value, child.part, f"`{key}`{of}")
            elif part.rest is not None:
                self.visit(entry.value, part.rest, f"`{key}`")
        self.network = outer_network

    def wrong_keys(self, node: Mapping, part: Record, keys: tuple[str, ...], owner: str) -> None:
        """Reports unknown and missing keys; a missing one that an unknown one was meant to be is not a second fault."""
        missing = [k for k in part.required if k not in keys]
        for name in (k for k in keys if k not in part.keys and part.rest is None):
            entry = node.entry(name)
            assert entry is not None
            op = self.catalogue.get(part.owner)
            meant = advice.unknown_key(entry, part, owner, op, keys, self.problems)
            missing = [k for k in missing if k != meant]
            self.spoil(node.span, entry.value.span)
        for name in missing:
            advice.missing_key(node, name, part, owner, self.problems)
            self.spoil(node.span)

    def table(self, node: Tree, part: Table, title: str) -> None:
        if not isinstance(node, Mapping):
            self.refuse(node, part, title)
            return
        outer_names, outer_patching = self.names, self.patching
        self.patching = any(node is patched for patched in self.patched)
        for entry in node.entries:
            if part.names == "layer":
                self.layer_name(entry)
            elif part.names != "free":
                self.identifier(entry, part.names)
            removed = part is VARIANTS and isinstance(entry.value, Scalar) and entry.value.value is None
            if not (self.patching and (removed or (part.value is BLOCK and _changes_block(entry)))):
                self.visit(entry.value, part.value, f"`{entry.key.value}`", entry.key)
            self.names = outer_names
        self.patching = outer_patching

    def listing(self, node: Tree, part: Listing, title: str) -> None:
        if not isinstance(node, Sequence):
            self.refuse(node, part, title)
            return
        if not self.judge.accepts(part, [None] * len(node.items)):
            advice.too_short(node, title, part.words, self.problems)
            self.spoil(node.span)
        outer_patching, self.patching = self.patching, False
        for item in node.items:
            self.visit(item, part.item, f"an item of {title}")
        self.patching = outer_patching

    # -- names ---------------------------------------------------------------------------------------------------------

    def identifier(self, entry: Entry, names: Names) -> None:
        key = str(entry.key.value)
        fault = identifier_fault(key.partition(".")[0] if self.patching else key)
        if fault is None and names == "argument" and entry.key.value in CONTROL_KEYS and not self.network:
            advice.reserved_argument(entry.key, self.problems)
            self.spoil(entry.value.span)
        elif fault is not None:
            self.problems.error("NNC0210", entry.key.span, f"`{entry.key.value}` cannot be a name here: {fault}")
            self.spoil(entry.value.span)

    def layer_name(self, entry: Entry) -> None:
        key = str(entry.key.value)
        if self.patching and "$" not in key:
            key = key.rpartition(".")[2]  # `features.3` is the entry `3` of the extended file's `features`
        spliced = isinstance(entry.value, Mapping) and "each" in _keys(entry.value)
        fault = layer_name_fault(key) if "$" not in key and not spliced else None
        if fault is not None:
            self.problems.error(fault[0], entry.key.content, fault[1])
            self.broken.add(entry.value.span)

    # -- layers --------------------------------------------------------------------------------------------------------

    def layer(self, node: Tree, key: Scalar | None) -> None:
        """An entry of `layers:`; `key` is None in a list. A call string is the expression parser's to judge."""
        if isinstance(node, Scalar):
            if not isinstance(node.value, str) and not (node.value is None and self.patching):
                advice.no_layer(node, key, self.problems)
                self.broken.add(node.span)
            return
        outer_path, outer_names, self.path = self.path, self.names, [node.span]
        if isinstance(node, Sequence):
            self.visit(node, LISTED, "a list of layers")
        else:
            self.mapping_form(node, key)
        self.path, self.names = outer_path, outer_names

    def mapping_form(self, node: Mapping, key: Scalar | None) -> None:
        keys = _keys(node)
        if "let" in keys or "for" in keys or "each" in keys:
            self.names |= frozenset(_local_names(node))
        for name in ("after", "before"):
            placed = node.entry(name)
            if placed is not None and not self.patching:
                advice.placed_nowhere(placed, self.problems)
                self.spoil(node.span)
        action = next((a for a in ACTIONS if a in keys), None)
        if action is None and self.patching and keys and {"from", "after", "before"}.issuperset(keys):
            return  # the entry of the extended file, on another value or in another place
        if action is None:
            advice.no_action(node, key, self.problems)
            self.spoil(node.span)
            return
        part = self.dispatch(node) if action == "type" else ACTIONS[action]
        clashing = frozenset(k for k in keys if k in CONTROLS and k not in part.keys)
        for name in clashing:
            entry = node.entry(name)
            assert entry is not None
            advice.clash(entry, action, part, self.problems)
            self.spoil(node.span)
        self.record(node, part, f"`{key.value}`" if key is not None else "this layer", clashing)

    def dispatch(self, node: Mapping) -> Record:
        """The form that `type` asks for: an op's own where the name is the catalogue's, else one with open keys."""
        written = node.get("type")
        text = written.value if isinstance(written, Scalar) else None
        match = _TYPE_NAME.match(text) if isinstance(text, str) else None
        name = match[1] if match else ""
        if name in self.blocks or name in self.names:
            return ACTIONS["type"]
        if name in STORED:
            return STORED[name]
        return _op_form(self.catalogue[name]) if name in self.catalogue else ACTIONS["type"]


_OP_FORMS: dict[int, tuple[OpDef, Record]] = {}


def _op_form(op: OpDef) -> Record:
    """The op's record, made once: the judge knows pieces by identity."""
    found = _OP_FORMS.get(id(op))
    if found is None:
        found = _OP_FORMS[id(op)] = (op, op_record(op))
    return found[1]


def _changes_block(entry: Entry) -> bool:
    """`Bottleneck: ~` and `Bottleneck.act1: gelu` in a file that extends another: judged when both are one."""
    return "." in str(entry.key.value) or (isinstance(entry.value, Scalar) and entry.value.value is None)


def block_names(owner: Tree) -> Iterator[str]:
    """Names of blocks at every level: in an entry's text they say that it is a layer, wherever they may be used."""
    blocks = owner.get("blocks") if isinstance(owner, Mapping) else None
    for entry in blocks.entries if isinstance(blocks, Mapping) else ():
        yield str(entry.key.value)
        yield from block_names(entry.value)


def _keys(node: Tree | None) -> list[str]:
    return [str(e.key.value) for e in node.entries] if isinstance(node, Mapping) else []


def _local_names(node: Mapping) -> Iterator[str]:
    """What an entry's `let:` and loops define."""
    yield from _keys(node.get("let"))
    for loop in ("for", "each"):
        text = node.get(loop)
        if isinstance(text, Scalar) and isinstance(text.value, str):
            yield from _LOOP_NAMES.findall(text.value.partition(" in ")[0])


def _follow(node: Tree, path: tuple[str | int, ...]) -> Tree:
    """The node that a path of keys and indices leads to, as far as it leads."""
    for step in path:
        if isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        elif isinstance(node, Mapping) and isinstance(step, str) and (child := node.get(step)) is not None:
            node = child
        else:
            break
    return node
