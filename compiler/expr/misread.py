"""What to say of a token that does not fit: another language's operator, a wrong bracket, a missing operator."""

from __future__ import annotations

from collections.abc import Sequence

from nnc.compiler.expr.faults import Fault, Mend
from nnc.compiler.expr.lexer import CONSTANTS, RESERVED, Token

__all__ = ["misread"]

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_TRANSLATED = {"&&": "and", "||": "or", "=>": ">="}  # where one operator is meant by another language's
_FOREIGN = frozenset({":=", "->", "<<", ">>", ";", "&&", "||", "=>", "!", "?"})
_STATEMENTS = frozenset({
    "lambda", "import", "from", "def", "class", "return", "yield", "await", "async", "with", "while",
    "global", "nonlocal", "del", "assert", "raise", "try", "print",
})  # fmt: skip
_TEXT_PREFIXES = frozenset({"f", "r", "b", "u", "rb", "br", "fr", "rf"})


def misread(tokens: Sequence[Token], at: int, open_brackets: Sequence[Token], wanted: str) -> Fault:
    """The fault of `tokens[at]`, where `wanted` would fit, inside `open_brackets` (the innermost last)."""
    token = tokens[at]
    before = tokens[at - 1] if at else None
    opener = open_brackets[-1] if open_brackets else None
    if before and before.kind == "name" and before.text in _STATEMENTS and _starts_operand(token):
        return _not_in_language(before)
    if token.kind == "end":
        return _ends(token, before, opener, wanted)
    if token.kind == "op":
        if before and before.text == "lambda" and token.text == ":":
            return _not_in_language(before)
        if before and before.text + token.text == "<>":
            return Fault(
                "NNC0404", before.start, token.end, "`<>` is not part of the language",
                mend=Mend("write `!=`", before.start, token.end, "!="),
            )  # fmt: skip
        if token.text in _FOREIGN:
            return _foreign(token, wanted)
        if token.text == "=":
            return _equals(token, before, opener)
        if token.text in _CLOSING.values() and wanted != "a value":
            return _closes_wrongly(token, opener)
        if token.text in ("*", "**") and wanted == "a value" and opener and opener.text == "(":
            return Fault("NNC0404", token.start, token.end, f"`{token.text}` cannot unpack arguments: write them out")
        if token.text == "," and not opener:
            return Fault(
                "NNC0401", token.start, token.end, "a comma outside of brackets",
                mend=Mend("put several values in brackets: `[a, b]`"),
            )  # fmt: skip
    if token.kind == "name" and token.text == "for" and opener and opener.text != "[":
        return Fault(
            "NNC0404",
            token.start,
            token.end,
            "`for` stands in square brackets only",
            mend=Mend("write `[… for … in …]`"),
        )
    side_by_side = before and _starts_operand(token) and _ends_operand(before)
    if before and side_by_side and not wanted.startswith(("a value", "`in`", "`else`")):
        return _missing_operator(before, token, opener)
    return Fault("NNC0401", token.start, token.end, f"expected {wanted}, found `{_short(token.text)}`")


def _starts_operand(token: Token) -> bool:
    return token.kind in ("number", "text") or (
        token.kind == "name" and (token.text not in RESERVED or token.text in CONSTANTS)
    )


def _ends_operand(token: Token) -> bool:
    if token.kind == "op":
        return token.text in (")", "]", "}", "...")
    return token.kind != "name" or token.text not in RESERVED or token.text in CONSTANTS


def _short(text: str) -> str:
    return text if len(text) <= 30 else f"{text[:27]}…"


def _not_in_language(token: Token) -> Fault:
    return Fault(
        "NNC0404", token.start, token.end, f"`{token.text}` is not part of the language",
        note="an expression is data: numbers, text, names, operators, calls of torch's functions, and lists",
    )  # fmt: skip


def _ends(token: Token, before: Token | None, opener: Token | None, wanted: str) -> Fault:
    if opener is not None:
        closing = _CLOSING[opener.text]
        closable = before is not None and (_ends_operand(before) or before.text in (",", "("))
        return Fault(
            "NNC0402", token.start, token.end, f"`{opener.text}` is not closed: a `{closing}` is missing",
            label=(opener.start, opener.end, "opened here"),
            mend=Mend(f"close it with `{closing}`", token.end, token.end, closing) if closable else None,
        )  # fmt: skip
    if before is not None:
        return Fault("NNC0401", before.start, before.end, f"expected {wanted} after `{_short(before.text)}`")
    return Fault("NNC0410", token.start, token.end, f"expected {wanted}")


def _foreign(token: Token, wanted: str) -> Fault:
    text = token.text
    message, mend = f"`{text}` is not part of the language", None
    if text in _TRANSLATED and wanted != "a value":
        mend = Mend(f"write `{_TRANSLATED[text]}`", token.start, token.end, _TRANSLATED[text])
    elif text == "!" and wanted == "a value":
        mend = Mend("write `not`", token.start, token.end, "not ")
    elif text == "?":
        mend = Mend("write `a if condition else b`")
    elif text == "<<" and wanted != "a value":
        mend = Mend("write `* 2**n`")
    elif text == ">>" and wanted != "a value":
        mend = Mend("write `// 2**n`")
    return Fault("NNC0404", token.start, token.end, message, mend=mend)


def _equals(token: Token, before: Token | None, opener: Token | None) -> Fault:
    if before and before.kind == "op" and before.text in ("==", "!="):
        return Fault(
            "NNC0404", before.start, token.end, f"`{before.text}=` is not part of the language",
            mend=Mend(f"write `{before.text}`", before.start, token.end, before.text),
        )  # fmt: skip
    message = "`=` does not compare"
    if opener and opener.text == "(":
        message = "the name of an argument is one plain word; to compare, write `==`"
    return Fault("NNC0401", token.start, token.end, message, mend=Mend("write `==`", token.start, token.end, "=="))


def _closes_wrongly(token: Token, opener: Token | None) -> Fault:
    if opener is None:
        return Fault(
            "NNC0402", token.start, token.end, f"`{token.text}` closes nothing",
            mend=Mend("remove it", token.start, token.end, ""),
        )  # fmt: skip
    closing = _CLOSING[opener.text]
    return Fault(
        "NNC0402", token.start, token.end, f"`{token.text}` does not close `{opener.text}`",
        label=(opener.start, opener.end, "opened here"),
        mend=Mend(f"write `{closing}`", token.start, token.end, closing),
    )  # fmt: skip


def _missing_operator(before: Token, token: Token, opener: Token | None) -> Fault:
    if (
        before.kind == "name"
        and token.kind == "text"
        and before.end == token.start
        and before.text.lower() in _TEXT_PREFIXES
    ):
        return Fault(
            "NNC0404", before.start, before.end, f"text takes no `{before.text}` before it",
            mend=Mend("remove it", before.start, before.end, ""),
        )  # fmt: skip
    if opener is None:
        missing, mend = "an operator", None
    else:
        missing, mend = "a comma or an operator", Mend("separate them with a comma", before.end, before.end, ",")
    sides = f"`{_short(before.text)}` and `{_short(token.text)}`"
    return Fault(
        "NNC0408", token.start, token.end, f"{missing} is missing between {sides}", mend=mend
    )  # fmt: skip
