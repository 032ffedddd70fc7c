"""Colors of a terminal: plain ANSI, and only where they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Paint", "Style", "style_for"]

Paint = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Style:
    error: Paint
    warning: Paint
    strong: Paint
    frame: Paint
    label: Paint


def style_for(color: bool) -> Style:
    return _COLORED if color else _PLAIN


def _ansi(code: str) -> Paint:
    return lambda text: f"\x1b[{code}m{text}\x1b[0m" if text else ""


def _plain(text: str) -> str:
    return text


_PLAIN = Style(_plain, _plain, _plain, _plain, _plain)
_COLORED = Style(_ansi("1;31"), _ansi("1;33"), _ansi("1"), _ansi("34"), _ansi("36"))
