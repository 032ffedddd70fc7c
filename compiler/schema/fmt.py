"""`nnc fmt`: a spec in one spelling, call strings or mapping form, by edits of its own text: comments and layout stay.

    conv1: {type: Conv2d, out_channels: 64, kernel_size: 3, bias: false}    →    conv1: Conv2d(64, 3, bias=False)

An entry whose lines hold a comment that an edit would lose is left alone. What is written is read again and compared:
text that would mean something else is never given back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from nnc.compiler.diagnostics import Problems, Source
from nnc.compiler.expr.parser import parse
from nnc.compiler.ops.registry import Catalogue
from nnc.compiler.schema.canonical import canonical, equivalent
from nnc.compiler.schema.check import check_document
from nnc.compiler.schema.names import CONTROL_KEYS
from nnc.compiler.schema.read import read_spec
from nnc.compiler.schema.spec import Body, EntryDecl, Formula, Group, LayerCall, Spec, Splice, StoredDecl
from nnc.compiler.schema.spelling import respaced
from nnc.compiler.schema.yaml_text import flow_text, scalar_text, yaml_text
from nnc.compiler.source import read_text
from nnc.compiler.source.tree import Entry, Mapping, Scalar, Sequence, Tree

__all__ = ["Form", "format_spec", "format_text"]

Form = Literal["call", "mapping"]


def format_text(text: str, name: str, catalogue: Catalogue, problems: Problems, *, form: Form = "call") -> str | None:
    """The text in one spelling; None after reporting faults that keep it from being read. JSON stays JSON."""
    read = _read(text, name, catalogue, problems)
    if read is None:
        return None
    tree, spec = read
    if name.endswith(".json"):
        written = json.dumps(canonical(spec, catalogue, calls=form == "call"), indent=2, ensure_ascii=False) + "\n"
    else:
        written = _apply(text, _Formatter(spec, catalogue, form).document(tree))
    again = _read(written, name, catalogue, Problems())
    return written if again is not None and equivalent(spec, again[1], catalogue) else text


def format_spec(spec: Spec, catalogue: Catalogue, *, form: Form = "call") -> str:
    """A spec as a new YAML text: for one that has no text of its own, such as a compiled artifact's."""
    return yaml_text(canonical(spec, catalogue, calls=form == "call"))


def _read(text: str, name: str, catalogue: Catalogue, problems: Problems) -> tuple[Mapping, Spec] | None:
    before = len(problems)
    tree = read_text(text, name, problems)
    if tree is None:
        return None
    spec = read_spec(tree, Source(name, text), check_document(tree, catalogue, problems), problems)
    faultless = not any(d.severity == "error" for d in problems.found[before:])
    return (tree, spec) if spec is not None and isinstance(tree, Mapping) and faultless else None


class Edit(NamedTuple):
    """`[start, end)` of the text becomes `text`."""

    start: int
    end: int
    text: str


def _apply(text: str, edits: Iterator[Edit]) -> str:
    """The text with all edits made; of two that overlap (an alias stands for text elsewhere) only the first."""
    parts, position = [], 0
    for edit in sorted(set(edits)):
        if edit.start >= position:
            parts += [text[position : edit.start], edit.text]
            position = edit.end
    return "".join([*parts, text[position:]])


class _Formatter:
    """Walks the tree and the typed spec side by side, and says what to change in the text."""

    def __init__(self, spec: Spec, catalogue: Catalogue, form: Form) -> None:
        self.spec, self.form, self.text = spec, form, spec.source.text
        plain = canonical(spec, catalogue, calls=form == "call")
        self.layers: Any = plain.get("layers")
        self.blocks: dict[str, Any] = plain.get("blocks", {})

    def document(self, tree: Mapping) -> Iterator[Edit]:
        blocks = tree.get("blocks")
        for entry in blocks.entries if isinstance(blocks, Mapping) else ():
            name = str(entry.key.value)
            layers = entry.value.get("layers") if isinstance(entry.value, Mapping) else None
            if layers is not None:
                flow = isinstance(entry.value, Mapping) and entry.value.flow
                yield from self.body(layers, self.spec.blocks[name].body, self.blocks[name]["layers"], flow)
        layers = tree.get("layers")
        if layers is not None:
            yield from self.body(layers, self.spec.body, self.layers, tree.flow)

    def body(self, node: Tree, body: Body, plain: Any, flow: bool) -> Iterator[Edit]:
        """`plain` is the section as it should be, `node` as it is; their entries correspond one to one."""
        if isinstance(node, Scalar):
            return
        children = node.items if isinstance(node, Sequence) else [e.value for e in node.entries]
        wanted = plain if isinstance(plain, list) else list(plain.values())
        for child, entry, want in zip(children, body.entries, wanted, strict=True):
            yield from self.entry(child, entry, want, flow or node.flow)

    def entry(self, node: Tree, entry: EntryDecl, want: Any, flow: bool) -> Iterator[Edit]:
        inner = entry.action.body if isinstance(entry.action, Group | Splice) else None
        match node:
            case Scalar(value=str()):
                yield from self.call_string(node, want, flow)
            case Sequence() if inner is not None:
                yield from self.body(node, inner, want["layers"] if isinstance(want, dict) else want, flow)
            case Mapping():
                layers = node.get("layers")
                if inner is not None and layers is not None:
                    yield from self.body(
                        layers, inner, want["layers"] if isinstance(want, dict) else want, flow or node.flow
                    )
                elif isinstance(entry.action, LayerCall | StoredDecl | Formula):
                    yield from self.mapping_form(node, want, flow)

    def call_string(self, node: Scalar, want: Any, flow: bool) -> Iterator[Edit]:
        if self.form == "mapping":
            yield Edit(node.span.start, node.span.end, flow_text(want))
            return
        expr = parse(str(node.value), node.content, Problems(), applied=True)
        if expr is None or not node.exact:
            return
        new = respaced(str(node.value), expr)
        if new != node.value and (node.quoted or scalar_text(new, flow=flow) == new):
            yield Edit(node.content.start, node.content.end, new)

    def mapping_form(self, node: Mapping, want: Any, flow: bool) -> Iterator[Edit]:
        """Arguments move into `type:`, or out of it; control keys stay as they are written."""
        if not isinstance(want, dict):
            if "#" not in self.text[node.span.start : _end(node)]:
                start, space = self.before(node)
                yield Edit(start, _end(node), space + scalar_text(want, flow=flow))
            return
        written = {str(e.key.value): e for e in node.entries}
        ours = {"type", "args", "expr"}
        if self.form == "mapping":
            ours |= {"from", "call"} - written.keys()  # of a layer that is called on values: `type: Linear(8)(x)`
        wanted = {k: v for k, v in want.items() if k not in CONTROL_KEYS or k in ours}
        arguments = [k for k in written if k not in CONTROL_KEYS or k == "args"]
        new = [k for k in wanted if k not in written]
        gone = [k for k in arguments if k not in wanted]
        if not new and not gone:
            return
        if node.flow:
            # A call that must be quoted reads worse than its arguments beside the control keys.
            if self.form == "mapping" or scalar_text(wanted.get("type"), flow=True) == wanted.get("type"):
                yield Edit(node.span.start, node.span.end, self.flow_form(node, wanted, gone, new))
        elif "#" not in self.text[node.span.start : _end(node)]:
            yield from self.block_form(node, wanted, gone, new)

    def before(self, node: Mapping) -> tuple[int, str]:
        """Where what replaces a mapping begins, and the space before it: a block's goes up to the line of its key."""
        at = node.span.start
        while not node.flow and self.text[at - 1].isspace():
            at -= 1
        return (at, " ") if self.text[at - 1] == ":" and not node.flow else (node.span.start, "")

    def flow_form(self, node: Mapping, wanted: dict[str, Any], gone: list[str], new: list[str]) -> str:
        pairs: list[str] = []
        for entry in node.entries:
            key = str(entry.key.value)
            if key in ("type", "expr"):
                pairs.append(f"{key}: {flow_text(wanted[key])}")
                pairs += [f"{scalar_text(k, flow=True)}: {flow_text(wanted[k])}" for k in new]
            elif key not in gone:
                pairs.append(self.text[entry.key.span.start : entry.value.span.end])
        return f"{{{', '.join(pairs)}}}"

    def block_form(self, node: Mapping, wanted: dict[str, Any], gone: list[str], new: list[str]) -> Iterator[Edit]:
        for at, entry in enumerate(node.entries):
            key, start = str(entry.key.value), entry.key.span.start
            indent = " " * (start - self.text.rfind("\n", 0, start) - 1)
            if key in ("type", "expr"):
                lines = [f"\n{indent}{scalar_text(k, flow=False)}: {flow_text(wanted[k])}" for k in new]
                value = entry.value.span
                yield Edit(value.start, value.end, scalar_text(wanted[key], flow=False) + "".join(lines))
            elif key in gone:
                yield self.without(entry, at, node.entries)

    def without(self, entry: Entry, at: int, entries: tuple[Entry, ...]) -> Edit:
        """Takes out an entry of a block mapping with its line break: the one after it, for the first the one before the
        next."""
        if at == 0:
            return Edit(entry.key.span.start, entries[1].key.span.start, "")
        return Edit(_end(entries[at - 1].value), _end(entry.value), "")


def _end(node: Tree) -> int:
    """Where the node's own text ends: that of a block reaches to the next token, over empty lines and comments."""
    while not isinstance(node, Scalar) and not node.flow:
        node = node.items[-1] if isinstance(node, Sequence) else node.entries[-1].value
    return node.span.end
