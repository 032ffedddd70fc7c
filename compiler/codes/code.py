"""What is known of one diagnostic code."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import cleandoc

__all__ = ["Code", "catalogue", "define"]


@dataclass(frozen=True, slots=True)
class Code:
    """`name` is the word used in `# error: [name]` expectations; `example` a short wrong spec, `mended` the right one.

    An example that begins with `{` is a JSON file. A code whose fault no text can show has no example.
    """

    code: str
    name: str
    summary: str
    explanation: str
    example: str = ""
    mended: str = ""


def define(code: str, name: str, summary: str, explanation: str, example: str = "", mended: str = "") -> Code:
    """A code whose texts may be indented like the Python around them."""
    return Code(code, name, summary, " ".join(explanation.split()), _spec(example), _spec(mended))


def _spec(text: str) -> str:
    return (cleandoc(text) if text.startswith("\n") else text) + "\n" if text else ""


def catalogue(*parts: tuple[Code, ...]) -> dict[str, Code]:
    """All codes in order. Raises ValueError for a number or a name that is given twice."""
    codes = {c.code: c for part in parts for c in part}
    if not len(codes) == len({c.name for c in codes.values()}) == sum(map(len, parts)):
        raise ValueError("a code or a name is defined twice")
    return dict(sorted(codes.items()))
