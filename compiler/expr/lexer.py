"""Cuts the text of an expression into tokens.

`parts.0` is a name, a dot and an index, never a name and the number `.0`: a dot after an operand takes a part of it.
"""

from __future__ import annotations

import re
import unicodedata

from nnc.compiler.expr.faults import Fault, Mend
from nnc.compiler.records import record

__all__ = ["CONSTANTS", "RESERVED", "Token", "is_name", "text_value", "tokenize"]

MAX_NUMBER = 64  # characters of one number: Python's own int() takes time quadratic in the digits

CONSTANTS: dict[str, bool | None] = {
    "true": True, "True": True, "false": False, "False": False, "null": None, "None": None,
}  # fmt: skip
RESERVED = frozenset(CONSTANTS) | {"and", "or", "not", "in", "is", "if", "else", "for"}


@record(frozen=True, slots=True)
class Token:
    """`kind`: "name" (`$name` too), "number", "text", "index" (the 0 of `parts.0`), "op" or "end"."""

    kind: str
    text: str
    start: int
    end: int


_PATTERN = r"""
    (?P<name> \$? [^\W\d] \w* )
  | (?P<number> (?: [0-9][0-9_]* (?:\.[0-9_]*)? {leading_dot} ) (?: [eE][+-]?[0-9]+ )? )
  | (?P<text> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' )
  | (?P<op> \.\.\. | \*\* | // | == | != | <= | >= | && | \|\| | := | -> | => | << | >>
          | [-+*/%@&|^~<>=()\[\]{{}},:.!?;] )
"""
_FLAGS = re.VERBOSE | re.DOTALL
_ANY = re.compile(_PATTERN.format(leading_dot=r"| \.[0-9][0-9_]*"), _FLAGS)
_AFTER_OPERAND = re.compile(_PATTERN.format(leading_dot=""), _FLAGS)
_SPACE = " \t\r\n"
_CLOSING = frozenset(")]}")
_INDEX = re.compile(r"[0-9]+")
_WORD = re.compile(r"\w+")
_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}?")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}


def is_name(text: str) -> bool:
    """Whether a text is one plain name, as most are: then there is nothing to cut."""
    return text.isidentifier() and text.isascii() and text not in RESERVED


def tokenize(text: str, start: int = 0, *, closing_brace: bool = False) -> list[Token]:
    """The tokens of `text` from `start` on, closed by an "end" token that holds no text.

    With `closing_brace` the expression ends before the first `}` that it did not open, as in `${…}`; where there is
    none, at the end of the text. Raises Fault for what is no token.
    """
    tokens: list[Token] = []
    braces = 0
    position = start
    length = len(text)
    operand = False  # the token before can have a `.part`
    dot = False  # the token before is the dot of one
    while position < length:
        if text[position] in _SPACE:
            position += 1
            continue
        match = _INDEX.match(text, position) if dot else None
        if match is not None:
            kind = "index"
        else:
            match = (_AFTER_OPERAND if operand else _ANY).match(text, position)
            if match is None:
                raise _no_token(text, position)
            kind = str(match.lastgroup)
        word, end = match[0], match.end()
        if kind == "op":
            if closing_brace and word == "{":
                braces += 1
            elif closing_brace and word == "}":
                braces -= 1
                if braces < 0:
                    break
            operand, dot = word in _CLOSING, word == "."
        else:
            if kind == "number":
                _check_number(text, position, end)
            elif kind == "name" and not word.isascii():
                _check_name(word, position, end)
            operand, dot = kind != "number", False
        tokens.append(Token(kind, word, position, end))
        position = end
    tokens.append(Token("end", "", position, position))
    return tokens


def text_value(token: Token) -> str:
    """What a text token stands for, its quotes and escapes resolved. Raises Fault for an unknown escape."""
    inner = token.text[1:-1]
    if "\\" not in inner:
        return inner

    def resolve(match: re.Match[str]) -> str:
        escape = match[1]
        if len(escape) > 1:
            number = int(escape[1:], 16)
            if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF:
                return chr(number)
        elif escape in _ESCAPED:
            return _ESCAPED[escape]
        at = token.start + 1 + match.start()
        raise Fault(
            "NNC0405", at, at + len(match[0]), f"`{match[0]}` is not an escape that text knows",
            mend=Mend("write `\\\\` for a backslash", at, at + 1, "\\\\"),
        )  # fmt: skip

    return _ESCAPE.sub(resolve, inner)


def _no_token(text: str, at: int) -> Fault:
    """The fault of a character at which no token begins."""
    char = text[at]
    if char in "\"'":
        return Fault(
            "NNC0405", at, len(text), f"this text is not closed: a {char} is missing",
            mend=Mend(f"close it with {char}", len(text), len(text), char),
        )  # fmt: skip
    if match := _PLACEHOLDER.match(text, at):
        inner = match[1].strip()
        return Fault(
            "NNC0407", at, match.end(), "`${…}` stands inside an expression already",
            mend=Mend(f"write `{inner}`", at, match.end(), inner) if inner else None,
        )  # fmt: skip
    if char == "#":
        return Fault("NNC0403", at, at + 1, "a comment cannot stand inside an expression")
    lookalike = unicodedata.normalize("NFKC", _LOOKALIKES.get(char, char))
    mend = Mend(f"write `{lookalike}`", at, at + 1, lookalike) if lookalike != char and lookalike.isascii() else None
    return Fault("NNC0403", at, at + 1, f"{_shown(char)} means nothing in an expression", mend=mend)


_LOOKALIKES = {
    "×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "—": "-", "≤": "<=", "≥": ">=", "≠": "!=",
    "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "∧": "and", "∨": "or", "¬": "not ", "…": "...",
}  # fmt: skip


def _shown(char: str) -> str:
    return f"`{char}`" if char.isprintable() and not char.isspace() else f"the character U+{ord(char):04X}"


def _check_number(text: str, start: int, end: int) -> None:
    number = text[start:end]
    if match := _WORD.match(text, end):
        whole = text[start : match.end()]
        mend = None
        if re.fullmatch(r"0[xX][0-9a-fA-F]{1,16}|0[oO][0-7]{1,16}|0[bB][01]{1,64}", whole):
            mend = Mend("write it in decimal", start, match.end(), str(int(whole, 0)))
        elif match[0].isidentifier() and match[0][0] not in "eE":
            mend = Mend(f"to multiply, write `{number} * {match[0]}`", start, match.end(), f"{number} * {match[0]}")
        raise Fault("NNC0405", start, match.end(), f"`{whole[:40]}` is neither a number nor a name", mend=mend)
    if len(number) > MAX_NUMBER:
        raise Fault("NNC0405", start, end, f"this number has more than {MAX_NUMBER} characters")
    try:
        value = float(number)
    except ValueError:
        raise Fault("NNC0405", start, end, f"`{number}` is not a number") from None
    if value == float("inf"):
        raise Fault("NNC0405", start, end, f"`{number}` is larger than any float")


def _check_name(word: str, start: int, end: int) -> None:
    """Python reads identifiers in NFKC form: two spellings of one would be the same name in the emitted module."""
    name = word.removeprefix("$")
    normal = unicodedata.normalize("NFKC", name)
    if not name.isidentifier():
        at = next((i for i in range(len(name)) if not ("a" + name[: i + 1]).isidentifier()), 0)
        at += end - len(name)
        raise Fault("NNC0403", at, at + 1, f"{_shown(word[at - start])} cannot stand in a name")
    if normal != name:
        raise Fault(
            "NNC0403", start, end, f"`{word}` has characters with another standard form",
            mend=Mend(f"write `{normal}`", end - len(name), end, normal),
        )  # fmt: skip
