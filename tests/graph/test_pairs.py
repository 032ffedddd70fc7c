"""Pairs of Linear that several processes can divide."""

from __future__ import annotations

import pytest

from nnc.compiler.driver import compile_text
from nnc.compiler.graph.pairs import pairs_of

HEAD = "nnc: 1\nname: t\ninputs: {x: [B, 8]}\n"


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("{up: Linear(32), act: gelu, drop: Dropout(0.1), down: Linear(8)}", [("up", "down", 32)]),
        ("{up: Linear(32), down: Linear(8)}", [("up", "down", 32)]),
        ("{a: Linear(32), b: Linear(16), c: Linear(8)}", [("a", "b", 32)]),
        ("{mlp: {layers: [Linear(32), ReLU, Linear(8)]}}", [("mlp.0", "mlp.2", 32)]),
        ("{up: Linear(32), act: softmax(1), down: Linear(8)}", []),  # not elementwise
        ("{up: Linear(32), act: relu, down: Linear(8), out: down + mean(up)}", []),  # used elsewhere too
        ("{up: Linear(32), act: relu(up * 2), down: Linear(8)}", []),
        ("{up: Linear(32), act: relu, down: Linear(8), again: {use: up}}", []),
    ],
)
def test_pairs(layers: str, expected: list[tuple[str, str, int]]) -> None:
    compiled = compile_text(f"{HEAD}layers: {layers}")
    assert compiled.graph is not None, [d.message for d in compiled.problems]
    assert [(p.first, p.second, p.width) for p in pairs_of(compiled.graph)] == expected
