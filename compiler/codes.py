"""The catalogue of diagnostic codes: `nnc explain NNC0301`, and docs/errors.md, are made from it.

Hundreds say the stage: 01 text, 02 document, 03 names and calls, 04 expressions, 05 shapes and dtypes, 06 wiring,
07 blocks and arguments, 08 data and training, 09 files and artifacts.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CODES", "Code"]


@dataclass(frozen=True, slots=True)
class Code:
    """`name` is the word used in `# error: [name]` expectations; `example` a short wrong spec, `mended` the right one."""

    code: str
    name: str
    summary: str
    explanation: str
    example: str = ""
    mended: str = ""


def _catalogue(*codes: Code) -> dict[str, Code]:
    return {c.code: c for c in codes}


CODES: dict[str, Code] = _catalogue()
