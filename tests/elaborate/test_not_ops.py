"""A name that torch has and the language has not: the error says what to write."""

from __future__ import annotations

import pytest

from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.not_ops import NOT_OPS, instead
from tests.elaborate.helpers import compiled


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("y: Sequential(4)", "a list of layers is a Sequential"),
        ("y: ModuleList()", "a mapping of layers"),
        ("y: {type: ModuleDict}", "a mapping of layers"),
        ("y: ParameterList(3)", "Parameter([dim])"),
        ("y: Container()", "a block"),
        ("y: DataParallel()", "no part of its spec"),
        ("y: RNNBase(4)", "`RNN`, `LSTM` and `GRU`"),
        ("y: relu_()", "write `relu`"),
        ("y: relu_(x)", "write `relu`"),
        ("y: relu_", "write `relu`"),
        ("y: max_pool2d_with_indices(x, 2)", "`max_pool2d(…, return_indices=True)`"),
        ("y: native_channel_shuffle(x, 2)", "write `channel_shuffle`"),
        ("y: upsample(x, 2)", "interpolate"),
        ("y: nonzero(x)", "depends on the numbers"),
        ("y: x + unique(x)", "depends on the numbers"),
        ("y: x.shape[0] * x", "sizes have names"),
        ("y: x.T", "`t(x)`"),
        ("y: 2 * x.relu()", "`relu(x)`"),
        ("y: 2 * x.view(-1, 4)", "write `view(x, -1, 4)`"),
        ("y: 2 * x.size(1)", "sizes have names"),
        ("y: reshape(x, size(x))", "sizes have names"),
    ],
)
def test_says_what_to_write(entry: str, words: str) -> None:
    (problem,) = compiled(f"layers:\n  {entry}").problems.sorted()
    assert words in " ".join([*problem.notes, problem.fix.title if problem.fix else ""])


def test_none_is_an_op() -> None:
    assert [name for name in NOT_OPS if name in CATALOGUE] == []


def test_other_names_are_misspellings() -> None:
    assert instead("Conv2", CATALOGUE) is None
    assert instead("rellu_", CATALOGUE) is None
