"""Names on a page."""

from __future__ import annotations

import pytest

from nnc.compiler.graph.text import clip, span


def test_names_are_clipped_and_made_visible() -> None:
    assert clip("conv1") == "conv1"
    assert clip("x" * 1000, 10) == "x" * 9 + "…"
    assert clip("a\x1b[31mb\u202ec\ud800") == "a�[31mb�c�"


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [("1", "5", "1 … 5"), ("layer_0", "layer_11", "layer_0 … 11"), ("a", "b", "a … b"), ("a", "a", "a … a")],
)
def test_names_from_one_to_another(first: str, last: str, text: str) -> None:
    assert span(first, last) == text
