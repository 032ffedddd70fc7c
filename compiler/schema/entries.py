"""Entries of `layers:`: a call string or a mapping form becomes one `EntryDecl`, a section a `Body`.

conv1: Conv2d(64, 3)                                      LayerCall
conv1: {type: Conv2d, out_channels: 64, kernel_size: 3}   LayerCall, by keywords
out: relu(bn3 + downsample)                               Formula
branch: Conv2d(64, 3)(x)                                  LayerCall, with the values that it takes
token: Parameter([1, 1, dim])                             StoredDecl
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from nnc.compiler.diagnostics import Fix, Problems, Span
from nnc.compiler.expr.lexer import RESERVED
from nnc.compiler.expr.parser import parse
from nnc.compiler.expr.template import parse_template
from nnc.compiler.expr.tree import Attribute, CallExpr, Expr, Keyword, Literal, Name
from nnc.compiler.schema.check import Broken
from nnc.compiler.schema.document import ACTIONS, CONTROLS
from nnc.compiler.schema.names import identifier_fault
from nnc.compiler.schema.spec import (
    Action,
    Body,
    EntryDecl,
    Formula,
    Group,
    LayerCall,
    OutputDecl,
    Removal,
    Reuse,
    Splice,
    StoredDecl,
    Template,
    TieDecl,
    Wiring,
)
from nnc.compiler.schema.spelling import PREFIXES, names_layer
from nnc.compiler.schema.values import first_line, read_expression, read_keywords, read_loop, read_template, read_value
from nnc.compiler.source.location import split_variant
from nnc.compiler.source.tree import Entry, Mapping, Scalar, Sequence, Tree

__all__ = ["EntryReader"]

_STORED = {"Parameter": "parameter", "Buffer": "buffer"}


@dataclass(frozen=True, slots=True)
class EntryReader:
    """Reads the entries of one file. `blocks` are the names of its blocks, `imports` those of its own code."""

    problems: Problems
    broken: Broken
    blocks: frozenset[str]
    imports: frozenset[str]

    # -- bodies --------------------------------------------------------------------------------------------------------

    def body(self, entry: Entry, outputs: Tree | None, ties: Tree | None) -> Body | None:
        """The section `layers:` with what belongs to it; its span is the key. None where `outputs` has a fault."""
        section, span = entry.value, entry.key.content
        entries, chosen = self._entries(section), self.outputs(outputs)
        if chosen is not None and len(chosen) < _count(outputs):
            return None
        return Body(entries, isinstance(section, Sequence), span, chosen, self.ties(ties))

    def _entries(self, section: Tree) -> tuple[EntryDecl, ...]:
        match section:
            case Mapping(entries=entries):
                return tuple(self.entry(e.key, e.value) for e in entries)
            case Sequence(items=items):
                return tuple(self.entry(None, i) for i in items)
        return ()

    def outputs(self, node: Tree | None) -> tuple[OutputDecl, ...] | None:
        """What comes out: None where nothing is said. Outputs with a fault, which is reported, are left out."""
        match node:
            case Scalar(value=str() as text, content=span):
                source = parse(text, span, self.problems)
                return (OutputDecl("", source, span),) if source is not None else ()
            case Sequence(items=items):
                return tuple(o for o in map(self._listed_output, items) if o is not None)
            case Mapping(entries=entries):
                return tuple(o for o in map(self._named_output, entries) if o is not None)
        return None

    def _listed_output(self, node: Tree) -> OutputDecl | None:
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            return None
        source = parse(node.value, node.content, self.problems)
        if source is None:
            return None
        if isinstance(source, Name):
            fault = identifier_fault(source.name)
            if fault is None:
                return OutputDecl(source.name, source, node.content)
            self.problems.error("NNC0210", node.content, f"`{source.name}` cannot name an output: {fault}")
            return None
        name = source.name if isinstance(source, Attribute) and not source.name.isdecimal() else "name"
        self.problems.error(
            "NNC0216",
            node.content,
            "an output in a list is the name of a layer, and this is none",
            fix=Fix(f"give it a name: `outputs: {{{name}: {node.value}}}`"),
        )
        return None

    def _named_output(self, entry: Entry) -> OutputDecl | None:
        reference, train_only, condition = entry.value, False, None
        if isinstance(reference, Mapping):
            switch = reference.get("if")
            condition = read_expression(switch, self.problems) if switch is not None else None
            if switch is not None and condition is None:
                return None
            mode, inner = reference.get("mode"), reference.get("from")
            train_only = isinstance(mode, Scalar) and mode.value == "train"
            if inner is None:
                return None
            reference = inner
        source = read_expression(reference, self.problems)
        if source is None:
            return None
        return OutputDecl(str(entry.key.value), source, entry.key.content, train_only, condition)

    def ties(self, node: Tree | None) -> tuple[TieDecl, ...]:
        if not isinstance(node, Mapping):
            return ()
        pairs = ((e.key, e.value) for e in node.entries)
        return tuple(
            TieDecl(str(key.value), str(value.value), key.content, value.content)
            for key, value in pairs
            if isinstance(value, Scalar)
        )

    # -- entries -------------------------------------------------------------------------------------------------------

    def entry(self, key: Scalar | None, node: Tree) -> EntryDecl:
        template = read_template(key, self.problems) if key is not None else None
        broken = node.span in self.broken or (key is not None and template is None)
        if key is not None and template is None:
            template = Template((str(key.value),), key.content)
        if isinstance(node, Mapping):
            return self._mapping_form(template, node, broken)
        span = key.content if key is not None else first_line(node)
        action: Action | None = None
        source: Wiring | None = None
        if isinstance(node, Sequence):
            action = Group(Body(self._entries(node), True, span), span)
        elif isinstance(node.value, str):
            action, source = self.call_string(node.value, node.content)
        elif node.value is None and not broken:
            action = Removal(span)
        return EntryDecl(template, action, span, source=source, broken=broken or action is None)

    def call_string(self, text: str, span: Span) -> tuple[Action | None, Wiring | None]:
        """What a text says: a layer by an upper-case name or a block's, a stored tensor, else a tensor expression; and the
        values that it is called on, as in `Conv2d(64, 3)(x)`."""
        expression = self._called_file(text, span) if _names_file(text) else self._parse(text, span)
        if expression is None:
            return None, None
        if isinstance(expression, CallExpr) and isinstance(expression.callee, CallExpr):
            call, source = expression.callee, self._called_on(expression)
            action = self._call(call.callee, call.arguments, call.keywords, span)
            if isinstance(action, StoredDecl):
                self.problems.error("NNC0207", expression.span, "a tensor of the module's own takes no values")
                return None, None
            return (action, source) if source is not None else (None, None)
        if not _names_file(text) and not names_layer(expression, self.blocks, self.imports):
            return Formula(expression, span), None
        if not isinstance(expression, CallExpr):
            return self._call(expression, (), (), span), None
        return self._call(expression.callee, expression.arguments, expression.keywords, span), None

    def _called_on(self, call: CallExpr) -> Wiring | None:
        """The values in the second pair of parentheses."""
        if call.arguments and call.keywords:
            span = call.keywords[0].span
            self.problems.error("NNC0207", span, "a layer takes its values by position or by name, not both")
            return None
        if call.keywords:
            return Wiring(call.span, by_name=call.keywords)
        if not call.arguments:
            fix = Fix("name them, or leave the second pair of parentheses out")
            self.problems.error("NNC0207", call.span, "the values that the layer is called on are missing", fix=fix)
            return None
        if len(call.arguments) == 1:
            return Wiring(call.span, single=call.arguments[0])
        return Wiring(call.span, several=call.arguments)

    def _parse(self, text: str, span: Span) -> Expr | None:
        if text.isidentifier() and text.isascii() and text not in RESERVED:
            return Name(text, span)  # most types are bare names: no need to tokenize them
        return parse(text, span, self.problems, applied=True)

    def _call(
        self, callee: Expr, arguments: tuple[Expr, ...], keywords: tuple[Keyword, ...], span: Span
    ) -> Action | None:
        if isinstance(callee, Attribute) and not self._unprefixed(callee):
            return None
        if isinstance(callee, Name) and callee.name in _STORED and callee.name not in self.blocks:
            return StoredDecl(_STORED[callee.name], arguments, keywords, span)
        return LayerCall(callee, arguments, keywords, span)

    def _unprefixed(self, callee: Attribute) -> bool:
        """Refuses `nn.Linear`: a spec has no Python modules, and needs none."""
        root = callee.value
        while isinstance(root, Attribute):
            root = root.value
        if not isinstance(root, Name) or root.name not in PREFIXES or root.name in self.imports:
            return True
        fix = Fix(f"write `{callee.name}`", callee.span, callee.name)
        self.problems.error("NNC0301", callee.span, "layers are written without a prefix", fix=fix)
        return False

    # -- the mapping form ----------------------------------------------------------------------------------------------

    def _mapping_form(self, template: Template | None, node: Mapping, broken: bool) -> EntryDecl:
        """All parts are read, also those of a broken entry: each may have a fault of its own to report."""
        problems = self.problems
        parts = {str(e.key.value): e.value for e in node.entries}
        action, called_on = self._action(node, parts)
        condition = read_expression(parts["if"], problems) if "if" in parts else None
        loop = read_loop(parts["for"], problems) if "for" in parts else None
        repeat = read_expression(parts["repeat"], problems) if "repeat" in parts else None
        let = read_keywords(parts.get("let"), problems, computed=True)
        call = read_keywords(parts.get("call"), problems, computed=False)
        source = self._wiring(parts["from"]) if "from" in parts else called_on
        if called_on is not None and "from" in parts:
            problems.error("NNC0207", parts["from"].span, "the values stand in `type:` already")
            broken = True
        written = {"if": condition, "for": loop, "repeat": repeat, "from": source}
        unread = any(value is None and key in parts for key, value in written.items())
        return EntryDecl(
            template,
            action,
            template.span if template is not None else _listed_span(node),
            condition,
            loop,
            repeat,
            let or (),
            source,
            call or (),
            broken or action is None or unread or let is None or call is None,
            _text(parts.get("after")),
            _text(parts.get("before")),
        )

    def _action(self, node: Mapping, parts: dict[str, Tree]) -> tuple[Action | None, Wiring | None]:
        """What the entry does, and the values that `type:` calls it on."""
        name = next((a for a in ACTIONS if a in parts), None)
        value = parts[name] if name is not None else None
        match name, value:
            case "type", Scalar(value=str() as text, content=span):
                return self._typed(node, text, span)
        return self._untyped(node, name, value), None

    def _untyped(self, node: Mapping, name: str | None, value: Tree | None) -> Action | None:
        match name, value:
            case "expr", Scalar(content=span) as value:
                expression = read_expression(value, self.problems)
                return Formula(expression, span) if expression is not None else None
            case "use", Scalar(value=str() as path, content=span):
                return Reuse(path, span)
            case "each", Scalar(content=span) as value:
                body = self._inline(node, with_outputs=False)
                loop = read_loop(value, self.problems)
                return Splice(loop, body, span) if loop is not None and body is not None else None
            case "layers", _:
                body = self._inline(node, with_outputs=True)
                return Group(body, body.span) if body is not None else None
        return None

    def _inline(self, node: Mapping, *, with_outputs: bool) -> Body | None:
        entry = node.entry("layers")
        if entry is None:
            self.problems.error("NNC0203", _listed_span(node), "`each` needs `layers:`, the entries of every turn")
            return None
        return self.body(entry, node.get("outputs") if with_outputs else None, None)

    def _typed(self, node: Mapping, text: str, span: Span) -> tuple[Action | None, Wiring | None]:
        """`type:` is a name, or a call, and with it the values that it is called on; further keys of the mapping are
        further keywords."""
        head, called_on = self._type(text, span), None
        positional = self._positional(node.get("args"))
        keywords = [
            (e.key, read_value(e.value, self.problems)) for e in node.entries if str(e.key.value) not in CONTROLS
        ]
        if isinstance(head, CallExpr) and isinstance(head.callee, CallExpr):
            called_on = self._called_on(head)
            head = head.callee if called_on is not None else None
        if head is None or positional is None or any(v is None for _, v in keywords):
            return None, None
        callee, arguments, named = _parts(head)
        if arguments and positional:
            entry = node.entry("args")
            assert entry is not None
            message = "arguments by position stand in `type:` already"
            self.problems.error("NNC0207", entry.key.content, message)
            return None, None
        seen = {k.name for k in named}
        for key, value in keywords:
            if key.value in seen:
                self.problems.error("NNC0306", key.content, f"`{key.value}` is given twice: it stands in `type:` too")
                return None, None
            assert value is not None
            named = (*named, Keyword(str(key.value), value, key.content))
        return self._call(callee, arguments or positional, named, span), called_on

    def _positional(self, node: Tree | None) -> tuple[Expr, ...] | None:
        if not isinstance(node, Sequence):
            return () if node is None else None
        values = [read_value(item, self.problems) for item in node.items]
        read = tuple(v for v in values if v is not None)
        return read if len(read) == len(values) else None

    def _type(self, text: str, span: Span) -> Expr | None:
        """The name or the call in `type:`: `Conv2d`, `$norm`, `Bottleneck(64, stride=2)`, `Linear(8)(x)`, `zoo:resnet50(10)`."""
        if _names_file(text):
            return self._called_file(text, span)
        parts = parse_template(text, span, self.problems) if text.startswith("${") else None
        if parts is not None and len(parts) == 1 and not isinstance(parts[0], str):
            expression: Expr | None = parts[0]
        elif text.startswith("${"):
            return None
        else:
            expression = self._parse(text, span)
        match expression:
            case None | CallExpr() | Name() | Attribute():
                return expression
        self.problems.error(
            "NNC0212",
            span,
            "`type:` is a layer's name, or a call of one",
            notes=("a tensor expression stands under `expr:`, or is written without a mapping",),
        )
        return None

    def _called_file(self, text: str, span: Span) -> Expr | None:
        """`./backbone.yaml`, `zoo:resnet50(num_classes=10)`: the last word of the file's name stands for it in the call."""
        head, _, _ = text.partition("(")
        if head == text:
            return Literal(text, span)
        start = re.search(r"\w*$", head)
        assert start is not None
        call = self._parse(text[start.start() :], span.sub(start.start(), len(text)))
        reference = Literal(head, span.sub(0, len(head)))
        match call:
            case CallExpr(callee=CallExpr(callee=Name())) as applied:
                assert isinstance(applied.callee, CallExpr)
                return replace(applied, callee=replace(applied.callee, callee=reference))
            case CallExpr(callee=Name()):
                return replace(call, callee=reference)
        if call is not None:
            self.problems.error("NNC0212", span, "a spec as a layer is its file's name, or a call of it")
        return None

    # -- wiring --------------------------------------------------------------------------------------------------------

    def _wiring(self, node: Tree) -> Wiring | None:
        match node:
            case Scalar(content=span):
                single = read_expression(node, self.problems)
                return Wiring(span, single=single) if single is not None else None
            case Sequence(items=items, span=span):
                several = [read_expression(item, self.problems) for item in items]
                read = tuple(e for e in several if e is not None)
                return Wiring(span, several=read) if len(read) == len(several) else None
            case Mapping(span=span):
                by_name = read_keywords(node, self.problems, computed=True)
                return Wiring(span, by_name=by_name) if by_name is not None else None


def _parts(head: Expr) -> tuple[Expr, tuple[Expr, ...], tuple[Keyword, ...]]:
    """What is called, by which arguments."""
    return (head.callee, head.arguments, head.keywords) if isinstance(head, CallExpr) else (head, (), ())


def _count(outputs: Tree | None) -> int:
    match outputs:
        case Mapping(entries=entries):
            return len(entries)
        case Sequence(items=items):
            return len(items)
    return 1


def _names_file(text: str) -> bool:
    """`./backbone.yaml`, `../a.yaml`, `zoo:resnet50`: another spec as a layer."""
    head = text.partition("(")[0]
    return head.startswith(("./", "../", "zoo:")) or split_variant(head)[0].endswith((".yaml", ".yml", ".json"))


def _text(node: Tree | None) -> str | None:
    return node.value if isinstance(node, Scalar) and isinstance(node.value, str) else None


def _listed_span(node: Mapping) -> Span:
    """An entry without a key is pointed at by what it does."""
    for action in ("type", "expr", "use"):
        value = node.get(action)
        if isinstance(value, Scalar):
            return value.content
    entry = node.entry("each") or node.entry("layers")
    return entry.key.content if entry is not None else node.entries[0].key.content if node.entries else node.span
