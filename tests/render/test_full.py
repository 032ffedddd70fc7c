"""The look for people, character by character."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.diagnostics import Diagnostic, Fix, Label, Source, Span
from nnc.compiler.render.full import BEFORE, WIDEST, render
from tests.render.diagnostics import SPEC, at, diagnostic, duplicate, misspelled


def columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text if not unicodedata.combining(c))


def under_the_caret(shown: str) -> str:
    """The text above the first underline of `^`."""
    lines = shown.split("\n")
    row = next(i for i, line in enumerate(lines) if "^" in line and line.lstrip().startswith("|"))
    start = lines[row].index("^")
    width = lines[row].count("^")
    found, column = "", 0
    for char in lines[row - 1]:
        if start <= column < start + width:
            found += char
        column += columns(char)
    return found


def test_a_note_and_a_fix() -> None:
    assert render([misspelled()]) == (
        "error[NNC0302]: Linear has no argument `bais`\n"
        " --> net.yaml:7:18\n"
        "  |\n"
        "7 |   fc: Linear(10, bais=False)\n"
        "  |                  ^^^^\n"
        "  |\n"
        "  = note: its arguments are out_features, bias\n"
        "  = help: did you mean `bias`?"
    )


def test_a_label_on_another_line() -> None:
    assert render([duplicate()]) == (
        "warning[NNC0107]: the key `fc` is given twice\n"
        " --> net.yaml:7:3\n"
        "  |\n"
        "4 |   fc: Linear(32)\n"
        "  |   -- first given here\n"
        "...\n"
        "7 |   fc: Linear(10, bais=False)\n"
        "  |   ^^"
    )


def test_several_with_an_empty_line_between() -> None:
    assert render([misspelled(), duplicate()]) == render([misspelled()]) + "\n\n" + render([duplicate()])
    assert render([]) == ""


def test_labels_on_the_same_line_and_on_the_next() -> None:
    text = "a: f(x, x)\nb: x\n"
    source = Source("t.yaml", text)
    labels = (Label(Span(source, 5, 6), "one"), Label(Span(source, 14, 15), "two"))
    shown = render([Diagnostic("NNC0306", Span(source, 8, 9), "twice", labels=labels)])
    assert shown.split("\n")[3:] == ["1 | a: f(x, x)", "  |      - one", "  |         ^", "2 | b: x", "  |    - two"]


def test_a_label_in_another_file() -> None:
    other = Source("base.yaml", "fc: Linear(1)\n")
    d = Diagnostic("NNC0107", at(SPEC, "act"), "wrong", labels=(Label(Span(other, 0, 2), "there"),))
    assert render([d]).split("\n")[5:] == [" ::: base.yaml:1:1", "  |", "1 | fc: Linear(1)", "  | -- there"]


def test_wide_line_numbers() -> None:
    text = "\n" * 98 + "a: 1\nb: 2\n"
    source = Source("t.yaml", text)
    d = Diagnostic(
        "NNC0107", at(text, "b", source=source), "wrong", labels=(Label(at(text, "a", source=source), "here"),)
    )
    assert render([d]).split("\n")[1:] == [
        "   --> t.yaml:100:1",
        "    |",
        " 99 | a: 1",
        "    | - here",
        "100 | b: 2",
        "    | ^",
    ]


def test_a_span_of_several_lines() -> None:
    shown = render([diagnostic("a: [1,\n  22,\n  333]\nb: 2\n", "[1,\n  22,\n  333]")])
    assert shown.split("\n")[3:] == ["1 | a: [1,", "  |    ^^^", "...", "3 |   333]", "  |   ^^^^"]


def test_a_place_between_two_characters() -> None:
    source = Source("t.yaml", "a: f(x")
    shown = render(
        [Diagnostic("NNC0402", Span(source, 6, 6), "open", labels=(Label(Span(source, 4, 5), "opened here"),))]
    )
    assert shown.split("\n")[3:] == ["1 | a: f(x", "  |     - opened here", "  |       ^"]
    empty = Source("t.yaml", "a:\n")
    assert render([Diagnostic("NNC0402", Span(empty, 3, 3), "open")]).split("\n")[3:] == ["2 |", "  | ^"]


def test_a_file_that_could_not_be_read() -> None:
    fix = Fix("did you mean `lenet5.yaml`?")
    shown = render([Diagnostic("NNC0101", Span(Source("lenet.yaml", ""), 0, 0), "cannot read", fix=fix)])
    assert shown == "error[NNC0101]: cannot read\n --> lenet.yaml\n  = help: did you mean `lenet5.yaml`?"


@pytest.mark.parametrize(
    ("text", "words", "line", "underline"),
    [
        ("a:\tb\n", "b", "1 | a:  b", "  |     ^"),
        ("\ta: b\n", "a", "1 |     a: b", "  |     ^"),
        ("層: x + y\n", "y", "1 | 層: x + y", "  |         ^"),
        ("a: 層数 + y\n", "層数", "1 | a: 層数 + y", "  |    ^^^^"),
        ("a: 😀 + y\n", "y", "1 | a: 😀 + y", "  |         ^"),
        ("a: e\u0301 + y\n", "y", "1 | a: e\u0301 + y", "  |        ^"),
        ("a: x\x1b[31m + y\n", "y", "1 | a: x\\x1b[31m + y", "  |                ^"),
        ("a: x\u202e + y\n", "\u202e", "1 | a: x\\u202e + y", "  |     ^^^^^^"),
        ("a: x\xa0+ y\n", "\xa0", "1 | a: x\\xa0+ y", "  |     ^^^^"),
        ("a: x\r\nb: y\r\n", "y", "2 | b: y", "  |    ^"),
        ("a: \ud800 + y", "y", "1 | a: \\ud800 + y", "  |             ^"),
    ],
)
def test_what_is_not_one_column_wide(text: str, words: str, line: str, underline: str) -> None:
    assert render([diagnostic(text, words)]).split("\n")[3:] == [line, underline]


def test_nothing_of_a_spec_reaches_the_terminal_as_a_command() -> None:
    evil = "\x1b]0;owned\x07\x9b31m\u202e\r\b"
    source = Source(f"{evil}.yaml", f"a: {evil}x\n")
    fix = Fix(f"write {evil}", Span(source, 0, 1), evil)
    d = Diagnostic(
        "NNC0302",
        at(source.text, "x", source=source),
        evil,
        labels=(Label(Span(source, 0, 1), evil),),
        notes=(evil,),
        fix=fix,
    )
    assert all(c.isprintable() or c == "\n" for c in render([d]))


def test_a_note_may_have_lines() -> None:
    shown = render([Diagnostic("NNC0302", at(SPEC, "act"), "wrong", notes=("a\nb",), fix=Fix("c\nd"))])
    assert shown.split("\n")[-4:] == ["  = note: a", "          b", "  = help: c", "          d"]


@pytest.mark.parametrize(
    ("title", "replacement", "said"),
    [
        ("quote it", '"a: b"', 'quote it: "a: b"'),
        ("did you mean `bias`?", "bias", "did you mean `bias`?"),
        ("remove it", "", "remove it"),
        ("write a space after it", ": ", "write a space after it"),
        ("quote it", "x" * 200, "quote it"),
        ("align it", None, "align it"),
    ],
)
def test_what_to_write_is_said_once(title: str, replacement: str | None, said: str) -> None:
    span = at(SPEC, "act")
    shown = render(
        [Diagnostic("NNC0302", span, "wrong", fix=Fix(title, span if replacement is not None else None, replacement))]
    )
    assert shown.split("\n")[-1] == f"  = help: {said}"


def test_a_long_line_is_shown_around_the_place() -> None:
    text = "a: [" + "x, " * 1000 + "HERE, " + "y, " * 1000 + "]\n"
    shown = render([diagnostic(text, "HERE")])
    line = shown.split("\n")[3]
    assert under_the_caret(shown) == "HERE"
    assert line.startswith("1 | …")
    assert line.endswith("…")
    assert columns(line) <= WIDEST + 10
    start = render([diagnostic(text, "a:")]).split("\n")[3]
    assert start.startswith("1 | a: [x, ")
    assert start.endswith("…")
    end = render([diagnostic(text, "]")]).split("\n")[3]
    assert end.startswith("1 | …")
    assert end.endswith("y, ]")
    assert BEFORE < WIDEST


def test_a_line_just_short_enough_is_shown_whole() -> None:
    text = "a: " + "x" * (WIDEST - 3)
    assert render([diagnostic(text, "a")]).split("\n")[3] == f"1 | {text}"
    assert render([diagnostic(text + "y", "a")]).split("\n")[3].endswith("…")


def test_a_huge_line_takes_no_time() -> None:
    text = "x" * 4_000_000 + "HERE" + "\t" * 4_000_000
    found = diagnostic(text, "HERE")
    begun = time.process_time()
    shown = render([found] * 20)
    assert time.process_time() - begun < 2
    assert under_the_caret(shown) == "HERE"


def test_color_only_where_asked() -> None:
    plain, colored = render([misspelled(), duplicate()]), render([misspelled(), duplicate()], color=True)
    assert "\x1b" not in plain
    assert "\x1b[1;31merror[NNC0302]\x1b[0m" in colored
    assert "\x1b[1;33mwarning[NNC0107]\x1b[0m" in colored
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


@given(
    st.text(st.sampled_from("ab \t\n\r層é\u0301😀\x1b\u200b"), max_size=60),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(0, 60),
    st.booleans(),
)
def test_any_place_in_any_text(text: str, a: int, b: int, c: int, color: bool) -> None:
    source = Source("t.yaml", text)
    start, end = sorted((min(a, len(text)), min(b, len(text))))
    label = Label(Span(source, min(c, len(text)), len(text)), "label")
    d = Diagnostic("NNC0302", Span(source, start, end), "message", labels=(label,))
    lines = render([d], color=color).split("\n")
    assert not text or any("^" in line for line in lines)
