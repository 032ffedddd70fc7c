"""What stops a run: problems as data, like the compiler's, with a place in the spec or the name of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nnc.compiler.diagnostics import Diagnostic, Fix, Problems, Severity, Source, Span

__all__ = ["Failure", "file_span", "raise_errors", "reason_of"]


def file_span(path: str | Path) -> Span:
    """The place of a fault in a file that is no text: its name."""
    return Span(Source(str(path), ""), 0, 0)


class Failure(Exception):
    """One or several faults. `diagnostics` holds them; the text is theirs in short."""

    def __init__(
        self,
        code: str,
        where: Span | str | Path,
        message: str,
        *,
        notes: Sequence[str] = (),
        fix: Fix | None = None,
    ) -> None:
        span = where if isinstance(where, Span) else file_span(where)
        self.diagnostics = [Diagnostic(code, span, message, Severity.ERROR, (), tuple(notes), fix)]
        super().__init__(str(self))

    @classmethod
    def of(cls, diagnostics: Sequence[Diagnostic]) -> Failure:
        first = diagnostics[0]
        failure = cls(first.code, first.span, first.message)
        failure.diagnostics = list(diagnostics)
        return failure

    @property
    def code(self) -> str:
        return self.diagnostics[0].code

    def __str__(self) -> str:
        return "\n".join("\n".join([str(d), *(f"  {n}" for n in d.notes)]) for d in self.diagnostics)


def reason_of(error: BaseException) -> str:
    """The first line of what a library says, or the error's kind where it says nothing."""
    said = str(error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def raise_errors(problems: Problems) -> None:
    """Raises `Failure` where errors were found."""
    errors = [d for d in problems.sorted() if d.severity is Severity.ERROR]
    if errors:
        raise Failure.of(errors)
