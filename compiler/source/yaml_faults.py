"""PyYAML's syntax errors in words that help: what was meant, where, and what to write instead.

libyaml and PyYAML's own parser say the same things in different words; a rule knows both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from yaml import MarkedYAMLError

from nnc.compiler.diagnostics import Fix, Label, Problems, Source, Span
from nnc.compiler.source.compose import quoted
from nnc.compiler.source.flow_repairs import opens_call, report_split
from nnc.compiler.source.tree import Scalar, Tree

__all__ = ["OpenFlow", "report_syntax"]


@dataclass(frozen=True, slots=True)
class OpenFlow:
    """A `[` or `{` at `start` that was open when the parser gave up, with what it held so far."""

    start: int
    items: list[Tree]


@dataclass(frozen=True, slots=True)
class _Fault:
    """The parser's complaint: at the offset `at`, in something that began at `began`."""

    source: Source
    at: int
    began: int
    complaint: str
    flow: list[OpenFlow]

    @property
    def text(self) -> str:
        return self.source.text

    @property
    def char(self) -> str:
        return self.source.text[self.at : self.at + 1]

    def span(self, start: int, end: int) -> Span:
        return Span(self.source, start, min(end, len(self.source.text)))

    def value(self, start: int) -> Span:
        """What a reader sees as one value from `start` on: to the end of the line or, in a list, to the next comma."""
        end = _line_end(self.text, start)
        if self.flow:
            end = _item_end(self.text, start, end)
        elif comment := re.compile(r"\s#").search(self.text, start, end):
            end = comment.start()
        return self.span(start, start + len(self.text[start:end].rstrip()))

    def quote(self, start: int) -> Fix:
        span = self.value(start)
        return Fix("quote it", span, quoted(span.text))


@dataclass(frozen=True, slots=True)
class _Answer:
    span: Span
    message: str
    fix: Fix | None = None
    label: Label | None = None
    code: str = "NNC0105"


def report_syntax(error: MarkedYAMLError, source: Source, flow: list[OpenFlow], problems: Problems) -> None:
    """Reports `error` (NNC0105 and its neighbors). `flow` are the lists and mappings in brackets that were open."""
    mark = error.problem_mark or error.context_mark
    at = mark.index if mark else len(source.text)
    began = error.context_mark.index if error.context_mark else at
    complaint = f"{error.context or ''}: {error.problem or ''}"
    fault = _Fault(source, min(at, len(source.text)), began, complaint, flow)
    if flow and _report_cut(fault, problems):
        return
    for pattern, rule in _RULES:
        if pattern.search(complaint):
            answer = rule(fault)
            break
    else:
        answer = _Answer(_here(fault), f"YAML cannot read this: {error.problem}")
    labels = (answer.label,) if answer.label else ()
    problems.error(answer.code, answer.span, answer.message, labels=labels, fix=answer.fix)


def _report_cut(fault: _Fault, problems: Problems) -> bool:
    """Reports a text that YAML has cut inside `[ ]` or `{ }`, `${w}`, `x[0]`, `f(3, [1, 2])`; False if none."""
    items = fault.flow[-1].items
    opening = next((i for i in items if opens_call(i)), None)
    last = next((i for i in reversed(items) if i.span.text), None)
    if opening is not None:
        start, message = opening.span.start, "YAML cuts this call at its comma"
    elif fault.char in ("[", "{") and isinstance(last, Scalar) and not last.quoted and last.span.end == fault.at:
        start, message = last.span.start, "YAML cuts this text at its bracket"
        if fault.text.startswith("${", fault.at - 1):
            message = "YAML cuts this expression at its brace"
    else:
        return False
    end = _item_end(fault.text, start, _line_end(fault.text, start))
    report_split(fault.span(start, start + len(fault.text[start:end].rstrip())), message, problems)
    return True


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


_BRACKETS = re.compile(r"[\[\](){},]|:(?=\s)")


def _item_end(text: str, start: int, end: int) -> int:
    """Where an item that begins at `start` ends: at the first comma, colon or bracket outside of its own brackets."""
    depth = 0
    for match in _BRACKETS.finditer(text, start, end):
        if match[0] in "[({":
            depth += 1
        elif match[0] in "])}":
            depth -= 1
        if depth < 0 or (depth == 0 and match[0] in ",:"):
            return match.start()
    return end


def _here(fault: _Fault) -> Span:
    return _word_at(fault, fault.at)


def _word_at(fault: _Fault, at: int) -> Span:
    match = re.compile(r"[\w.$-]+|\S").match(fault.text, at)
    return fault.span(at, match.end() if match else at)


# One rule for each thing that goes wrong, with a pattern over the parser's complaint.


def _tab(fault: _Fault) -> _Answer:
    if fault.char != "\t":
        return _bad_start(fault)
    match = re.compile(r"\t{1,20}").match(fault.text, fault.at)
    span = fault.span(fault.at, match.end() if match else fault.at)
    fix = Fix("write spaces", span, "  " * len(span.text))
    return _Answer(span, "a tab stands where YAML wants spaces", fix, code="NNC0116")


def _bad_start(fault: _Fault) -> _Answer:
    shown = "a backtick" if fault.char == "`" else f"`{fault.char}`"
    return _Answer(fault.span(fault.at, fault.at + 1), f"a value cannot begin with {shown}", fault.quote(fault.at))


def _closing_expected(fault: _Fault) -> _Answer:
    opener = fault.text[fault.began : fault.began + 1]
    closing = {"[": "]", "{": "}"}.get(opener, "")
    opened = fault.span(fault.began, fault.began + 1)
    if fault.at >= len(fault.text.rstrip()) or "\n" in fault.text[fault.began : fault.at]:
        return _Answer(opened, f"`{opener}` is not closed: a `{closing}` is missing")
    return _Answer(_here(fault), f"expected `,` or `{closing}` here", label=Label(opened, "opened here"))


_SQUEEZED = re.compile(r"[ \t-]*[\w.$-]+(:)(?=[^\s:])")
_HAS_VALUE = re.compile(r"[ \t-]*[^\s#:][^#:\n]*:[ \t]+[^\s#|>&]")


def _second_colon(fault: _Fault) -> _Answer:
    line_start = fault.text.rfind("\n", 0, fault.at) + 1
    above_start = fault.text.rfind("\n", 0, max(line_start - 1, 0)) + 1
    for start in (above_start, line_start):
        if match := _SQUEEZED.match(fault.text, start):
            span = fault.span(*match.span(1))
            return _Answer(
                span, "a space is missing after `:`", Fix("write a space after it", span, ": "), code="NNC0117"
            )
    colon = fault.span(fault.at, fault.at + 1)
    if match := re.compile(r"[ \t-]*[^\s#:][^#:\n]*:[ \t]+").match(fault.text, line_start, fault.at):
        return _Answer(colon, "a value cannot hold a `:` followed by a space", fault.quote(match.end()))
    if _HAS_VALUE.match(fault.text, above_start):
        key = re.compile(r"\S(?:.*\S)?").search(fault.text, line_start, fault.at)
        span = fault.span(key.start(), fault.at) if key else colon
        return _Answer(
            span, "this line is indented under an entry that has a value already", Fix("indent it like the line above")
        )
    return _Answer(colon, "no key can stand here", Fix("put `key: value` on a line of its own, or quote it"))


def _no_colon(fault: _Fault) -> _Answer:
    end = _line_end(fault.text, fault.began)
    span = fault.span(fault.began, fault.began + len(fault.text[fault.began : end].rstrip()))
    return _Answer(span, "this line is neither `key: value` nor `- item`", Fix("write `:` after the key, or indent it"))


def _no_key(fault: _Fault) -> _Answer:
    line_start = fault.text.rfind("\n", 0, fault.at) + 1
    before = fault.text[line_start : fault.at].rstrip()
    if fault.char and fault.char in "]}":
        return _Answer(_here(fault), f"`{fault.char}` closes nothing", Fix("remove it", _here(fault), ""))
    if before and before[-1] in "\"'])}":
        match = re.compile(r"[ \t-]*[^\s#:][^#:\n]*:[ \t]+").match(fault.text, line_start, fault.at)
        fix = fault.quote(match.end()) if match else Fix("quote all of it")
        return _Answer(_here(fault), f"the value has ended before this, at `{before[-1]}`", fix)
    if fault.char == ":":
        return _Answer(_here(fault), "a key is missing before `:`")
    if fault.char == "-" and _column(fault.text, fault.at) == _column(fault.text, fault.began):
        label = Label(_word_at(fault, fault.began), "the keys begin here")
        return _Answer(
            _here(fault), "an item of a list cannot stand among keys", Fix("indent the list under its key"), label
        )
    return _misaligned(fault)


def _no_dash(fault: _Fault) -> _Answer:
    if _column(fault.text, fault.at) != _column(fault.text, fault.began):
        return _misaligned(fault)
    label = Label(fault.span(fault.began, fault.began + 1), "the list begins here")
    return _Answer(_here(fault), "a key cannot stand among the items of a list", Fix("write `- ` before it"), label)


_CONTENT = re.compile(r"^[ ]*([^\s#][^\n]*)\n", re.MULTILINE)


def _misaligned(fault: _Fault) -> _Answer:
    """A line whose column is that of no list or mapping that is still open."""
    line_start = fault.text.rfind("\n", 0, fault.at) + 1
    label = None
    for above in _CONTENT.finditer(fault.text, max(0, line_start - 10_000), line_start):
        column = _column(fault.text, above.start(1)) + 1
        label = Label(_word_at(fault, above.start(1)), f"the line above begins in column {column}")
    message = f"this line begins in column {fault.at - line_start + 1}, as no entry above it does"
    return _Answer(_here(fault), message, Fix("align it with its neighbors"), label)


def _column(text: str, at: int) -> int:
    return at - (text.rfind("\n", 0, at) + 1)


def _open_quote(fault: _Fault) -> _Answer:
    quote = fault.text[fault.began : fault.began + 1]
    end = _line_end(fault.text, fault.began)
    span = fault.span(fault.began, fault.began + len(fault.text[fault.began : end].rstrip()))
    return _Answer(span, f"this text is not closed: a {quote} is missing")


def _bad_escape(fault: _Fault) -> _Answer:
    at = fault.text.rfind("\\", 0, fault.at + 1)
    match = re.compile(r"\\[xuU][0-9a-fA-F]*|\\.").match(fault.text, at)
    span = fault.span(at, match.end() if match else at + 1)
    fix = Fix("for a backslash write two, or use single quotes", fault.span(at, at + 1), "\\\\")
    return _Answer(span, f"`{span.text}` is not an escape that YAML knows", fix)


def _bad_alias(fault: _Fault) -> _Answer:
    char = fault.text[fault.began : fault.began + 1]
    return _Answer(
        fault.value(fault.began), f"a text that begins with `{char}` must be quoted", fault.quote(fault.began)
    )


def _list_on_key_line(fault: _Fault) -> _Answer:
    return _Answer(
        fault.span(fault.at, fault.at + 1), "a list begins on a line of its own", Fix("begin a new line before `-`")
    )


def _stray_node(fault: _Fault) -> _Answer:
    char = fault.char
    if fault.flow and char == ",":
        return _Answer(_here(fault), "a value is missing before this `,`")
    if char and char in "]}":
        return _Answer(_here(fault), f"`{char}` closes nothing")
    return _bad_start(fault) if char else _Answer(_here(fault), "a value is missing at the end")


def _refused_tag(fault: _Fault) -> _Answer:
    span = fault.value(fault.began)
    message = "a tag begins with `!`, and tags are refused: a spec is data"
    return _Answer(
        span, message, Fix("to write a text that begins with `!`, quote it", span, quoted(span.text)), code="NNC0110"
    )


def _after_the_end(fault: _Fault) -> _Answer:
    return _Answer(_here(fault), "the file's value has ended before this", Fix("remove what follows"))


def _directive(fault: _Fault) -> _Answer:
    start = fault.text.rfind("\n", 0, fault.began) + 1
    return _Answer(
        fault.span(start, _line_end(fault.text, start)), "this YAML directive is not known", Fix("remove the line")
    )


def _rule(pattern: str, rule: Callable[[_Fault], _Answer]) -> tuple[re.Pattern[str], Callable[[_Fault], _Answer]]:
    return re.compile(pattern), rule


_RULES = [
    _rule(r"tab character|cannot start any token", _tab),
    _rule(r"flow (sequence|mapping): (did not find expected|expected) ',' or", _closing_expected),
    _rule(r"mapping values are not allowed", _second_colon),
    _rule(r"could not find expected ':'", _no_colon),
    _rule(r"a quoted scalar: found unexpected", _open_quote),
    _rule(r"(quoted|double-quoted) scalar: ", _bad_escape),
    _rule(r"scanning an (alias|anchor)", _bad_alias),
    _rule(r"sequence entries are not allowed", _list_on_key_line),
    _rule(r"scanning a block scalar: .*(comment or (a )?line break|chomping|indentation indicator)", _bad_alias),
    _rule(r"mapping keys are not allowed", _bad_start),
    _rule(r"block mapping: (did not find expected key|expected <block end>)", _no_key),
    _rule(r"block collection: (did not find expected '-'|expected <block end>)", _no_dash),
    _rule(r"tag", _refused_tag),
    _rule(r"node content", _stray_node),
    _rule(r"<document start>", _after_the_end),
    _rule(r"directive|incompatible YAML document", _directive),
]
