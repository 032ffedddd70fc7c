"""Names of other libraries are answered with what to write, which is in the catalogue; the catalogue's own never are."""

from __future__ import annotations

import re

import pytest

from nnc.compiler.driver import compile_text
from nnc.compiler.expr.statics import FUNCTIONS
from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.other_names import OTHER_NAMES, elsewhere


@pytest.mark.parametrize("words", sorted(set(OTHER_NAMES.values())))
def test_what_to_write_is_there(words: str) -> None:
    called = {name for code in re.findall(r"`([^`]*)`", words) for name in re.findall(r"(\w+)(?=\()", code)}
    assert called <= {*CATALOGUE, *FUNCTIONS, "Parameter"}, words


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("conv", "write `Conv1d`, `Conv2d` or `Conv3d`"),
        ("BatchNorm", "write `BatchNorm1d` or `BatchNorm2d` or `BatchNorm3d`"),
        ("avg_pool", "write `avg_pool1d` or `avg_pool2d` or `avg_pool3d`"),
        ("Dense", "write `Linear(10)`"),
        ("GlobalAveragePooling2D", "`AdaptiveAvgPool2d(1)`"),
        ("LN", "write `LayerNorm`"),
        ("batchnorm2d", None),
        ("Linaer", None),
    ],
)
def test_another_name(name: str, said: str | None) -> None:
    found = elsewhere(name, CATALOGUE)
    assert found is None if said is None else said in (found or "")


def test_it_is_said_at_the_line() -> None:
    (problem,) = compile_text("nnc: 1\ninputs: {x: [B, 8]}\nlayers:\n  a: Dense(10)\n").problems.found
    assert problem.code == "NNC0301"
    assert problem.notes == ("write `Linear(10)`",)


def test_a_block_of_ones_own_comes_first() -> None:
    text = "nnc: 1\ninputs: {x: [B, 8]}\nblocks: {Densee: {layers: [Linear(10)]}}\nlayers:\n  a: Dense()\n"
    (problem,) = compile_text(text).problems.found
    assert problem.fix is not None
    assert problem.fix.replacement == "Densee"
