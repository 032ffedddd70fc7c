"""No document breaks the schema stage: whatever is wrong is reported, and what is not reported can be read and written
again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.diagnostics import Problems
from nnc.compiler.schema.canonical import canonical, equivalent
from nnc.compiler.schema.document import ACTIONS, CONTROLS, DOCUMENT
from nnc.compiler.schema.fmt import format_text
from nnc.compiler.schema.spec import Body, EntryDecl, Group, Splice
from nnc.compiler.source.tree import to_plain
from tests.schema.helpers import CATALOGUE, EXAMPLES, Read, read

TEXTS = list(EXAMPLES.values())
DOCUMENTS: list[Any] = [to_plain(tree) for text in TEXTS if (tree := read(text).tree) is not None]

KEYS = [
    *DOCUMENT.keys,
    *CONTROLS,
    *ACTIONS,
    "out_features",
    "x",
    "",
    "a.b",
    "forward",
    "conv${i}",
    "${",
    "1",
    "shape",
    "min",
]
TEXT = [
    "ReLU", "Linear(3)", "Linear(", "x + 1", "$x", "${x}", "${", "a${x}b", "", " ", "i in range(2)", "nn.ReLU", "zoo:x",
    "Parameter",     "Conv2d(64, 3", "relu", "...", "~", "int64", "a.b.c", "\u00e9", "\U0001f600", "x" * 300,
]  # fmt: skip
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**62), 2**62), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(TEXT), st.text(max_size=12).filter(lambda t: t.isprintable()),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from(KEYS), v, max_size=4),
    max_leaves=10,
)


def entries_of(body: Body) -> Iterator[EntryDecl]:
    for entry in body.entries:
        yield entry
        if isinstance(entry.action, Group | Splice):
            yield from entries_of(entry.action.body)


def check_whole(text: str, name: str) -> Read:
    """Reads the text; what comes out is either sound, or has an error to show for it."""
    done = read(text, name)
    if done.problems.has_errors:
        for diagnostic in done.problems:
            assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(diagnostic.span.source.text)
        return done
    assert done.spec is not None
    assert not done.broken
    bodies = [done.spec.body, *(b.body for b in done.spec.blocks.values())]
    assert not any(e.broken or e.action is None for body in bodies for e in entries_of(body))
    written = json.dumps(canonical(done.spec))
    again = read(written, "t.json")
    if again.problems.has_errors:
        # Infinities among the sections are no JSON. A function's name behind `$` is judged once it stands without.
        assert {d.code for d in again.problems} <= {"NNC0302", "NNC0305"} or "Infinity" in written or "NaN" in written
    else:
        assert again.spec is not None
        assert equivalent(done.spec, again.spec)
    return done


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything inside a document."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


def changed(document: Any, path: tuple[Any, ...], change: str, key: str, value: Any) -> Any:
    """A copy of the document with one thing replaced, removed, renamed or added."""
    document = json.loads(json.dumps(document))
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    last = path[-1]
    if change == "replace":
        parent[last] = value
    elif change == "remove":
        del parent[last]
    elif change == "rename" and isinstance(parent, dict):
        items = [(key if k == last else k, v) for k, v in parent.items()]
        parent.clear()
        parent.update(items)
    elif isinstance(parent[last], dict):
        parent[last][key] = value
    elif isinstance(parent[last], list):
        parent[last].append(value)
    return document


@st.composite
def mutated_documents(draw: st.DrawFn) -> Any:
    document = draw(st.sampled_from(DOCUMENTS))
    for _ in range(draw(st.integers(1, 3))):
        paths = list(places(document))
        if not paths:
            break
        path = draw(st.sampled_from(paths))
        change = draw(st.sampled_from(["replace", "remove", "rename", "add"]))
        document = changed(document, path, change, draw(st.sampled_from(KEYS)), draw(values))
    return document


@st.composite
def mutated_texts(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.integers(0, 6))
        snippet = draw(
            st.sampled_from(
                ["", "\n", "  ", ":", ": ", "- ", "{", "}", "[", "]", ",", "$", "${", "(", ")", "x", "#", "'"]
            )
        )
        text = text[:start] + snippet + text[start + length :]
    return text


@given(mutated_documents())
def test_changed_documents(document: Any) -> None:
    check_whole(json.dumps(document), "t.json")


@given(mutated_texts())
def test_changed_texts(text: str) -> None:
    done = check_whole(text, "t.yaml")
    for form in ("call", "mapping"):
        written = format_text(text, "t.yaml", CATALOGUE, Problems(), form=form)  # type: ignore[arg-type]  # a Form
        assert (written is None) is done.problems.has_errors


@given(values)
def test_any_data_as_a_document(value: Any) -> None:
    check_whole(json.dumps(value), "t.json")


@given(values)
def test_any_data_as_layers(value: Any) -> None:
    check_whole(json.dumps({"nnc": 1, "inputs": {"x": ["B"]}, "layers": {"a": value}}), "t.json")
    check_whole(json.dumps({"nnc": 1, "inputs": {"x": ["B"]}, "layers": value}), "t.json")


@given(st.sampled_from(sorted(DOCUMENT.keys)), values)
def test_any_data_as_a_section(section: str, value: Any) -> None:
    check_whole(json.dumps({"nnc": 1, "inputs": {"x": ["B"]}, "layers": {"a": "ReLU"}, section: value}), "t.json")


@pytest.mark.parametrize("depth", [10, 60, 500])
def test_nesting(depth: int) -> None:
    text = '{"nnc": 1, "inputs": {"x": ["B"]}, "layers": ' + '{"a": {"layers": ' * depth + "{}" + "}}" * depth + "}"
    read(text, "t.json")
    read('{"nnc": 1, "inputs": {"x": ["B"]}, "layers": ' + "[" * depth + "]" * depth + "}", "t.json")
