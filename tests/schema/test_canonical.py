"""The canonical mapping form is JSON, and reads back to an equal spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.diagnostics import Problems, Source, Span
from nnc.compiler.expr.parser import parse
from nnc.compiler.schema.canonical import canonical, equivalent, plain_value
from nnc.compiler.schema.names import CONTROL_KEYS
from nnc.compiler.schema.values import read_value
from nnc.compiler.source import read_text
from tests.schema.helpers import CATALOGUE, EXAMPLES, read, spec_of

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.yaml"))
TEXTS = EXAMPLES | {p.stem: p.read_text(encoding="utf-8") for p in SPECS}


def again(document: dict[str, Any]) -> Any:
    """The spec that the document's JSON text reads as."""
    return spec_of(json.dumps(document, allow_nan=False), "t.json")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("calls", [False, True], ids=["mapping", "calls"])
def test_round_trip(text: str, calls: bool) -> None:
    spec = spec_of(text)
    assert equivalent(spec, again(canonical(spec, calls=calls)))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("calls", [False, True], ids=["mapping", "calls"])
def test_round_trip_with_names(text: str, calls: bool) -> None:
    spec = spec_of(text)
    assert equivalent(spec, again(canonical(spec, CATALOGUE, calls=calls)), CATALOGUE)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_it_is_a_fixed_point(text: str) -> None:
    document = canonical(spec_of(text))
    assert canonical(again(document)) == document


def test_arguments_get_their_names() -> None:
    spec = spec_of("nnc: 1\ninputs: {x: [B, 3, H, W]}\nlayers: {a: 'Conv2d(64, 3, bias=False)', b: Foo(1), c: relu}\n")
    assert canonical(spec, CATALOGUE)["layers"] == {
        "a": {"type": "Conv2d", "out_channels": 64, "kernel_size": 3, "bias": False},
        "b": {"type": "Foo", "args": [1]},
        "c": {"expr": "relu"},
    }


def test_calls_have_required_arguments_first() -> None:
    spec = spec_of(
        "nnc: 1\ninputs: {x: [B, 3, H, W]}\n"
        "layers:\n"
        "  a: {type: Conv2d, kernel_size: 3, stride: 2, out_channels: 64}\n"
        "  b: {type: relu}\n"
        "  c: {type: Linear, out_features: $n, from: x}\n"
    )
    assert canonical(spec, CATALOGUE, calls=True)["layers"] == {
        "a": "Conv2d(64, 3, stride=2)",
        "b": {"type": "relu"},
        "c": "Linear(n)(x)",
    }


def test_an_argument_like_a_control_key_stays_in_the_call() -> None:
    spec = spec_of("nnc: 1\ninputs: {x: [B]}\nlayers:\n  a: Foo(layers=[1, 2])\n")
    document = canonical(spec)
    assert document["layers"] == {"a": {"type": "Foo(layers=[1, 2])"}}
    assert equivalent(spec, again(document))


def test_two_keys_with_one_canonical_text_stay_two() -> None:
    layers = "  a${i}: {for: i in range(1), type: ReLU}\n  a${ i }: {for: i in range(2), type: ReLU}\n"
    text = f"nnc: 1\ninputs: {{x: [B]}}\nlayers:\n{layers}"
    spec = spec_of(text)
    assert list(canonical(spec)["layers"]) == ["a${i}", "a${ i}"]
    assert equivalent(spec, again(canonical(spec)))


def test_equivalence_tells_values_apart() -> None:
    def one(value: str) -> Any:
        return spec_of(f"nnc: 1\ninputs: {{x: [B]}}\nlayers: {{a: {{type: Foo, n: {value}}}}}\n")

    values = ["1", "1.0", "true", "'1'", "$one", "[1]", "null"]
    for i, a in enumerate(values):
        for j, b in enumerate(values):
            assert equivalent(one(a), one(b)) is (i == j)


# -- any value, any expression -----------------------------------------------------------------------------------------

names = st.from_regex(r"[a-z][a-z0-9_]{0,4}", fullmatch=True).filter(lambda n: n not in CONTROL_KEYS)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False),
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Co", "Cn", "Cf", "Zl", "Zp"))),
    st.sampled_from(["$x", "${x + 1}", "$$", "a$", "true", "1", "", "~"]),
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)


@given(st.dictionaries(names, values, max_size=3))
def test_any_value_survives(arguments: dict[str, Any]) -> None:
    document = {"nnc": 1, "inputs": {"x": ["B"]}, "layers": {"a": {"type": "Foo", **arguments}}}
    done = read(json.dumps(document), "t.json")
    if done.spec is None or done.problems.found:  # a text with `$` in it that is no expression
        return
    assert equivalent(done.spec, again(canonical(done.spec)))


expressions = st.recursive(
    st.one_of(
        names, st.integers(0, 99).map(str), st.sampled_from(['"text"', "1e-3", "True", "None", "x.output", "..."])
    ),
    lambda e: st.one_of(
        st.tuples(e, st.sampled_from(["+", "-", "*", "//", "**", "@", "==", "and", "if 1 else"]), e).map(" ".join),
        e.map(lambda a: f"({a})"),
        e.map(lambda a: f"-{a}"),
        st.lists(e, max_size=3).map(lambda i: f"[{', '.join(i)}]"),
        st.tuples(names, st.lists(e, max_size=2), names, e).map(
            lambda p: f"{p[0]}({', '.join([*p[1], f'{p[2]}={p[3]}'])})"
        ),
        st.tuples(names, e).map(lambda p: f"{p[0]}[{p[1]}]"),
        st.tuples(e, e).map(lambda p: f"{{1: {p[0]}, 'k': {p[1]}}}"),
    ),
    max_leaves=10,
)


@given(expressions)
def test_any_expression_survives_as_a_value(text: str) -> None:
    source = Source("t.yaml", text)
    expr = parse(text, Span(source, 0, len(text)), Problems())
    if expr is None:
        return
    written = json.dumps({"v": plain_value(expr)})
    tree = read_text(written, "t.json", Problems())
    problems = Problems()
    value = read_value(tree.get("v"), problems)  # type: ignore[union-attr, arg-type]  # a mapping with the key v
    assert value is not None, [str(p) for p in problems]
    assert equivalent(value, expr)  # type: ignore[arg-type]  # works on any part of a spec
