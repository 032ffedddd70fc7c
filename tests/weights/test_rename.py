"""Renaming by prefix and by stars, held against regular expressions, which mean the same and take any time they like."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc.compiler.diagnostics import Problems
from nnc.compiler.weights import parse_weights
from nnc.compiler.weights.rename import clash, renamed, wrong_rule


@pytest.mark.parametrize(
    ("rules", "name", "expected"),
    [
        ({"module.": ""}, "module.fc.weight", "fc.weight"),
        ({"": "encoder."}, "fc.weight", "encoder.fc.weight"),
        ({"a.": "b.", "a.c": "d"}, "a.c", "b.c"),  # the first that fits
        ({"encoder.layer.*.**": "blocks.*.**"}, "encoder.layer.11.attn.weight", "blocks.11.attn.weight"),
        ({"**.norm.*.**": "**.norm*.**"}, "block1.norm.2.weight", "block1.norm2.weight"),
        ({"*.weight": "x.*.weight"}, "a.b.weight", "a.b.weight"),  # one star is one part
        ({"**.weight": "x.**.w"}, "a.b.weight", "x.a.b.w"),
        ({"conv*": "c*"}, "conv12", "c12"),
        ({"conv*": "c*"}, "conv", "conv"),  # a star is something
        ({"**gamma": "**weight", "**beta": "**bias"}, "ln.beta", "ln.bias"),
        ({"a.*.*": "b.*"}, "a.1.2", "b.1"),
    ],
)
def test_names(rules: dict[str, str], name: str, expected: str) -> None:
    assert renamed(rules, name) == expected


@settings(max_examples=300)
@given(st.text("ab.*", min_size=1, max_size=8), st.text("ab.", max_size=10))
def test_stars_mean_what_a_regular_expression_does(rule: str, name: str) -> None:
    parts = re.split(r"(\*\*|\*)", rule)
    if len(parts) == 1:
        return
    words = {"*": r"([^.]+)", "**": r"(.*)"}
    found = re.fullmatch("".join(words.get(p) or re.escape(p) for p in parts), name)
    new = "|".join(p for p in parts if p in words)
    assert renamed({rule: new}, name) == ("|".join(found.groups()) if found else name)


def test_no_rule_takes_long() -> None:
    began = time.perf_counter()
    assert renamed({"**a" * 90 + "b": "x"}, "a" * 300) == "a" * 300
    assert time.perf_counter() - began < 2


def test_two_names_that_become_one() -> None:
    assert clash({"a.": "", "b.": ""}, ["a.x", "b.x"]) == "`a.x` and `b.x` of the file are both renamed to `x`"
    assert clash({"a.": ""}, ["a.x", "b.x"]) == ""


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"a.*": "b.*.*"}, "`a.*` has 1 star, and `b.*.*`, which it becomes, has 2"),
        ({"a.": "*"}, "`a.` has no stars, and `*`, which it becomes, has 1"),
        ({"a" * 301: ""}, "a name of more than 300 characters"),
        ({"a.**": "**", "": "x."}, ""),
    ],
)
def test_wrong_rules(rules: dict[str, str], said: str) -> None:
    assert wrong_rule(rules).startswith(said)
    problems = Problems()
    weights = parse_weights({"file": "w.pt", "rename": rules}, problems)
    assert weights is not None
    assert bool(weights.wrong_rename()) == bool(said)
