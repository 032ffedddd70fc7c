"""YAML to located tree: the values, the exact places, and the faults that are not of syntax."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.source import yaml_reader
from nnc.compiler.source.tree import Mapping, Scalar, Sequence, to_plain
from tests.source.reading import apply_fix, faults, plain, tree_of

PARSERS = [yaml_reader._fastest_parser(), yaml_reader.PurePythonParser]


@pytest.fixture(params=PARSERS, ids=["fastest", "python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_reader, "_Parser", request.param)


DOCUMENTS = {
    "nnc: 1\nname: lenet\n": {"nnc": 1, "name": "lenet"},
    "a: [1, two, [3.0, ~], {b: true}]": {"a": [1, "two", [3.0, None], {"b": True}]},
    "a:\n- 1\n- b: 2\n  c:\n    - 3\n": {"a": [1, {"b": 2, "c": [3]}]},
    "a:\nb: \n": {"a": None, "b": None},
    "on: off\n": {"on": "off"},
    'a: "1"\nb: \'true\'\nc: ""\n': {"a": "1", "b": "true", "c": ""},
    "a: |\n  one\n  two\nb: >-\n  one\n  two\n": {"a": "one\ntwo\n", "b": "one two"},
    "a: one\n  two\n": {"a": "one two"},
    "a: &x [1, 2]\nb: *x\n": {"a": [1, 2], "b": [1, 2]},
    "a: &x 3\nb: &x 4\nc: *x\n": {"a": 3, "b": 4, "c": 4},
    "%YAML 1.2\n---\na: 1\n...\n": {"a": 1},
    "# only\na: 1 # comments\n": {"a": 1},
    "a: 1\r\nb: 2\r\n": {"a": 1, "b": 2},
    "? a\n: 1\n": {"a": 1},
    '{"a": 1,\n\t"b": [true, null]}': {"a": 1, "b": [True, None]},
    "layer${s + 1}:\n  for: s, n in enumerate(layers)\n": {"layer${s + 1}": {"for": "s, n in enumerate(layers)"}},
    "a: {planes: , stride: 1}": {"a": {"planes": None, "stride": 1}},
    "a: {x: [B, 3, H, W]}": {"a": {"x": ["B", 3, "H", "W"]}},
    "grösse: 😀\n": {"grösse": "😀"},
    "- a\n- - b\n  - c\n": ["a", ["b", "c"]],
    "just text": "just text",
    "--- 3": 3,
}


@pytest.mark.parametrize(("text", "value"), DOCUMENTS.items(), ids=range(len(DOCUMENTS)))
def test_values(text: str, value: object, parser: None) -> None:
    if "\t" in text and yaml_reader._Parser is yaml_reader.PurePythonParser:
        assert [f.code for f in faults(text)] == ["NNC0116"]  # PyYAML's own parser takes no tabs at all
        return
    assert plain(text) == value


def scalar(tree: object, *path: str | int) -> Scalar:
    for step in path:
        if isinstance(tree, Mapping):
            tree = tree.get(str(step))
        elif isinstance(tree, Sequence):
            tree = tree.items[int(step)]
    assert isinstance(tree, Scalar)
    return tree


@pytest.mark.parametrize(
    ("text", "content", "exact", "quoted"),
    [
        ("k: Linear(10)  # c", "Linear(10)", True, False),
        ("k: 😀 + größe\r\nl: 1", "😀 + größe", True, False),
        ('k: "Linear(10)"', "Linear(10)", True, True),
        ("k: 'Linear(10)'", "Linear(10)", True, True),
        ("k: 'it''s'", "it''s", False, True),
        (r'k: "a\tb"', r"a\tb", False, True),
        ("k: &anchor Linear(10)", "Linear(10)", True, False),
        ('k: &anchor\n  "Linear(10)"', "Linear(10)", True, True),
        ("k: one\n  two", "one\n  two", False, False),
        ("k: |\n  Linear(10)\n", "Linear(10)\n", True, True),
        ("k: |-\n  Linear(10)\n", "Linear(10)", True, True),
        ("k: >-\n    Linear(10)", "Linear(10)", True, True),
        ("k: [a, Linear(10) , b]", "a", True, False),
    ],
)
def test_the_content_of_a_scalar(text: str, content: str, exact: bool, quoted: bool) -> None:
    tree = tree_of(text)
    assert isinstance(tree, Mapping)
    value = tree.get("k")
    found = scalar(value, 0) if isinstance(value, Sequence) else scalar(value)
    assert (found.content.text, found.exact, found.quoted) == (content, exact, quoted)


def test_the_content_of_a_block_of_lines_is_the_block() -> None:
    found = scalar(tree_of("k: |\n  one\n  two\n\nl: 1\n"), "k")
    assert not found.exact
    assert found.span.text == "|\n  one\n  two"


def test_a_block_scalar_is_not_looked_for_in_what_follows() -> None:
    found = scalar(tree_of("k: |-\n  a\n   b\nl: a\n"), "k")
    assert found.value == "a\n b"
    assert not found.exact


@pytest.mark.parametrize(
    ("text", "path", "span"),
    [
        ("a:\n  b: 1\n  c: 2  # d\n\n# e\nf: 3", ("a",), "b: 1\n  c: 2"),
        ("a:\n  - 1\n  - 2\n\nf: 3", ("a",), "- 1\n  - 2"),
        ("a: [1, [2, 3] ] # c", ("a",), "[1, [2, 3] ]"),
        ("a: &x {b: 1}", ("a",), "{b: 1}"),
        ("a: &x\n  b: 1\n", ("a",), "b: 1"),
        ("a:\n  - &y 1\n  - *y\nb: 2", ("a",), "- &y 1\n  - *y"),
    ],
)
def test_the_span_of_a_collection(text: str, path: tuple[str, ...], span: str) -> None:
    tree: object = tree_of(text)
    for step in path:
        assert isinstance(tree, Mapping)
        tree = tree.get(step)
    assert isinstance(tree, Mapping | Sequence)
    assert tree.span.text == span


def test_lines_and_columns_count_characters() -> None:
    tree = tree_of("a: 😀\r\nß: [x, größe]\r\n")
    place = scalar(tree, "ß", 1).span
    assert (place.line, place.column) == (2, 8)


def test_an_alias_is_the_same_tree() -> None:
    tree = tree_of("a: &x {b: [1]}\nc: *x\n")
    assert isinstance(tree, Mapping)
    assert tree.get("a") is tree.get("c")


# All that YAML lets stand in a text as it is, but the characters that it takes for line breaks and folds.
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\u2028\u2029\ufeff\ufffe\uffff")
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda v: st.lists(v, max_size=4) | st.dictionaries(TEXTS, v, max_size=4),
    max_leaves=15,
)


@given(VALUES.filter(lambda v: v is not None), st.booleans())
def test_every_json_text_means_the_same(value: object, indented: bool) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=2 if indented else None)
    assert plain(text) == value
    assert plain(text, "t.json") == value


# -- faults that are not of syntax -------------------------------------------------------------------------------------


def only(text: str) -> tuple[str, str, str]:
    [fault] = faults(text)
    return fault.code, fault.span.text, fault.message


def test_a_key_given_twice() -> None:
    text = "a: 1\nb: 2\na: 3\n"
    [fault] = faults(text)
    assert (fault.code, fault.span.line, fault.span.text) == ("NNC0107", 3, "a")
    assert (fault.labels[0].span.line, fault.labels[0].text) == (1, "first given here")
    assert only("{a: 1, 'a': 2}")[0] == "NNC0107"


@pytest.mark.parametrize(
    ("text", "under", "mended"),
    [
        ("0: a", "0", '"0": a'),
        ("1e3: a", "1e3", '"1e3": a'),
        ("true: a", "true", '"true": a'),
        ("~: a", "~", '"~": a'),
        ("{x: 1, 2: 3}", "2", '{x: 1, "2": 3}'),
    ],
)
def test_a_key_that_is_no_text(text: str, under: str, mended: str) -> None:
    [fault] = faults(text)
    assert (fault.code, fault.span.text) == ("NNC0108", under)
    assert apply_fix(text, fault) == mended
    plain(mended)


@pytest.mark.parametrize("text", ["? [a]\n: 1", "{[a]: 1}", "{{a: 1}: 2}", "{{w}}: 1", "a: {{ w }}", "? \n: 1"])
def test_a_key_that_can_be_none(text: str) -> None:
    [fault] = faults(text)
    assert fault.code == "NNC0108"


def test_braces_of_another_language() -> None:
    [fault] = faults("out: {{ w }}")
    assert fault.fix is not None
    assert "${…}" in fault.fix.title


@pytest.mark.parametrize(
    "text",
    ["a: !!str 1", "a: !!python/object:os.system [x]", "a: !x {b: 1}", "a: ! 1", "!<tag:a,b> x: 1", "!!map {a: 1}"],
)
def test_tags(text: str) -> None:
    [fault] = faults(text)
    assert fault.code == "NNC0110"
    assert fault.span.text.startswith("!")


def test_aliases() -> None:
    assert only("a: *x")[:2] == ("NNC0111", "*x")
    assert only("a: &x [*x]")[:2] == ("NNC0111", "*x")
    [fault] = faults("a: &encoder 1\nb: *encodre")
    assert fault.fix is not None
    assert fault.fix.title == "did you mean `*encoder`?"


def test_merge_keys() -> None:
    assert only("a: &x {b: 1}\nc:\n  <<: *x\n")[:2] == ("NNC0112", "<<")
    assert plain('"<<": 1') == {"<<": 1}


def test_documents() -> None:
    assert only("a: 1\n---\nb: 2\n")[:2] == ("NNC0113", "---")
    assert only("")[0] == only("# c\n")[0] == only("---\n")[0] == only("~")[0] == "NNC0114"
    assert plain("---\na: 1\n") == {"a": 1}


def test_numbers_and_controls() -> None:
    assert only("a: 1e999")[:2] == ("NNC0115", "1e999")
    assert only(r'a: "\0"')[:2] == ("NNC0103", r'"\0"')
    assert only("a: \x00")[:2] == ("NNC0103", "\x00")
    assert only("a: \x1b[31m")[0] == "NNC0103"
    assert only("a: \ud800")[0] == "NNC0103"


def test_a_list_item_that_is_swallowed() -> None:
    text = "a:\n  - x\n    - y\n"
    assert only(text)[:2] == ("NNC0105", "- y")
    assert plain("a: x\n  - y\n") == {"a": "x - y"}


def test_values_stay_whole_after_a_fault() -> None:
    """What can still be said of the rest is said: a fault that leaves no hole leaves the tree."""
    for text, value in {
        "a: 1\na: 2": {"a": 1},
        "a: [Linear(10, bias=False), ReLU]": {"a": ["Linear(10, bias=False)", "ReLU"]},
    }.items():
        from nnc.compiler.diagnostics import Problems
        from nnc.compiler.source import read_text

        tree = read_text(text, "t.yaml", Problems())
        assert tree is not None
        assert to_plain(tree) == value
