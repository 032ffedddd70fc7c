"""A text that was read before says the same at its new place: as if it had been read there."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.diagnostics import Problems, Source, Span
from nnc.compiler.expr.unparse import unparse
from nnc.compiler.schema import check_document, read_spec
from nnc.compiler.schema.call_strings import CallStrings
from nnc.compiler.schema.stamps import Stamps, stamp
from nnc.compiler.source import read_text
from tests.elaborate.scale import KINDS, spec
from tests.expr.trees import bare, expressions
from tests.schema.helpers import CATALOGUE, EXAMPLES

SPECS = Path(__file__).parents[2] / "specs"
SHIPPED = {path.stem: path.read_text() for path in sorted(SPECS.glob("*.yaml"))}
LONG = {kind: spec(kind, 100) for kind in KINDS}
LONG["forms"] = (
    "nnc: 1\ninputs: {x: [B, 8]}\nlayers:\n" + "- {type: Linear(8), if: true}\n- type: ReLU\n  from: x\n" * 9
)
TEXTS = [
    "ReLU", "Linear(8)", "Linear(8, bias=False)", "Conv2d(64, [3, 3])(x)", "Add()(left=a, right=b)", "Parameter([1, 8])",
    "relu", "relu(a + b)", "a", "mylib.Layer(3)", "zoo:resnet18(num_classes=2)", "./a.yaml", "./a.yaml(1)(x)",
    "Block(1, True, 1.0)", "Linear(8", "nn.Linear(8)", "Parameter([1])(x)", "Linear(8)()", "Linear(8)(x, y=z)", "a b", "",
]  # fmt: skip


def reader(problems: Problems) -> CallStrings:
    return CallStrings(problems, frozenset({"Block"}), frozenset({"mylib"}))


def said_at_each(texts: list[str], again: bool) -> list[object]:
    """What the texts say, one below the other, and what is wrong with them; `again`: each by a reader that knows no other."""
    source = Source("t.yaml", "\n".join(texts))
    starts = accumulate((len(text) + 1 for text in texts), initial=0)
    problems = Problems()
    one = reader(problems)
    said: list[object] = []
    for text, start in zip(texts, starts, strict=False):
        who, span = reader(problems) if again else one, Span(source, start, start + len(text))
        said += [who.read(text, span), who.head(text, span)]
    return [*((s, bare(s)) for s in said), [str(p) for p in problems], [bare(p) for p in problems]]


@given(
    st.lists(st.sampled_from(TEXTS) | expressions().map(unparse), min_size=1, max_size=4), st.lists(st.integers(0, 3))
)
def test_said_again_is_said_as_before(texts: list[str], order: list[int]) -> None:
    repeated = [*texts, *(texts[i % len(texts)] for i in order)]
    found, expected = said_at_each(repeated, False), said_at_each(repeated, True)
    # Spans of two readings are of two sources, and equal but for that.
    assert str(found) == str(expected)


@pytest.mark.parametrize("name", [*SHIPPED, *EXAMPLES, *LONG])
def test_specs_are_read_as_entry_by_entry(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (SHIPPED | EXAMPLES | LONG)[name]
    problems = Problems()
    tree = read_text(text, f"{name}.yaml", problems)
    assert tree is not None
    broken = check_document(tree, CATALOGUE, problems)
    source = Source(f"{name}.yaml", text)
    found = read_spec(tree, source, broken, problems)
    monkeypatch.setattr(Stamps, "put", lambda *_: None)
    expected = read_spec(tree, source, broken, problems)
    assert found is not None
    assert found == expected


def test_a_text_that_does_not_stand_in_the_file_is_read_anew() -> None:
    """An escape in quotes: no part of the text has a place of its own."""
    source = Source("t.yaml", 'Linear(8)\n"Linear\\x288)"')
    problems = Problems()
    one = reader(problems)
    one.read("Linear(8)", Span(source, 0, 9))
    whole = Span(source, 11, 23)
    assert whole.text == "Linear\\x288)"
    assert one.read("Linear(8)", whole) == reader(problems).read("Linear(8)", whole)


def test_a_long_text_is_read_anew() -> None:
    """Which bounds how deep a stamp is."""
    nested = "f(" * 60 + "x" + ")" * 60
    for text, expected in ((nested, None), (nested[40:-20], 7)):
        stamps: Stamps[int] = Stamps()
        span = Span(Source("t.yaml", text), 0, len(text))
        assert stamps.keep(text, span, 7) == 7
        assert stamps.put(text, span) == expected


def test_what_holds_no_span_is_shared() -> None:
    place = Span(Source("t.yaml", "ab"), 0, 1)
    assert stamp(("a", 1, (), None), place)(Span(place.source, 1, 2)) == ("a", 1, (), None)
