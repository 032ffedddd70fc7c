"""NNC02, the document: sections, keys and the form of their values."""

from __future__ import annotations

from nnc.compiler.codes.code import Code

__all__ = ["CODES"]

CODES: tuple[Code, ...] = ()
