"""Workflow commands of GitHub Actions: each diagnostic becomes an annotation in the changed file."""

from __future__ import annotations

from collections.abc import Sequence

from nnc.compiler.codes import CODES
from nnc.compiler.diagnostics import Diagnostic
from nnc.compiler.render.visible import visible

__all__ = ["render"]


def render(diagnostics: Sequence[Diagnostic], *, color: bool = False) -> str:
    return "\n".join(map(_command, diagnostics))


def _command(diagnostic: Diagnostic) -> str:
    span = diagnostic.span
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    code = CODES.get(diagnostic.code)
    where = {"file": span.source.name, "line": str(line), "endLine": str(end_line)}
    if line == end_line:  # GitHub takes columns within one line only
        where |= {"col": str(column), "endColumn": str(end_column)}
    where["title"] = f"{diagnostic.code} {code.name}" if code else diagnostic.code
    properties = ",".join(f"{key}={_property(value)}" for key, value in where.items())
    text = [diagnostic.message, *(f"note: {n}" for n in diagnostic.notes)]
    if diagnostic.fix:
        text.append(f"help: {diagnostic.fix.title}")
    return f"::{diagnostic.severity} {properties}::{_data(chr(10).join(text))}"


def _data(text: str) -> str:
    return "%0A".join(visible(line).replace("%", "%25") for line in text.split("\n"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
