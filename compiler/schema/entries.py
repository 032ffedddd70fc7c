"""Entries of `layers:`: a call string or a mapping form becomes one `EntryDecl`, a section a `Body`.

conv1: Conv2d(64, 3)                                      LayerCall
conv1: {type: Conv2d, out_channels: 64, kernel_size: 3}   LayerCall, by keywords
out: relu(bn3 + downsample)                               Formula
branch: Conv2d(64, 3)(x)                                  LayerCall, with the values that it takes
token: Parameter([1, 1, dim])                             StoredDecl
"""

from __future__ import annotations

from nnc.compiler.diagnostics import Fix, Problems, Span
from nnc.compiler.expr.parser import parse
from nnc.compiler.expr.tree import Attribute, CallExpr, Expr, Keyword, Name
from nnc.compiler.schema.call_strings import CalledOn, CallStrings
from nnc.compiler.schema.check import Broken
from nnc.compiler.schema.document import ACTIONS, CONTROLS
from nnc.compiler.schema.names import identifier_fault
from nnc.compiler.schema.spec import (
    Action,
    Body,
    EntryDecl,
    Formula,
    Group,
    OutputDecl,
    Removal,
    Reuse,
    Splice,
    Template,
    TieDecl,
    Wiring,
)
from nnc.compiler.schema.values import first_line, read_expression, read_keywords, read_loop, read_template, read_value
from nnc.compiler.source.tree import Entry, Mapping, Scalar, Sequence, Tree

__all__ = ["EntryReader"]


class EntryReader:
    """Reads the entries of one file. `blocks` are the names of its blocks, `imports` those of its own code."""

    def __init__(self, problems: Problems, broken: Broken, blocks: frozenset[str], imports: frozenset[str]) -> None:
        self.problems, self.broken = problems, broken
        self.texts = CallStrings(problems, blocks, imports)

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
        called_on: CalledOn | None = None
        if isinstance(node, Sequence):
            action = Group(Body(self._entries(node), True, span), span)
        elif isinstance(node.value, str):
            action, called_on = self.texts.read(node.value, node.content)
        elif node.value is None and not broken:
            action = Removal(span)
        broken = broken or action is None
        if called_on is None:
            return EntryDecl(template, action, span, broken=broken)
        return EntryDecl(template, action, span, source=called_on.values, call=called_on.call, broken=broken)

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
        source = self._wiring(parts["from"]) if "from" in parts else None
        if called_on is not None:
            said = {"from": ("values", called_on.values), "call": ("keywords of `forward`", called_on.call)}
            for key, (what, there) in said.items():
                if there and key in parts:
                    problems.error("NNC0207", parts[key].span, f"the {what} stand in `type:` already")
                    broken = True
            source = source if "from" in parts else called_on.values
            call = call if "call" in parts else called_on.call
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

    def _action(self, node: Mapping, parts: dict[str, Tree]) -> tuple[Action | None, CalledOn | None]:
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

    def _typed(self, node: Mapping, text: str, span: Span) -> tuple[Action | None, CalledOn | None]:
        """`type:` is a name, or a call, and with it the values that it is called on; further keys of the mapping are
        further keywords."""
        head, called_on = self.texts.head(text, span), None
        positional = self._positional(node.get("args"))
        keywords = [
            (e.key, read_value(e.value, self.problems)) for e in node.entries if str(e.key.value) not in CONTROLS
        ]
        if isinstance(head, CallExpr) and isinstance(head.callee, CallExpr):
            called_on = self.texts.called_on(head)
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
        return self.texts.action(callee, arguments or positional, named, span), called_on

    def _positional(self, node: Tree | None) -> tuple[Expr, ...] | None:
        if not isinstance(node, Sequence):
            return () if node is None else None
        values = [read_value(item, self.problems) for item in node.items]
        read = tuple(v for v in values if v is not None)
        return read if len(read) == len(values) else None

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
