"""The YAML 1.2 core schema: which plain scalars are null, true, false or numbers. Everything else is text.

Unlike YAML 1.1: `on`, `off`, `yes`, `no` and `12:30:45` are text, `010` is ten, `1e-6` is a number.
"""

from __future__ import annotations

import math
import re

__all__ = ["OutOfRange", "resolve"]

_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    "~": None, "null": None, "Null": None, "NULL": None, "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_MAX_DIGITS = 400  # more than any float has, and far fewer than make int() slow


class OutOfRange(ValueError):
    """A number that is larger than any float."""


def resolve(text: str) -> bool | int | float | str | None:
    """What the characters of a plain scalar stand for. Raises OutOfRange for a number larger than any float."""
    if not text:
        return None
    if text[0] not in "0123456789+-.":
        return _WORDS.get(text, text)
    if _INT.fullmatch(text):
        if len(text) > _MAX_DIGITS:
            raise OutOfRange
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise OutOfRange
        return number
    if _OTHER_BASE.fullmatch(text):
        if len(text) > _MAX_DIGITS:
            raise OutOfRange
        return int(text, 0)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    return text
