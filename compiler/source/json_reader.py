"""JSON text to located tree: strict JSON, with the spans, the bounds and the checks of keys that YAML gets."""

from __future__ import annotations

import re
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]  # quoted text, in C

from nnc.compiler.diagnostics import Fix, Label, Problems, Source, Span
from nnc.compiler.source.compose import compose_mapping
from nnc.compiler.source.guard import Guard, Refused, without_controls
from nnc.compiler.source.scalars import OutOfRange, resolve
from nnc.compiler.source.tree import Mapping, Scalar, Sequence, Tree

__all__ = ["read_json"]

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORD = re.compile(r"[\w.+-]+|\S|$")
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_PYTHON = {"True": "true", "False": "false", "None": "null"}


def read_json(source: Source, guard: Guard, problems: Problems) -> Tree:
    """The tree of the text. Raises Refused, after reporting, where there is none."""
    return _Reader(source, guard, problems).read()


class _Reader:
    """Recursive descent; the guard's bound on depth bounds the recursion."""

    def __init__(self, source: Source, guard: Guard, problems: Problems) -> None:
        self.source = source
        self.text = source.text
        self.guard = guard
        self.problems = problems
        self.at = 0

    def read(self) -> Tree:
        self.skip()
        if self.at == len(self.text):
            self.problems.error("NNC0114", self.span(0, 0), "the file is empty", fix=Fix('begin with `{"nnc": 1`'))
            raise Refused
        tree = self.value(1)
        self.skip()
        if self.at < len(self.text):
            raise self.fault("the file's value has ended before this", Fix("remove what follows"))
        return tree

    def span(self, start: int, end: int) -> Span:
        return Span(self.source, start, end)

    def skip(self) -> None:
        match = _SPACE.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        if self.text.startswith(("//", "/*", "#"), self.at):
            raise self.fault("JSON has no comments", Fix("remove it, or keep the file as YAML"))

    def take(self, char: str) -> bool:
        self.skip()
        if self.text.startswith(char, self.at):
            self.at += 1
            return True
        return False

    def fault(self, message: str, fix: Fix | None = None, label: Label | None = None) -> Refused:
        """Reports what stands at this place; the result is there to be raised."""
        match = _WORD.match(self.text, self.at)
        end = match.end() if match else self.at
        self.problems.error("NNC0106", self.span(self.at, end), message, labels=(label,) if label else (), fix=fix)
        return Refused()

    def word(self) -> str:
        match = _WORD.match(self.text, self.at)
        return match[0] if match else ""

    def here(self, replacement: str) -> Fix:
        return Fix(f"write `{replacement}`", self.span(self.at, self.at + len(self.word())), replacement)

    def value(self, depth: int) -> Tree:
        self.skip()
        char = self.text[self.at : self.at + 1]
        self.guard.add(1, self.at)
        if char == '"':
            return self.quoted()
        if char == "{":
            self.guard.check_depth(depth, self.at)
            return self.mapping(depth)
        if char == "[":
            self.guard.check_depth(depth, self.at)
            return self.sequence(depth)
        return self.plain()

    def quoted(self) -> Scalar:
        start = self.at
        try:
            value, self.at = scanstring(self.text, start + 1, True)
        except JSONDecodeError as error:
            end = self.text.find("\n", start)
            self.at = start
            if "Unterminated" in error.msg or "control character" in error.msg:
                span = self.span(start, len(self.text) if end < 0 else end)
                self.problems.error("NNC0106", span, 'this text is not closed: a " is missing on its line')
            else:
                at = self.text.rfind("\\", start, error.pos + 1)
                fix = Fix("write two for a backslash", self.span(at, at + 1), "\\\\")
                self.problems.error("NNC0106", self.span(at, at + 2), "this escape is not one that JSON knows", fix=fix)
            raise Refused from None
        span, content = self.span(start, self.at), self.span(start + 1, self.at - 1)
        exact = content.text == value
        return Scalar(
            value if exact else without_controls(value, span, self.problems), span, content, exact, quoted=True
        )

    def plain(self) -> Scalar:
        start, word = self.at, self.word()
        if word in _CONSTANTS:
            self.at += len(word)
            span = self.span(start, self.at)
            return Scalar(_CONSTANTS[word], span, span)
        match = _NUMBER.match(self.text, start)
        if match and match[0] == word:
            self.at = match.end()
            span = self.span(start, self.at)
            try:
                return Scalar(resolve(word), span, span)
            except OutOfRange:
                self.problems.error("NNC0115", span, "this number is larger than any that a computation can use")
                return Scalar(0, span, span)
        if word.lstrip("-") in ("NaN", "Infinity"):
            raise self.fault(f"JSON has no number `{word}`")
        if word in _PYTHON:
            raise self.fault(f"JSON writes `{word}` in another way", self.here(_PYTHON[word]))
        if word.startswith("'"):
            raise self.fault("JSON quotes text with double quotes", Fix('write "…"'))
        if word[:1] in "]}":
            raise self.fault("a value is missing before this")
        if word[:1].isdigit() or word[:1] in "+-.":
            raise self.fault(f"`{word[:40]}` is not a number of JSON")
        raise self.fault("text must be quoted", self.here(f'"{word}"') if word.isidentifier() else None)

    def sequence(self, depth: int) -> Sequence:
        opener = self.span(self.at, self.at + 1)
        self.at += 1
        items: list[Tree] = []
        if not self.take("]"):
            while True:
                items.append(self.value(depth + 1))
                if self.take("]"):
                    break
                self.comma("]", opener)
        return Sequence(tuple(items), self.span(opener.start, self.at), flow=True)

    def mapping(self, depth: int) -> Mapping:
        opener = self.span(self.at, self.at + 1)
        self.at += 1
        pairs: list[tuple[Tree, Tree]] = []
        if not self.take("}"):
            while True:
                pairs.append((self.key(opener), self.value(depth + 1)))
                if self.take("}"):
                    break
                self.comma("}", opener)
        return compose_mapping(pairs, self.span(opener.start, self.at), self.guard, flow=True)

    def key(self, opener: Span) -> Scalar:
        self.skip()
        self.guard.add(1, self.at)
        if not self.text.startswith('"', self.at):
            if self.at == len(self.text):
                raise self.unclosed("}", opener)
            word = self.word()
            fix = self.here(f'"{word}"') if re.fullmatch(r"[\w.+-]+", word) else None
            raise self.fault("a key in double quotes is expected here", fix)
        key = self.quoted()
        if not self.take(":"):
            raise self.fault("a `:` is missing after the key", label=Label(key.span, "the key"))
        return key

    def comma(self, closing: str, opener: Span) -> None:
        """Takes the comma between two items; a comma that no item follows is a fault."""
        if not self.take(","):
            if self.at == len(self.text):
                raise self.unclosed(closing, opener)
            raise self.fault(f"expected `,` or `{closing}` here", label=Label(opener, "opened here"))
        comma = self.at - 1
        self.skip()
        if self.text.startswith(closing, self.at):
            self.at = comma
            raise self.fault("JSON has no comma after the last item", Fix("remove it", self.span(comma, comma + 1), ""))

    def unclosed(self, closing: str, opener: Span) -> Refused:
        self.problems.error("NNC0106", opener, f"`{opener.text}` is not closed: a `{closing}` is missing")
        return Refused()
