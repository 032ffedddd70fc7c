"""What a text said, at another place: the same tree, with every span moved.

    - Linear(8)     tokenized, parsed, and understood as a LayerCall
    - Linear(8)     the LayerCall above, five lines down

Long specs repeat themselves. A stamp is taken of a tree once, and puts copies of it down in a tenth of the time of reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from nnc.compiler.diagnostics import Span

__all__ = ["Stamps", "stamp"]

T = TypeVar("T")
Put = Callable[[Span], Any]

LONGEST = 160  # characters of a text that is remembered: what so few say is not deep, and stamps are made by recursion


class Stamps(Generic[T]):
    """What texts of one file said, by the text."""

    def __init__(self) -> None:
        self._read: dict[str, _Read[T]] = {}

    def put(self, text: str, span: Span) -> T | None:
        """What `text` says at `span`; None where it was not read before, or does not stand there character by character."""
        known = self._read.get(text)
        return known.at(span) if known is not None and span.text == text else None

    def keep(self, text: str, span: Span, said: T) -> T:
        """`said`, which was read without a fault."""
        if len(text) <= LONGEST and span.text == text:
            self._read[text] = _Read(said, span)
        return said


@dataclass(eq=False)
class _Read(Generic[T]):
    """What a text said, at one place."""

    said: T
    span: Span

    @cached_property
    def at(self) -> Callable[[Span], T]:
        """What it says at another."""
        return stamp(self.said, self.span)


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
