"""Expression trees for the tests: parsing with an exact span, trees without spans, and random trees."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import strategies as st

from nnc.compiler.diagnostics import Problems, Source, Span
from nnc.compiler.expr.lexer import RESERVED
from nnc.compiler.expr.parser import parse
from nnc.compiler.expr.tree import (
    Attribute,
    Binary,
    CallExpr,
    Compare,
    Comprehension,
    Conditional,
    Dictionary,
    Expr,
    Index,
    Items,
    Keyword,
    Literal,
    Logic,
    Name,
    Slice,
    Unary,
)

__all__ = ["bare", "expressions", "faults_of", "parsed", "span_of"]

NOWHERE = Span(Source("", ""), 0, 0)


def span_of(text: str, before: str = "") -> Span:
    """The span of `text` in a source in which `before` precedes it."""
    return Span(Source("t.yaml", before + text), len(before), len(before) + len(text))


def parsed(text: str) -> Expr:
    problems = Problems()
    expression = parse(text, span_of(text), problems)
    assert expression is not None, "\n".join(map(str, problems))
    assert not problems.found
    return expression


def faults_of(text: str) -> Problems:
    problems = Problems()
    assert parse(text, span_of(text), problems) is None
    assert len(problems) == 1, "one fault, one error"
    return problems


def bare(node: object) -> Any:
    """A tree as nested tuples without spans: equal for trees that mean the same."""
    if isinstance(node, Span):
        return None
    if isinstance(node, tuple):
        return tuple(map(bare, node))
    if dataclasses.is_dataclass(node):
        fields = (getattr(node, f.name) for f in dataclasses.fields(node))
        return (type(node).__name__, *map(bare, fields))
    return (type(node).__name__, repr(node))


def _names() -> st.SearchStrategy[str]:
    return st.sampled_from(["x", "conv1", "B", "größe", "_a", "is_a", "nota"])


def _literals() -> st.SearchStrategy[Expr]:
    values = st.one_of(
        st.integers(0, 10**20),
        st.floats(0, allow_nan=False, allow_infinity=False).map(abs),
        st.text(st.characters(codec="utf-8"), max_size=8),
        st.sampled_from([True, False, None, ...]),
    )
    return values.map(lambda v: Literal(v, NOWHERE))


def _over(parts: st.SearchStrategy[Expr], python: bool) -> st.SearchStrategy[Expr]:
    """Every kind of node over the given parts; with `python` only those that Python has too."""
    several = st.lists(parts, max_size=3).map(tuple)
    some = st.lists(parts, min_size=1, max_size=3).map(tuple)
    maybe = st.none() | parts
    numbered = st.just("0") if not python else st.nothing()
    reserved = st.sampled_from(sorted(RESERVED)) if not python else st.nothing()
    slices = st.builds(Slice, maybe, maybe, maybe, st.just(NOWHERE))
    keywords = st.lists(
        st.builds(Keyword, _names(), parts, st.just(NOWHERE)), max_size=2, unique_by=lambda k: k.name
    ).map(tuple)
    callees = st.builds(Name, _names(), st.just(NOWHERE)) | st.builds(
        Attribute, parts, _names(), st.just(NOWHERE), st.just(NOWHERE)
    )
    comparisons = ["==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not"]
    rest = st.lists(st.tuples(st.sampled_from(comparisons), parts), min_size=1, max_size=3).map(tuple)
    targets = st.sampled_from([("i",), ("s", "n"), ("s", ("c", "n")), (("a", ("b", "c")), "n")])
    here = st.just(NOWHERE)
    inside = st.lists(parts | slices, min_size=1, max_size=3).map(tuple)
    if python:  # to Python `x[(a, b)]` is `x[a, b]`
        inside = inside.filter(
            lambda items: len(items) > 1 or not isinstance(items[0], Items) or items[0].bracket == "["
        )
    return st.one_of(
        st.builds(Items, several, here, st.sampled_from("[(")),
        st.builds(Dictionary, st.lists(st.tuples(parts, parts), max_size=2).map(tuple), here),
        st.builds(Unary, st.sampled_from(["-", "+", "~", "not"]), parts, here),
        st.builds(
            Binary, st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^"]), parts, parts, here
        ),
        st.builds(Logic, st.sampled_from(["and", "or"]), parts, parts, here),
        st.builds(Compare, parts, rest, here),
        st.builds(Conditional, parts, parts, parts, here),
        st.builds(CallExpr, callees, several, keywords, here),
        st.builds(Attribute, parts, _names() | numbered, here, here),
        st.builds(Name, reserved, here) if not python else st.nothing(),
        st.builds(Index, parts, inside, here),
        st.builds(Comprehension, parts, targets, parts, maybe, here),
        st.builds(Items, some, here, st.just("(")),
    )


def expressions(*, python: bool = False) -> st.SearchStrategy[Expr]:
    leaves = _literals() | st.builds(Name, _names(), st.just(NOWHERE))
    return st.recursive(leaves, lambda parts: _over(parts, python), max_leaves=12)
