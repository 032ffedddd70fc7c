"""Diagnostics as JSON. Lines and columns count from 1, columns in Unicode code points; ends are exclusive."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nnc.compiler.codes import CODES
from nnc.compiler.diagnostics import Diagnostic, Span

__all__ = ["as_json", "render"]


def render(diagnostics: Sequence[Diagnostic], *, color: bool = False) -> str:
    """A list with one object for each diagnostic; ASCII only."""
    return json.dumps([as_json(d) for d in diagnostics], indent=2)


def as_json(diagnostic: Diagnostic) -> dict[str, Any]:
    code = CODES.get(diagnostic.code)
    fix = diagnostic.fix
    edit = None
    if fix is not None and fix.span is not None and fix.replacement is not None:
        edit = {**_place(fix.span), "replacement": fix.replacement}
    return {
        "code": diagnostic.code,
        "name": code.name if code else None,
        "severity": str(diagnostic.severity),
        "message": diagnostic.message,
        **_place(diagnostic.span),
        "labels": [{**_place(label.span), "text": label.text} for label in diagnostic.labels],
        "notes": list(diagnostic.notes),
        "fix": None if fix is None else {"title": fix.title, "edit": edit},
    }


def _place(span: Span) -> dict[str, Any]:
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {"file": span.source.name, "line": line, "column": column, "end_line": end_line, "end_column": end_column}
