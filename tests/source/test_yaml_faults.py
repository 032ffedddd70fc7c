"""Syntax errors in words that help: what the caret is under, what is said, and what the fix makes of the text."""

from __future__ import annotations

import pytest

from nnc.compiler.source import yaml_reader
from tests.source.reading import apply_fix, faults, plain

# The text, what is under the caret, a part of the message, and the mended text (None: only a person can mend it).
FAULTS = [
    ("a:\n\tb: 1\n", "\t", "a tab", "a:\n  b: 1\n"),
    ("a: @b\n", "@", "cannot begin with `@`", 'a: "@b"\n'),
    ("a: `b` # c\n", "`", "cannot begin with a backtick", 'a: "`b`" # c\n'),
    ("a: %b\n", "%", "cannot begin with `%`", 'a: "%b"\n'),
    ("a: b: c\n", ":", "cannot hold a `:`", 'a: "b: c"\n'),
    ("- a: f(b: c)  # d\n", ":", "cannot hold a `:`", '- a: "f(b: c)"  # d\n'),
    ("a:1\nb: 2\n", ":", "a space is missing", "a: 1\nb: 2\n"),
    ("a: 1\n  b: 2\n", "b", "indented under an entry that has a value", None),
    ("a:\n  b: 1\n c: 2\n", "c", "begins in column", None),
    ("a:\n  - b\n - c\n", "-", "begins in column 2", None),
    ("a: 1\nfoo\nb: 2\n", "foo", "neither `key: value` nor `- item`", None),
    ("a: 1\nfoo", "foo", "neither `key: value` nor `- item`", None),
    ("- a\nb: 1\n", "b", "a key cannot stand among the items", None),
    ("a: 1\n- b\n", "-", "cannot stand among keys", None),
    ("a:\n - b: 1\n  c: 2\n", "c", "begins in column", None),
    ("a: - b\n", "-", "a list begins on a line of its own", None),
    (": x\n", ":", "a key is missing", None),
    ("a: [1, 2\nb: 3\n", "[", "`[` is not closed", None),
    ("a: {x: 1\nb: 3\n", "{", "`{` is not closed", None),
    ("a: [1, [2, 3]\n", "[", "`[` is not closed", None),
    ("a: {x: 1 y: 2}\n", ":", "expected `,` or `}`", None),
    ("a: [b]]\n", "]", "closes nothing", "a: [b]\n"),
    ("a: ]\n", "]", "closes nothing", None),
    ("a: [, b]\n", ",", "a value is missing", None),
    ("a: [1, 2,\n", ("", "["), "", None),
    ("{a: 1}}\n", "}", "has ended before this", None),
    ("a: 'abc\nb: 3\n", "'abc", "a ' is missing", None),
    ('a: "abc\nb: 3\n', '"abc', 'a " is missing', None),
    ('a: "x" + 1\n', "+", 'has ended before this, at `"`', "a: '\"x\" + 1'\n"),
    ("a: [b] c\n", "c", "has ended before this, at `]`", 'a: "[b] c"\n'),
    ('a: "\\q"\n', "\\q", "not an escape", 'a: "\\\\q"\n'),
    ('a: "\\u12"\n', "\\u12", "not an escape", 'a: "\\\\u12"\n'),
    ("a: *.bias\n", "*.bias", "begins with `*` must be quoted", 'a: "*.bias"\n'),
    ('a: [*.bias, "x"]\n', "*.bias", "begins with `*` must be quoted", 'a: ["*.bias", "x"]\n'),
    ("a: *bn*  # c\n", "*bn*", "begins with `*` must be quoted", 'a: "*bn*"  # c\n'),
    ("if: > 3\n", "> 3", "begins with `>` must be quoted", 'if: "> 3"\n'),
    ("a: |b|\n", "|b|", "begins with `|` must be quoted", 'a: "|b|"\n'),
    ("a: ? b\n", "?", "cannot begin with `?`", 'a: "? b"\n'),
    ("a: !e!x y\n", "!e!x y", "tags are refused", 'a: "!e!x y"\n'),
    ("a: ,b\n", ",", "cannot begin with `,`", 'a: ",b"\n'),
    ("%foo\n---\na: 1\n", "%foo", "directive", None),
    ("%YAML 2.0\n---\na: 1\n", "%YAML 2.0", "directive", None),
]


@pytest.mark.parametrize(("text", "under", "part", "mended"), FAULTS, ids=[repr(f[0])[1:-1] for f in FAULTS])
def test_fault(text: str, under: str | tuple[str, ...], part: str, mended: str | None) -> None:
    [fault] = faults(text)
    assert fault.code in {"NNC0105", "NNC0110", "NNC0116", "NNC0117"}
    assert fault.span.text in ((under,) if isinstance(under, str) else under)
    assert part in fault.message
    assert len(fault.message) < 90
    assert mended is None or apply_fix(text, fault) == mended
    if mended is not None:
        plain(mended)


@pytest.mark.parametrize("text", [f[0] for f in FAULTS], ids=[repr(f[0])[1:-1] for f in FAULTS])
def test_the_other_parser_points_at_the_same_line(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [fault] = faults(text)
    monkeypatch.setattr(yaml_reader, "_Parser", yaml_reader.PurePythonParser)
    if text.startswith("%foo"):  # PyYAML's own parser passes over directives that it does not know
        assert faults(text) == []
        return
    [other] = faults(text)
    assert (other.code, other.span.line) == (fault.code, fault.span.line)


def test_labels_show_what_was_opened() -> None:
    [fault] = faults("a: {x: 1 y: 2}\n")
    assert [(label.span.text, label.text) for label in fault.labels] == [("{", "opened here")]
    [fault] = faults("a:\n    b: 1\n\n  # c\n  d: 2\n")
    assert [(label.span.text, label.text) for label in fault.labels] == [("b", "the line above begins in column 5")]
