"""SARIF 2.1.0, the format that code scanning services read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from nnc.compiler.codes import CODES
from nnc.compiler.diagnostics import Diagnostic, Fix, Span

__all__ = ["render"]


def render(diagnostics: Sequence[Diagnostic], *, color: bool = False) -> str:
    """One run of the tool `nnc`, with a rule for each code that occurs; ASCII only."""
    codes = sorted({d.code for d in diagnostics})
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "nnc", "rules": [_rule(code) for code in codes]}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(d, codes.index(d.code)) for d in diagnostics],
            }
        ],
    }
    return json.dumps(log, indent=2)


def _rule(number: str) -> dict[str, Any]:
    code = CODES.get(number)
    if code is None:
        return {"id": number}
    return {
        "id": number,
        "name": "".join(word.capitalize() for word in code.name.split("-")),
        "shortDescription": {"text": code.summary},
        "fullDescription": {"text": code.explanation},
    }


def _result(diagnostic: Diagnostic, rule: int) -> dict[str, Any]:
    text = "\n".join([diagnostic.message, *diagnostic.notes, *([diagnostic.fix.title] if diagnostic.fix else [])])
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": str(diagnostic.severity),
        "message": {"text": text},
        "locations": [_location(diagnostic.span)],
    }
    if diagnostic.labels:
        result["relatedLocations"] = [
            {"id": number, **_location(label.span), "message": {"text": label.text}}
            for number, label in enumerate(diagnostic.labels)
        ]
    if diagnostic.fix and diagnostic.fix.span and diagnostic.fix.replacement is not None:
        result["fixes"] = [_fix(diagnostic.fix, diagnostic.fix.span, diagnostic.fix.replacement)]
    return result


def _location(span: Span) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(span.source.name)}}
    if span.source.text:
        physical["region"] = _region(span)
    return {"physicalLocation": physical}


def _region(span: Span) -> dict[str, int]:
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _fix(fix: Fix, span: Span, replacement: str) -> dict[str, Any]:
    change = {"deletedRegion": _region(span), "insertedContent": {"text": replacement}}
    artifact = {"artifactLocation": {"uri": _uri(span.source.name)}, "replacements": [change]}
    return {"description": {"text": fix.title}, "artifactChanges": [artifact]}


def _uri(name: str) -> str:
    path = PurePath(name)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix(), errors="surrogateescape")
