"""Problems as data: where, which code, one sentence, how to mend it. Renderers (`render/`) decide the look.

Every stage reports into one `Problems`, which keeps the first of several reports of the same fault:
what depends on a failed entry is marked unknown by the reporter and stays quiet.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from nnc.compiler.records import record

__all__ = ["Diagnostic", "Fix", "Label", "Problems", "Severity", "Source", "Span"]


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, eq=False)
class Source:
    """One text that was read: a file's name as the user gave it, and its content."""

    name: str
    text: str

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        return (0, *(m.end() for m in re.finditer("\n", self.text)))

    def position(self, offset: int) -> tuple[int, int]:
        """1-based (line, column) of a 0-based character offset."""
        line = bisect.bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a 1-based line, without its line break."""
        start = self.line_starts[number - 1]
        end = self.line_starts[number] - 1 if number < len(self.line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r")


@record(frozen=True, slots=True)
class Span:
    """Half-open range of characters `[start, end)` of a source."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.start)[1]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def sub(self, start: int, end: int) -> Span:
        """The part `[start, end)` of this span, counted from its own beginning."""
        return Span(self.source, self.start + start, self.start + end)

    def to(self, other: Span) -> Span:
        """From the beginning of this span to the end of `other`."""
        return Span(self.source, self.start, other.end)

    def pinned(self) -> Span:
        """The same place, of which every part is the whole: for text that does not stand in the file character by character."""
        return _Pinned(self.source, self.start, self.end)

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"


class _Pinned(Span):
    __slots__ = ()

    def sub(self, start: int, end: int) -> Span:
        return self

    def to(self, other: Span) -> Span:
        return self


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that explains the first: "`C` is defined here"."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A replacement that mends the fault: `span` becomes `replacement`. `title` says it in words ("did you mean `bias`?")."""

    title: str
    span: Span | None = None
    replacement: str | None = None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault. `code` is a key of `codes.CODES`; `message` one short sentence without a final full stop."""

    code: str
    span: Span
    message: str
    severity: Severity = Severity.ERROR
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    fix: Fix | None = None

    def __str__(self) -> str:
        return f"{self.span}: {self.severity}: [{self.code}] {self.message}"


@dataclass
class Problems:
    """Collects diagnostics in the order found; the same code at the same place is kept once."""

    found: list[Diagnostic] = field(default_factory=list)
    _seen: set[tuple[str, str, int, int]] = field(default_factory=set)

    def add(self, diagnostic: Diagnostic) -> None:
        span = diagnostic.span
        key = (diagnostic.code, span.source.name, span.start, span.end)
        if key not in self._seen:
            self._seen.add(key)
            self.found.append(diagnostic)

    def error(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        labels: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        fix: Fix | None = None,
    ) -> None:
        self.add(Diagnostic(code, span, message, Severity.ERROR, labels, notes, fix))

    def warning(
        self, code: str, span: Span, message: str, *, notes: tuple[str, ...] = (), fix: Fix | None = None
    ) -> None:
        self.add(Diagnostic(code, span, message, Severity.WARNING, (), notes, fix))

    @property
    def has_errors(self) -> bool:
        return any(d.severity is Severity.ERROR for d in self.found)

    def sorted(self) -> list[Diagnostic]:
        """By file and place, as a reader meets them."""
        return sorted(self.found, key=lambda d: (d.span.source.name, d.span.start, d.code))

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)
