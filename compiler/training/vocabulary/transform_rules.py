"""What signatures of transforms share."""

from __future__ import annotations

from collections.abc import Callable

from nnc.compiler.training.vocabulary.kinds import Interpolation, Padding, TwoNumbers
from nnc.compiler.training.vocabulary.registry import CallDef, declare, refuse

__all__ = ["check_padding", "check_ratio", "for_tensors", "transform"]

OMITTED = {"inplace": "the data is kept as it is"}


def transform(*traits: str) -> Callable[[Callable[..., None]], CallDef]:
    return declare("transform", omitted=OMITTED, traits=traits)


def for_tensors(interpolation: Interpolation) -> None:
    if interpolation in ("box", "hamming"):
        refuse(f'"{interpolation}" works on image files only, not on tensors', "interpolation")


def check_padding(padding: Padding | None) -> None:
    if isinstance(padding, tuple) and len(padding) == 3:
        refuse("padding is 1, 2 or 4 numbers", "padding")


def check_ratio(ratio: TwoNumbers) -> None:
    if not 0 < ratio[0] <= ratio[1]:
        refuse("ratio is [least, most], above 0", "ratio")
