"""Sizes as mathematics prints them."""

from __future__ import annotations

import pytest

from nnc.compiler.types.dim import DimLike, maximum, size
from nnc.compiler.types.typeset import typeset

H, W = size("H"), size("W")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"), (H, "H"), (2 * H, "2H"), (2 * H - 1, "2H − 1"), (1 - H, "1 − H"), (H * W, "H·W"), (H * H, "H²"),
        (H // 2, "⌊H/2⌋"), ((H + 1) // 2, "⌈H/2⌉"), ((H + 31) // 32, "⌈H/32⌉"), ((H - 3) // 4, "⌊(H − 3)/4⌋"),
        (2 * (H // 4), "2⌊H/4⌋"), (H // W, "⌊H/W⌋"), (maximum(H, W), "max(H, W)"), (H // 2 * (W // 2), "⌊H/2⌋·⌊W/2⌋"),
        ((H * W + 1) // 2, "⌈H·W/2⌉"), (H - H // 2, "H − ⌊H/2⌋"),
    ],
)  # fmt: skip
def test_typeset(value: DimLike, text: str) -> None:
    assert typeset(value) == text
