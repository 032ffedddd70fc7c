"""Every construct of the language, alone and in odd company, against hand-written modules: the same keys in the same
order, the same numbers with the same weights, and all of it again after `nnc fmt`.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nnc.compiler.backends.torch.build import build
from nnc.compiler.diagnostics import Problems
from nnc.compiler.driver import compile_text, default_catalogue
from nnc.compiler.schema.fmt import format_text
from tests.language.cases import CASES
from tests.language.hand import Case


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_the_network_is_the_hand_written_one(case: Case) -> None:
    compare(case.text, case)


@pytest.mark.parametrize("form", ["mapping", "call"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_the_other_spelling_is_the_same_network(case: Case, form: str) -> None:
    problems = Problems()
    formatted = format_text(case.text, "test.yaml", default_catalogue(), problems, form=form)  # type: ignore[arg-type]
    assert formatted is not None, problems.sorted()
    compare(formatted, case)


def compare(text: str, case: Case) -> None:
    graph = compile_text(text, args=case.args).graph
    ours, theirs = build(graph), case.by_hand()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    for tensors in case.tensors():
        for training in (True, False):
            ours.train(training)
            theirs.train(training)
            assert same(run(ours, tensors), run(theirs, tensors))


def run(module: nn.Module, tensors: list[Tensor]) -> Any:
    torch.manual_seed(1)
    return module(*tensors)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    assert list(one) == list(other)
    return all(same(one[k], other[k]) for k in one)
