"""YAML text to located tree: PyYAML's parser gives the events, everything that gives them meaning is here and bounded.

PyYAML's own composer and constructor are not used: they recurse in C, resolve by YAML 1.1, and build what a tag says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from nnc.compiler.diagnostics import Fix, Label, Problems, Source, Span
from nnc.compiler.source.compose import compose_mapping, quoted
from nnc.compiler.source.flow_repairs import rejoin_items, rejoin_pairs, report_squeezed
from nnc.compiler.source.guard import Guard, Refused, without_controls
from nnc.compiler.source.scalars import OutOfRange, resolve
from nnc.compiler.source.tree import Scalar, Sequence, Tree
from nnc.compiler.suggest import closest

__all__ = ["PurePythonParser", "read_yaml"]


class PurePythonParser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    """PyYAML's parser where it was built without libyaml: the same events, several times slower."""

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)


def _fastest_parser() -> Any:
    try:
        from yaml.cyaml import CParser  # type: ignore[attr-defined]
    except ImportError:
        return PurePythonParser
    return CParser


_Parser = _fastest_parser()


_ANCHOR_BEFORE = re.compile(r"&[^\s,\[\]{}]*\s+")
_DASHED_LINE = re.compile(r"\s*\n\s*(- )")
_TAG = re.compile(r"!\S*")


@dataclass(slots=True)
class _Collection:
    """A list or mapping whose end was not read yet; the items of a mapping are keys and values in turn."""

    is_mapping: bool
    flow: bool
    start: int
    anchor: str | None
    nodes_before: int
    items: list[Tree] = field(default_factory=list)
    end: int = 0
    height: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    tree: Tree
    nodes: int
    height: int


def read_yaml(source: Source, guard: Guard, problems: Problems) -> Tree:
    """The tree of the first document. Raises Refused, after reporting, where there is none."""
    return _Reader(source, guard, problems).read()


class _Reader:
    def __init__(self, source: Source, guard: Guard, problems: Problems) -> None:
        self.source = source
        self.text = source.text
        self.guard = guard
        self.problems = problems
        self.open: list[_Collection] = []
        self.anchors: dict[str, _Anchored] = {}
        self.documents = 0
        self.root: Tree | None = None

    def read(self) -> Tree:
        try:
            parser = _Parser(self.text)
            while (kind := type(event := parser.get_event())) is not StreamEndEvent:
                if kind is ScalarEvent:  # nearly all are
                    self.scalar(event)
                elif not self.event(kind, event):
                    break
        except yaml.MarkedYAMLError as error:
            from nnc.compiler.source.yaml_faults import OpenFlow, report_syntax

            flow = [OpenFlow(c.start, c.items) for c in self.open if c.flow]
            report_syntax(error, self.source, flow, self.problems)
            raise Refused from None
        if self.root is None or (isinstance(self.root, Scalar) and self.root.value is None and not self.root.quoted):
            self.problems.error("NNC0114", self.span(0, 0), "the file is empty", fix=Fix("begin with `nnc: 1`"))
            raise Refused
        return self.root

    def span(self, start: int, end: int) -> Span:
        return Span(self.source, start, end)

    def event(self, kind: type, event: Any) -> bool:
        """Takes an event that is no scalar into the tree; False where nothing after it counts.

        (PyYAML's types allow events without marks; its parsers make none.)
        """
        if kind is MappingStartEvent or kind is SequenceStartEvent:
            self.begin(event)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            self.finish(event.end_mark.index)
        elif kind is AliasEvent:
            self.alias(event)
        elif kind is DocumentStartEvent:
            self.documents += 1
            if self.documents > 1:
                start = event.start_mark.index
                self.problems.error(
                    "NNC0113",
                    self.span(start, event.end_mark.index),
                    "a second document begins here: a file holds one",
                    fix=Fix("put it in a file of its own"),
                )
                return False
        return True

    def add(self, tree: Tree, end: int, height: int = 0) -> None:
        if not self.open:
            self.root = tree
            return
        parent = self.open[-1]
        parent.items.append(tree)
        parent.end = end
        if height >= parent.height:
            parent.height = height + 1

    def begin(self, event: Any) -> None:
        start = event.start_mark.index
        nodes_before = self.guard.nodes
        self.guard.add(1, start)
        self.guard.check_depth(len(self.open) + 1, start)
        if event.tag is not None:
            self.refuse_tag(start)
        if event.anchor is not None and (match := _ANCHOR_BEFORE.match(self.text, start)):
            start = match.end()
        is_mapping = isinstance(event, MappingStartEvent)
        self.open.append(_Collection(is_mapping, bool(event.flow_style), start, event.anchor, nodes_before, end=start))

    def finish(self, end: int) -> None:
        done = self.open.pop()
        if not done.flow:
            end = done.end  # the event's own end is where the next token begins
        span = self.span(done.start, end)
        tree: Tree
        if done.is_mapping:
            items = done.items
            if done.flow:
                report_squeezed(items, self.guard)
                items = rejoin_pairs(items, self.guard)
            pairs = zip(items[::2], items[1::2], strict=True)
            tree = compose_mapping(pairs, span, self.guard, flow=done.flow)
        else:
            items = rejoin_items(done.items, self.guard) if done.flow else done.items
            tree = Sequence(tuple(items), span, done.flow)
        if done.anchor is not None:
            self.anchors[done.anchor] = _Anchored(tree, self.guard.nodes - done.nodes_before, done.height)
        self.add(tree, end, done.height)

    def scalar(self, event: Any) -> None:
        value, style = event.value, event.style
        start, end = event.start_mark.index, event.end_mark.index
        self.guard.add(1, start)
        if event.tag is not None:
            self.refuse_tag(start)
        if event.anchor is not None:
            if not value and not style:
                start = end
            elif match := _ANCHOR_BEFORE.match(self.text, start, end):
                start = match.end()
        if not style:
            scalar = self.plain_scalar(value, start, end)
        elif style in "\"'":
            scalar = self.quoted_scalar(value, start, end)
        else:
            scalar = self.block_scalar(value, start, end)
            end = scalar.span.end
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(scalar, 1, 0)
        self.add(scalar, end)

    def plain_scalar(self, value: str, start: int, end: int) -> Scalar:
        span = Span(self.source, start, end)
        exact = self.text[start:end] == value
        if not exact and self.open and not (self.open[-1].is_mapping or self.open[-1].flow):
            self.refuse_swallowed_item(start, end)
        try:
            return Scalar(resolve(value), span, span, exact)
        except OutOfRange:
            self.problems.error("NNC0115", span, "this number is larger than any that a computation can use")
            return Scalar(0, span, span, exact)

    def refuse_swallowed_item(self, start: int, end: int) -> None:
        """`- b` that is indented deeper than the item `- a` above it is no item to YAML: the text is `a - b`."""
        if match := _DASHED_LINE.search(self.text, start, end):
            span = self.span(match.start(1), end)
            label = Label(self.span(start, match.start()), "the text that it continues")
            message = "this is no list item: being indented deeper, it continues the text above"
            self.problems.error("NNC0105", span, message, labels=(label,), fix=Fix("align it with the item above"))
            raise Refused

    def quoted_scalar(self, value: str, start: int, end: int) -> Scalar:
        content = self.span(start + 1, end - 1)
        exact = content.text == value
        if not exact:
            value = without_controls(value, self.span(start, end), self.problems)
        return Scalar(value, self.span(start, end), content, exact, quoted=True)

    def block_scalar(self, value: str, start: int, end: int) -> Scalar:
        """`|` and `>`: where the value stands in the text as it is (a single line), it is exact."""
        end = start + len(self.text[start:end].rstrip())
        first_line = self.text.find("\n", start, end) + 1
        at = self.text.find(value, first_line) if value and first_line else -1
        if at < 0 or at + len(value) > end + 1:
            return Scalar(value, self.span(start, end), self.span(start, end), exact=False, quoted=True)
        return Scalar(value, self.span(start, end), self.span(at, at + len(value)), quoted=True)

    def alias(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        name = event.anchor
        anchored = self.anchors.get(name)
        if anchored is None:
            span = self.span(start, end)
            self.guard.add(1, start)
            if any(c.anchor == name for c in self.open):
                self.problems.error(
                    "NNC0111", span, f"`*{name}` stands inside what `&{name}` names: it would contain itself"
                )
            else:
                similar = closest(name, islice(self.anchors, 500))
                fix = Fix(f"did you mean `*{similar}`?", span, f"*{similar}") if similar else None
                fix = fix or Fix("to write a text that begins with `*`, quote it", span, quoted(span.text))
                self.problems.error("NNC0111", span, f"no `&{name}` stands before this `*{name}`", fix=fix)
            self.guard.whole = False
            self.add(Scalar(span.text, span, span), end)
            return
        self.guard.copy(anchored.nodes, start)
        self.guard.check_depth(len(self.open) + anchored.height, start)
        self.add(anchored.tree, end, anchored.height)

    def refuse_tag(self, start: int) -> NoReturn:
        match = _TAG.search(self.text, start)
        span = self.span(*match.span()) if match else self.span(start, start + 1)
        self.problems.error(
            "NNC0110",
            span,
            f"the tag `{span.text}` is refused: a spec is data, and builds nothing but what it says",
            fix=Fix("remove it", span, ""),
        )
        raise Refused
