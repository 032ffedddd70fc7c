"""Mermaid text: every line is of a known form, whatever the names are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.backends.mermaid import to_mermaid
from nnc.compiler.backends.sketch import sketch
from tests.backends.attacks import ATTACKS, named
from tests.backends.graphs import lenet, resnet

GOLDEN = Path(__file__).parent / "golden"

TEXT = r"(?:[^\x00-\x7f]|[A-Za-z0-9 ,.()=+/_]|#\d+;|<b>|</b>|<br/>)*"
LINES = (
    re.compile(r"flowchart (TB|LR)"),
    re.compile(r" +%% [\w ,.:]*"),
    re.compile(rf' +subgraph c\d+\["{TEXT}"\]'),
    re.compile(r" +end"),
    re.compile(rf' +n\d+(\(\[|\(\(|\(|\[)"{TEXT}"(\]\)|\)\)|\)|\]):::[a-z]+'),
    re.compile(rf' +n\d+ (-->|-\.->)(\|"{TEXT}"\|)? n\d+'),
    re.compile(r" +classDef [a-z]+ fill:#[0-9a-f]{6},stroke:#[0-9a-f]{6},color:#[0-9a-f]{6}"),
    re.compile(r" +linkStyle [\d,]+ stroke:#[0-9a-f]{6},stroke-width:2px"),
)


def check(text: str) -> None:
    for line in text.splitlines():
        assert any(form.fullmatch(line) for form in LINES), line
    opened, closed = (re.findall(rf"^ +{word}\b", text, re.MULTILINE) for word in ("subgraph", "end"))
    assert len(opened) == len(closed)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_name_stays_in_its_label(name: str) -> None:
    check(to_mermaid(sketch(named(name))))


@given(st.text(st.characters(), max_size=30))
def test_any_name_stays_in_its_label(name: str) -> None:
    check(to_mermaid(sketch(named(name))))


def test_the_check_can_fail() -> None:
    for bad in ('n1["a"]:::x"', 'n1["<i>"]:::step', "click n1 href", 'n1["a#b"]:::step'):
        with pytest.raises(AssertionError):
            check("    " + bad)


def test_a_small_network_as_it_was(update_golden: bool) -> None:
    text = to_mermaid(sketch(lenet()))
    path = GOLDEN / "lenet.mmd"
    if update_golden:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_it_draws_what_the_drawing_holds() -> None:
    diagram = sketch(resnet())
    text = to_mermaid(diagram, direction="LR")
    check(text)
    assert text.startswith("flowchart LR\n")
    assert len(re.findall(r"^ +n\d+[\[(]", text, re.MULTILINE)) == sum(1 for _ in diagram.boxes())
    assert len(re.findall(r" --> | -->\|", text)) == len(diagram.edges)
    assert "<b>1 … 5</b> Bottleneck <b>×5</b> · 1.12M each" in text
    bypasses = [str(i) for i, e in enumerate(diagram.edges) if e.bypass]
    assert f"linkStyle {','.join(bypasses)} " in text


def test_a_note_becomes_a_comment() -> None:
    assert "%% more than 12 boxes: folded to depth 0" in to_mermaid(sketch(resnet(), limit=12))
