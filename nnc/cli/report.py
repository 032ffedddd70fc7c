"""Shows diagnostics in the format that was asked for; every command that finds faults ends here."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from nnc.cli.exits import FINDINGS, MISUSE, OK
from nnc.cli.output import wants_color
from nnc.compiler.diagnostics import Diagnostic, Severity

__all__ = ["FORMATS", "count", "diagnostics_json", "exit_code", "render", "show"]

FORMATS = ("text", "concise", "json", "sarif", "github")
UNREACHABLE = {"NNC0101", "NNC0903", "NNC0911"}  # a file or a package is out of reach: nothing was looked at


def render(diagnostics: Sequence[Diagnostic], form: str, *, color: bool = False) -> str:
    """The diagnostics as text in one of FORMATS, without a final line break."""
    match form:
        case "concise":
            from nnc.compiler.render.concise import render as look
        case "json":
            from nnc.compiler.render.json import render as look
        case "sarif":
            from nnc.compiler.render.sarif import render as look
        case "github":
            from nnc.compiler.render.github import render as look
        case _:
            from nnc.compiler.render.full import render as look
    return look(diagnostics, color=color)


def show(diagnostics: Sequence[Diagnostic], *, stream: TextIO | None = None, form: str = "text") -> int:
    """Prints them, by default to standard error, and returns the exit code they call for."""
    stream = stream if stream is not None else sys.stderr
    if diagnostics:
        print(render(diagnostics, form, color=wants_color(stream)).rstrip("\n"), file=stream)
    return exit_code(diagnostics)


def exit_code(diagnostics: Iterable[Diagnostic]) -> int:
    """OK without errors (warnings are none), MISUSE where a file was out of reach, else FINDINGS."""
    errors = {d.code for d in diagnostics if d.severity is Severity.ERROR}
    return OK if not errors else MISUSE if errors & UNREACHABLE else FINDINGS


def count(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`, or `ok`."""
    found = list(diagnostics)
    parts = []
    for severity in Severity:
        n = sum(d.severity is severity for d in found)
        if n:
            parts.append(f"{n} {severity}{'s' if n > 1 else ''}")
    return ", ".join(parts) or "ok"


def diagnostics_json(diagnostics: Sequence[Diagnostic]) -> list[dict[str, Any]]:
    """The diagnostics as plain data, in the form that `--format json` prints."""
    from nnc.compiler.render.json import as_json

    return [as_json(d) for d in diagnostics]
