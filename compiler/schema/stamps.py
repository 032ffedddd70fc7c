"""What a text said, at another place: the same tree, with every span moved.

    - Linear(8)     tokenized, parsed, and understood as a LayerCall
    - Linear(8)     the LayerCall above, five lines down

Long specs repeat themselves. A stamp is taken of a tree once, and puts copies of it down in a tenth of the time of reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast

from nnc.compiler.diagnostics import Span

__all__ = ["stamp"]

T = TypeVar("T")
Put = Callable[[Span], Any]


def stamp(said: T, span: Span) -> Callable[[Span], T]:
    """`said` was read from the text that `span` covers. What comes back makes of the span of an equal text what reading that text
    would: all of `said` but its spans is the same."""
    put = _put(said, span)
    return cast("Callable[[Span], T]", put) if put is not None else lambda _: said


def _put(value: object, whole: Span) -> Put | None:
    """What makes a value's copies; None for one that holds no span, and serves everywhere."""
    if isinstance(value, Span):
        return _put_span(value, whole)
    if isinstance(value, tuple):
        return _put_all(value, whole, lambda *parts: parts)
    if is_dataclass(value):
        return _put_all([getattr(value, f.name) for f in fields(value)], whole, cast("Callable[..., Any]", type(value)))
    return None


def _put_span(span: Span, whole: Span) -> Put:
    if span == whole:
        return lambda new: new
    start, end = span.start - whole.start, span.end - whole.start
    return lambda new: Span(new.source, new.start + start, new.start + end)


def _put_all(parts: Any, whole: Span, make: Callable[..., Any]) -> Put | None:
    puts = [_put(part, whole) for part in parts]
    if not any(puts):
        return None
    match parts, puts:
        case (first, _), (None, put) if put is not None:  # most are a value and its span
            return lambda new: make(first, put(new))
    pairs = list(zip(parts, puts, strict=True))
    return lambda new: make(*[part if put is None else put(new) for part, put in pairs])
