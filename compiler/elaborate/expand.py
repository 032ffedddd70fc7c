"""Loops, conditions and templates of a body, resolved: the flat list of entries that really stand there.

    each: c in [8, 16]                     conv${…}: Conv2d(8)
    layers: {conv${c}: Conv2d(c)}    →     conv16: Conv2d(16)

Everything here is known before any tensor is: conditions see arguments and the names of input dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from nnc.compiler.diagnostics import Label, Problems, Span
from nnc.compiler.elaborate.context import WORK_PER_TURN, Context, Failed
from nnc.compiler.elaborate.evaluate import Evaluator
from nnc.compiler.elaborate.scope import Scope
from nnc.compiler.expr.mentions import names_in
from nnc.compiler.expr.statics import describe
from nnc.compiler.expr.tree import Keyword, Targets
from nnc.compiler.records import record
from nnc.compiler.schema.names import layer_name_fault
from nnc.compiler.schema.spec import Body, EntryDecl, Loop, Splice, Template

__all__ = ["Pending", "expand", "split_lets"]

NAMELESS = "\0"  # no key of a file can begin with it


@record(frozen=True, slots=True)
class Pending:
    """An entry that stands in the network: its final key, and the scope that holds its loop's and `let:` names.
    `enabled` False: it is switched off, and passes its input through (only in a mapping; in a list it is gone)."""

    key: str
    entry: EntryDecl
    scope: Scope
    span: Span
    enabled: bool = True
    broken: bool = False

    @property
    def has_its_key(self) -> bool:
        """False where the key, or those of the entries that would stand here, could not be computed."""
        return not self.key.startswith(NAMELESS) and not isinstance(self.entry.action, Splice)


def expand(context: Context, body: Body, scope: Scope) -> list[Pending]:
    """The entries of `body` in file order, with unique keys; a list's are numbered after disabled ones are taken out."""
    pending: list[Pending] = []
    seen: dict[str, Span] = {}
    for entry, inner, ok in _turns(context, body, scope, body.listed):
        span = entry.key.span if entry.key is not None else entry.span
        enabled = ok and _enabled(context, entry, inner)
        if enabled is None:
            ok, enabled = False, True
        if not enabled and body.listed and ok:
            continue
        key = _key(context, entry, inner, str(len(pending))) if ok or entry.key is None or entry.key.literal else None
        if key is not None and key in seen:
            _report_double(context, key, span, seen[key])
            key = None
        if key is None:  # keeps its place, so that what follows stays quiet instead of taking the value before it
            pending.append(Pending(f"{NAMELESS}{len(pending)}", entry, inner, span, True, True))
            continue
        seen[key] = span
        pending.append(Pending(key, entry, inner, span, enabled, entry.broken or not ok))
    return pending


def _turns(context: Context, body: Body, scope: Scope, listed: bool) -> Iterator[tuple[EntryDecl, Scope, bool]]:
    """Every entry, once per turn of its loop, with spliced ones in place. The flag is False where a fault was reported."""
    for entry in body.entries:
        if entry.loop is None and not entry.let and not isinstance(entry.action, Splice):  # no name of its own
            yield entry, scope, True
            continue
        early, late = split_lets(entry)
        for inner, ok in _loop(context, entry.loop, scope):
            ok = _defined(context, early, inner) and ok
            action = entry.action
            if not isinstance(action, Splice) or not ok:
                yield entry, inner, ok
                continue
            if _enabled(context, entry, inner) is False:
                continue
            if action.body.listed is not listed:
                kind, other = ("list", "mapping") if listed else ("mapping", "list")
                context.fail(
                    "NNC0706",
                    action.span,
                    f"`each` stands in a {kind} of layers, so its `layers:` must be a {kind}, not a {other}",
                )
                yield entry, inner, False
                continue
            for turn, turn_ok in _loop(context, action.loop, inner):
                if turn_ok and _defined(context, late, turn):
                    yield from _turns(context, action.body, turn, listed)
                else:
                    yield entry, turn, False


def _report_double(context: Context, key: str, span: Span, first: Span) -> None:
    if span == first:
        context.fail(
            "NNC0705", span, f"every turn of the loop has the same key, `{key}`",
            notes=(f"put the loop's name into the key, as in `{key}${{i}}`",),
        )  # fmt: skip
    else:
        labels = (Label(first, "the first one"),)
        context.fail("NNC0705", span, f"`{key}` is already the name of another entry", labels=labels)


def _loop(context: Context, loop: Loop | None, scope: Scope) -> Iterator[tuple[Scope, bool]]:
    if loop is None:
        yield scope.child(), True
        return
    try:
        items = Evaluator(context, scope).static(loop.iterable, "what a loop runs over")
        if not isinstance(items, tuple):
            notes = (f"count with range({items})",) if isinstance(items, int) and not isinstance(items, bool) else ()
            raise context.fail(
                "NNC0707", loop.iterable.span, f"a loop runs over a list, not over {describe(items)}", notes=notes
            )
    except Failed:
        yield scope.child(), False
        return
    for item in items:
        turn = scope.child()
        context.step(loop.span, WORK_PER_TURN)
        try:
            Evaluator(context, turn).assign(loop.targets, item, loop.span)
        except Failed:
            yield turn, False
            return
        yield turn, True


def split_lets(entry: EntryDecl) -> tuple[tuple[Keyword, ...], tuple[Keyword, ...]]:
    """`let:` beside `each:` or `repeat:`: what is the same in every turn, and what needs the loop's names."""
    if entry.repeat is not None:
        turning = {"i"}
    elif isinstance(entry.action, Splice):
        turning = set(_names(entry.action.loop.targets))
    else:
        return entry.let, ()
    early: list[Keyword] = []
    late: list[Keyword] = []
    for let in entry.let:
        if turning.isdisjoint(names_in([let.value])):
            early.append(let)
        else:
            late.append(let)
            turning.add(let.name)
    return tuple(early), tuple(late)


def _names(targets: Targets) -> Iterator[str]:
    for target in targets:
        if isinstance(target, str):
            yield target
        else:
            yield from _names(target)


def _defined(context: Context, lets: Sequence[Keyword], scope: Scope) -> bool:
    """False after reporting that one has no value."""
    try:
        for let in lets:
            scope.define(let.name, Evaluator(context, scope).static(let.value, f"`{let.name}`"), let.span)
    except Failed:
        return False
    return True


def _enabled(context: Context, entry: EntryDecl, scope: Scope) -> bool | None:
    """None where the condition itself is at fault."""
    if entry.condition is None:
        return True
    try:
        return Evaluator(context, scope).condition(entry.condition)
    except Failed:
        return None


def _key(context: Context, entry: EntryDecl, scope: Scope, number: str) -> str | None:
    """The entry's key, computed parts filled in; None where a fault was reported."""
    if entry.key is None:
        return number
    if entry.broken:  # its loop may be what was at fault, and that was said
        context = replace(context, problems=Problems())
    try:
        key = _fill(context, entry.key, scope)
    except Failed:
        return None
    if entry.broken:
        return key or None
    fault = layer_name_fault(key)
    if fault is not None:
        context.fail(fault[0], entry.key.span, fault[1])
        return None
    return key


def _fill(context: Context, template: Template, scope: Scope) -> str:
    literal = template.literal
    if literal is not None:
        return literal
    parts = []
    for part in template.parts:
        if isinstance(part, str):
            parts.append(part)
            continue
        value = Evaluator(context, scope).static(part, "a key")
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise context.fail(
                "NNC0706", part.span, f"a part of a key is a whole number or a text, not {describe(value)}"
            )
        parts.append(str(value))
    return "".join(parts)
