"""Names of a spec as they may stand on a page or a terminal."""

from __future__ import annotations

__all__ = ["clip", "span"]

WIDEST = 44  # characters


def clip(text: str, width: int = WIDEST) -> str:
    """A text of a spec in at most `width` characters, none of which is invisible or steers a terminal."""
    text = text if len(text) <= width else text[: width - 1] + "…"
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


def span(first: str, last: str) -> str:
    """Names from one to another: `1 … 5`, `encoder_layer_0 … 11`."""
    stem = first.rstrip("0123456789")
    return clip(f"{first} … {last[len(stem) :] if last.startswith(stem) and last != stem else last}")
