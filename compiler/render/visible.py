"""Text of a spec on a terminal: nothing that it holds can move the cursor, change colors or reorder the line."""

from __future__ import annotations

import unicodedata

__all__ = ["TAB", "cells", "visible"]

TAB = 4


def visible(text: str) -> str:
    """`text` with every character that does not print as itself written as an escape; line breaks and tabs too."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def cells(text: str, column: int = 0) -> list[tuple[str, int]]:
    """What each character of a line prints as, and how many columns that takes, from `column` on.

    Tabs go to the next multiple of TAB; East Asian wide characters and emoji take two columns, combining marks none.
    """
    result = []
    for char in text:
        if char == "\t":
            shown = " " * (TAB - column % TAB)
            width = len(shown)
        elif char.isascii() and char.isprintable():
            shown, width = char, 1
        elif not char.isprintable():
            shown = _escape(char)
            width = len(shown)
        else:
            shown = char
            width = 0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        result.append((shown, width))
        column += width
    return result


def _escape(char: str) -> str:
    common = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    code = ord(char)
    return common.get(char) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )
