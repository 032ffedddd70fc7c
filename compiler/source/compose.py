"""Keys and values to a mapping, for both readers: keys must be text, and each its own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nnc.compiler.diagnostics import Fix, Label, Problems, Span
from nnc.compiler.source.guard import Guard, Refused
from nnc.compiler.source.tree import Entry, Mapping, Scalar, Tree

__all__ = ["compose_mapping", "quoted"]


def compose_mapping(pairs: Iterable[tuple[Tree, Tree]], span: Span, guard: Guard, *, flow: bool) -> Mapping:
    """A mapping of the pairs. What is wrong with a key is reported: of equal keys the first one counts, and a pair whose key
    is no text leaves a hole. Raises Refused where a key is a list or a mapping."""
    entries: list[Entry] = []
    seen: dict[str, Scalar] = {}
    for key, value in pairs:
        if not isinstance(key, Scalar) or not isinstance(key.value, str) or (key.value == "<<" and not key.quoted):
            guard.check_faults(key.span.start)
            _report_key(key, value, guard.problems)
            guard.whole = False
            continue
        first = seen.setdefault(key.value, key)
        if first is key:
            entries.append(Entry(key, value))
        else:
            guard.check_faults(key.span.start)
            guard.problems.error(
                "NNC0107",
                key.span,
                f"the key `{key.value}` is given twice",
                labels=(Label(first.span, "first given here"),),
                fix=Fix("rename one of the two, or remove it"),
            )
    return Mapping(tuple(entries), span, flow)


def _report_key(key: Tree, value: Tree, problems: Problems) -> None:
    if not isinstance(key, Scalar):
        braces = isinstance(key, Mapping) and key.span.source.text[: key.span.start].endswith("{")
        fix = Fix('an expression is written `${…}`, in quotes: "${…}"' if braces else "quote it")
        problems.error("NNC0108", key.span, "a list or a mapping cannot be a key", fix=fix)
        raise Refused
    text = key.content.text
    if key.value == "<<":
        fix = Fix("write the entries out, or give a block arguments")
        problems.error("NNC0112", key.span, "the merge key `<<` is not part of YAML 1.2", fix=fix)
    elif not text:
        here = Span(key.span.source, key.span.start, max(value.span.start, key.span.start))
        problems.error("NNC0108", here, "a key is missing before `:`")
    else:
        kind = {bool: "true or false", type(None): "null"}.get(type(key.value), "a number")
        message = f"a key must be text, and `{text}` is read as {kind}"
        problems.error("NNC0108", key.span, message, fix=Fix("quote it", key.span, quoted(text)))


_NEEDS_ESCAPE = re.compile(r'["\\\n]')


def quoted(text: str) -> str:
    """`text` as a quoted YAML scalar: in double quotes, or in single ones where that needs no escape."""
    if not _NEEDS_ESCAPE.search(text):
        return f'"{text}"'
    if "\n" not in text:
        return "'" + text.replace("'", "''") + "'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
