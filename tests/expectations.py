"""The expectation stands beside the mistake:

    fc: Linear(10, bais=True)  # error: [unknown-argument] "did you mean `bias`"

`[name]` is the name of the code, the text a part of the message, a note, a label or the fix. Every diagnostic must be
expected, on its line, and every expectation be met. One that stands on a line of its own speaks of the next line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nnc.compiler.codes import CODES
from nnc.compiler.diagnostics import Diagnostic

__all__ = ["Expectation", "compare", "expectations"]

_COMMENT = re.compile(r'# (error|warning): \[([a-z0-9-]+)\] "((?:[^"\\]|\\.)*)"')
_LOOKALIKE = re.compile(r"# ?(error|warning)\b ?:?")


@dataclass(frozen=True, slots=True)
class Expectation:
    line: int
    severity: str
    name: str
    part: str

    def is_met_by(self, diagnostic: Diagnostic) -> bool:
        code = CODES.get(diagnostic.code)
        return (
            diagnostic.span.line == self.line
            and diagnostic.severity == self.severity
            and code is not None
            and code.name == self.name
            and self.part in _texts(diagnostic)
        )

    def __str__(self) -> str:
        return f'line {self.line}: {self.severity}: [{self.name}] "{self.part}"'


def expectations(text: str) -> list[Expectation]:
    """What the comments of a spec expect. Raises ValueError for a comment that looks like one and cannot be read."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        here = list(_COMMENT.finditer(line))
        if len(here) != len(_LOOKALIKE.findall(line)):
            raise ValueError(f'line {number}: an expectation is written `# error: [name] "part of the message"`')
        alone = line.lstrip().startswith("#")
        found += [Expectation(number + alone, m[1], m[2], re.sub(r"\\(.)", r"\1", m[3])) for m in here]
    return found


def compare(text: str, diagnostics: Sequence[Diagnostic]) -> list[str]:
    """Where the diagnostics of a spec and its expectations differ: empty if they agree."""
    missing = expectations(text)
    unexpected = []
    for diagnostic in diagnostics:
        met = next((e for e in missing if e.is_met_by(diagnostic)), None)
        if met is None:
            unexpected.append(diagnostic)
        else:
            missing.remove(met)
    return [*(f"not found: {e}" for e in missing), *(f"not expected: {_said(d)}" for d in unexpected)]


def _texts(diagnostic: Diagnostic) -> str:
    labels = (label.text for label in diagnostic.labels)
    return "\n".join([diagnostic.message, *diagnostic.notes, *labels, diagnostic.fix.title if diagnostic.fix else ""])


def _said(diagnostic: Diagnostic) -> str:
    code = CODES.get(diagnostic.code)
    name = code.name if code else diagnostic.code
    return f'line {diagnostic.span.line}: {diagnostic.severity}: [{name}] "{_texts(diagnostic)}"'
