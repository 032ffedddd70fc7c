"""Text with expressions in it: the key `layer${s + 1}`, the value `${width * 2}`, the value `$norm`."""

from __future__ import annotations

import re

from nnc.compiler.diagnostics import Problems, Span
from nnc.compiler.expr.faults import Fault, Mend, check_length, place_in, report
from nnc.compiler.expr.lexer import tokenize
from nnc.compiler.expr.parser import Parser
from nnc.compiler.expr.tree import Expr

__all__ = ["parse_template"]

_NAME = re.compile(r"\$[^\W\d]\w*")


def parse_template(text: str, span: Span, problems: Problems) -> tuple[str | Expr, ...] | None:
    """Text and expressions in turn: `layer${s + 1}` is `("layer", <s + 1>)`. None after reporting a fault (NNC04xx).

    A text that is wholly one `${…}` or `$name` is that expression alone, `(<expression>,)`; one without any is
    `(text,)`, and the empty text `()`. `$$` is a dollar sign; so is a `$` before anything but a name.
    """
    if "$" not in text:
        return (text,) if text else ()
    try:
        check_length(text)
        if _NAME.fullmatch(text):
            return (Parser(tokenize(text), place_in(text, span)).whole(),)
        return tuple(_parts(text, span))
    except Fault as fault:
        report(fault, text, span, problems)
        return None


def _parts(text: str, span: Span) -> list[str | Expr]:
    place = place_in(text, span)
    parts: list[str | Expr] = []
    literal = ""
    position = 0
    while (dollar := text.find("$", position)) >= 0:
        literal += text[position:dollar]
        position = dollar + 2
        following = text[dollar + 1 : position]
        if following == "$":
            literal += "$"
        elif following == "{":
            if literal:
                parts.append(literal)
                literal = ""
            tokens = tokenize(text, position, closing_brace=True)
            end = tokens[-1].end
            closed = text.startswith("}", end)
            if len(tokens) == 1 and closed:
                raise Fault("NNC0410", dollar, end + 1, "`${}` is empty: write a name or an expression in it")
            if len(tokens) > 1:
                parts.append(Parser(tokens, place).whole())
            if not closed:
                raise Fault(
                    "NNC0402", dollar, position, "`${` is not closed: a `}` is missing",
                    mend=Mend("close it with }", end, end, "}"),
                )  # fmt: skip
            position = end + 1
        elif match := _NAME.match(text, dollar):
            raise _bare_name(text, dollar, match.end())
        else:
            literal += "$"
            position = dollar + 1
    literal += text[position:]
    return [*parts, literal] if literal else parts


def _bare_name(text: str, start: int, end: int) -> Fault:
    """`$name` beside other text: it would be easy to take for text that is used as it stands."""
    mended = f"${{{text[start + 1 : end]}}}"
    if start == 0 and "$" not in text[1:] and "{" not in text:
        mended, end = f"${{{text[1:]}}}", len(text)
    return Fault(
        "NNC0407", start, end, f"with other text around it, an expression is written `{mended}`",
        note="`$$` stands for a dollar sign",
        mend=Mend(f"write `{mended}`", start, end, mended),
    )  # fmt: skip
