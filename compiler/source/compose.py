"""Keys and values to a mapping, for both readers: keys must be text, and each its own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nnc.compiler.diagnostics import Fix, Label, Problems, Span
from nnc.compiler.source.guard import Guard
from nnc.compiler.source.tree import Entry, Mapping, Scalar, Tree

__all__ = ["compose_mapping", "quoted"]


def compose_mapping(pairs: Iterable[tuple[Tree, Tree]], span: Span, guard: Guard, *, flow: bool) -> Mapping:
    """A mapping of the pairs. What is wrong with a key is reported and the tree still made: of equal keys the first one
    counts, a key that is no text is read as its characters, and a pair that has no key at all leaves a hole."""
    problems = guard.problems
    entries: list[Entry] = []
    seen: dict[str, Scalar] = {}
    for key, value in pairs:
        if not isinstance(key, Scalar) or not isinstance(key.value, str) or (key.value == "<<" and not key.quoted):
            guard.check_faults(key.span.start)
            mended = _mended_key(key, value, problems)
            if mended is None:
                guard.whole = False
                continue
            key = mended
        name = str(key.value)
        first = seen.setdefault(name, key)
        if first is key:
            entries.append(Entry(key, value))
        else:
            guard.check_faults(key.span.start)
            problems.error(
                "NNC0107",
                key.span,
                f"the key `{name}` is given twice",
                labels=(Label(first.span, "first given here"),),
                fix=Fix("rename one of the two, or remove it"),
            )
    return Mapping(tuple(entries), span, flow)


def _mended_key(key: Tree, value: Tree, problems: Problems) -> Scalar | None:
    """The key that was meant, after reporting what is wrong with it; None where there is none."""
    if not isinstance(key, Scalar):
        if key.span.text.startswith("{{"):
            return None  # the inner braces were a key too, and reported as one
        fix = Fix("quote it")
        if isinstance(key, Mapping) and key.span.source.text[: key.span.start].endswith("{"):
            fix = Fix('an expression is written `${…}`, in quotes: "${…}"')
        problems.error("NNC0108", key.span, "a list or a mapping cannot be a key", fix=fix)
        return None
    if key.value == "<<":
        problems.error(
            "NNC0112",
            key.span,
            "the merge key `<<` is not part of YAML 1.2",
            fix=Fix("write the entries out, or give a block arguments"),
        )
        return None
    text = key.content.text
    if not text:
        problems.error(
            "NNC0108", Span(key.span.source, key.span.start, value.span.start), "a key is missing before `:`"
        )
        return None
    kind = {bool: "true or false", type(None): "null"}.get(type(key.value), "a number")
    problems.error(
        "NNC0108",
        key.span,
        f"a key must be text, and `{text}` is read as {kind}",
        fix=Fix("quote it", key.span, quoted(text)),
    )
    return Scalar(text, key.span, key.content)


_NEEDS_ESCAPE = re.compile(r'["\\\n]')


def quoted(text: str) -> str:
    """`text` as a quoted YAML scalar: in double quotes, or in single ones where that needs no escape."""
    if not _NEEDS_ESCAPE.search(text):
        return f'"{text}"'
    if "\n" not in text:
        return "'" + text.replace("'", "''") + "'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
