"""Strict JSON: what is wrong is said at its place, and the fix makes it JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.diagnostics import Problems
from nnc.compiler.source import read_text
from nnc.compiler.source.tree import Mapping, Scalar, to_plain
from tests.source.reading import apply_fix, faults, plain, tree_of

# The text, what is under the caret, a part of the message, and the mended text.
FAULTS = [
    ('{"a": 1,}', ",", "no comma after the last item", '{"a": 1}'),
    ("[1, ]", ",", "no comma after the last item", "[1 ]"),
    ("{a: 1}", "a", "in double quotes", '{"a": 1}'),
    ("{'a': 1}", "'", "in double quotes", None),
    ("{1: 1}", "1", "in double quotes", '{"1": 1}'),
    ("[True]", "True", "in another way", "[true]"),
    ("[None]", "None", "in another way", "[null]"),
    ("[NaN]", "NaN", "no number `NaN`", None),
    ("[-Infinity]", "-Infinity", "no number", None),
    ("[01]", "01", "not a number", None),
    ("[.5]", ".5", "not a number", None),
    ("[+1]", "+1", "not a number", None),
    ("[1.]", "1.", "not a number", None),
    ("[word]", "word", "must be quoted", '["word"]'),
    ("['x']", "'", "double quotes", None),
    ('{"a": 1 "b": 2}', '"', "expected `,` or `}`", None),
    ('{"a" 1}', "1", "`:` is missing", None),
    ('{"a": }', "}", "a value is missing", None),
    ('{"a": 1', "{", "`{` is not closed", None),
    ("[1, [2", "[", "`[` is not closed", None),
    ("[1}", "}", "expected `,` or `]`", None),
    ('["x', '"x', 'a " is missing', None),
    ('["x\ny"]', '"x', 'a " is missing', None),
    ('["\\q"]', "\\q", "escape", '["\\\\q"]'),
    ('["\\u12"]', "\\u", "escape", '["\\\\u12"]'),
    ("// c\n[]", "/", "no comments", None),
    ("[1] 2", "2", "has ended before this", None),
]


@pytest.mark.parametrize(("text", "under", "part", "mended"), FAULTS, ids=[repr(f[0])[1:-1] for f in FAULTS])
def test_fault(text: str, under: str, part: str, mended: str | None) -> None:
    [fault] = faults(text, "t.json")
    assert (fault.code, fault.span.text) == ("NNC0106", under)
    assert part in fault.message
    if mended is not None:
        assert apply_fix(text, fault) == mended
        plain(mended, "t.json")


def test_other_faults() -> None:
    assert [f.code for f in faults('{"a": 1, "a": 2}', "t.json")] == ["NNC0107"]
    assert [f.code for f in faults("[1e999]", "t.json")] == ["NNC0115"]
    assert [f.code for f in faults(r'["\u0000"]', "t.json")] == ["NNC0103"]
    assert [f.code for f in faults(r'["\ud800"]', "t.json")] == ["NNC0103"]
    assert [f.code for f in faults(" \n", "t.json")] == ["NNC0114"]
    assert [f.code for f in faults("[" * 70, "t.json")] == ["NNC0104"]


def test_content() -> None:
    tree = tree_of('{"a": "Linear(10)", "b": "x\\ty"}', "t.json")
    assert isinstance(tree, Mapping)
    plain_text, escaped = tree.get("a"), tree.get("b")
    assert isinstance(plain_text, Scalar)
    assert isinstance(escaped, Scalar)
    assert (plain_text.content.text, plain_text.exact, plain_text.quoted) == ("Linear(10)", True, True)
    assert (escaped.value, escaped.exact) == ("x\ty", False)


def test_escapes_of_both_kinds() -> None:
    data = {"a": ["\U0001f600", "ß", '"\\/', 1.5e10, -0, True, None]}
    for ascii_only in (True, False):
        assert plain(json.dumps(data, ensure_ascii=ascii_only), "t.json") == data


@given(st.text(st.sampled_from('[]{}",:0123.eE+-truefalsn \\u\n/ax'), max_size=25))
def test_it_takes_what_json_takes(text: str) -> None:
    problems = Problems()
    tree = read_text(text, "t.json", problems)
    try:
        expected = json.loads(text, parse_constant=lambda _: 1 / 0)
    except (ValueError, ZeroDivisionError):
        assert tree is None
        return
    if not problems.found:  # a key given twice, a control character: JSON allows them, and we do not
        assert tree is not None
        assert to_plain(tree) == expected
