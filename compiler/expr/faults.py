"""What is wrong with an expression, in offsets of its text; and how that becomes a diagnostic of the source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from nnc.compiler.diagnostics import Fix, Label, Problems, Span

__all__ = ["MAX_LENGTH", "Fault", "Mend", "Place", "check_length", "place_in", "report"]

MAX_LENGTH = 10_000  # characters of one expression

Place = Callable[[int, int], Span]


class Mend(NamedTuple):
    """A fix: `[start, end)` becomes `replacement`; without a replacement the title says what to do."""

    title: str
    start: int = 0
    end: int = 0
    replacement: str | None = None


@dataclass(eq=False)
class Fault(Exception):
    """The first fault of an expression: it ends the parsing."""

    code: str
    start: int
    end: int
    message: str
    label: tuple[int, int, str] | None = None
    note: str | None = None
    mend: Mend | None = None


def place_in(text: str, span: Span) -> Place:
    """Offsets of `text` to spans: exact where `span` holds the very characters of `text`, else the whole span."""
    if span.text != text:
        return lambda start, end: span
    source, base = span.source, span.start
    return lambda start, end: Span(source, base + start, base + end)


def check_length(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise Fault(
            "NNC0406", 0, len(text), f"this expression has {len(text):,} characters: at most {MAX_LENGTH:,} are read"
        )


def report(fault: Fault, text: str, span: Span, problems: Problems) -> None:
    """Adds the diagnostic of `fault`, found in `text`, which `span` covers."""
    place = place_in(text, span)
    exact = span.text == text
    labels = (Label(place(*fault.label[:2]), fault.label[2]),) if fault.label and exact else ()
    notes = [fault.note] if fault.note else []
    if not exact and len(text) <= 200:
        notes.append(f"the fault is at character {fault.start + 1} of: {' '.join(text.split())}")
    fix = None
    if fault.mend:
        title, start, end, replacement = fault.mend
        fix = Fix(title, place(start, end), replacement) if exact and replacement is not None else Fix(title)
    problems.error(fault.code, place(fault.start, fault.end), fault.message, labels=labels, notes=tuple(notes), fix=fix)
