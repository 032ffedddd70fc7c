"""The catalogue in the terms of torch 2.11 too: what that version lacks is marked with the version that has it.

signatures_2_11.json was read from its wheels by extract_signatures.py."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.registry import OpDef
from tests.ops.extract_signatures import FILE, Listed
from tests.ops.test_signatures import LEFT_OUT, REASONS, SAME_DEFAULT, agrees, kept, module_arguments, ours

KNOWN: Mapping[str, Mapping[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
MODULES, FUNCTIONS = KNOWN["modules"], KNOWN["functions"]


def in_2_11(op: OpDef) -> OpDef:
    """Without the arguments that came later."""
    return replace(op, arguments=tuple(a for a in op.arguments if not a.since))


def parameters(listed: Listed) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [
        inspect.Parameter(name, kinds[keyword], default=inspect.Parameter.empty if default is None else value(default))
        for name, default, keyword in listed
        if not name.startswith("*")
    ]


def value(source: str) -> Any:
    """A default: of a name its last part (`BatchNorm2d` of `torch.nn.BatchNorm2d`), of `1.0 / 8` the number."""
    try:
        return ast.literal_eval(source)
    except ValueError:
        upper, slash, lower = source.partition(" / ")
        return float(upper) / float(lower) if slash else source.rpartition(".")[2]


def constructor(op: OpDef) -> list[inspect.Parameter]:
    return parameters(MODULES["RNNBase" if op.name in ("RNN", "LSTM", "GRU") else op.name]["__init__"])


@pytest.mark.parametrize("name", [n for n, op in CATALOGUE.items() if op.form == "module"])
def test_constructor(name: str) -> None:
    op = CATALOGUE[name]
    assert (name in MODULES) == (not op.since), "since which version?"
    if op.since:
        return
    theirs, mine = module_arguments(op, constructor), ours(in_2_11(op).arguments)
    assert [(n, k) for n, _, k in mine] == [(n, k) for n, _, k in theirs]
    for (argument, default, _), (_, expected, _) in zip(mine, theirs, strict=True):
        assert default == expected or (name, argument) in SAME_DEFAULT, argument


@pytest.mark.parametrize("name", [n for n, op in CATALOGUE.items() if op.form == "function" and n not in REASONS])
def test_function(name: str) -> None:
    op = CATALOGUE[name]
    assert (name in FUNCTIONS) == (not op.since), "since which version?"
    known = [kept(parameters(listed), LEFT_OUT - {"dtype"}) for listed in FUNCTIONS.get(name, ())]
    mine = ours(in_2_11(op).arguments)
    assert op.since or any(agrees(in_2_11(op), theirs, known) for theirs in known), f"{mine} is none of {known}"


def test_what_is_marked_as_later_is_not_in_it() -> None:
    later = {(op.name, a.name) for op in CATALOGUE.values() for a in op.arguments if a.since and not op.since}
    assert later, "the comparison would be of nothing"
    for name, argument in later:
        listed = MODULES[name]["__init__"] if name in MODULES else [a for form in FUNCTIONS[name] for a in form]
        assert argument not in {n for n, *_ in listed}, f"{name}({argument}=) is in 2.11"


def test_the_file_is_of_2_11() -> None:
    assert "lanczos" not in FILE.read_text(encoding="utf-8")
    assert len(MODULES) > 150
    assert len(FUNCTIONS) > 800
