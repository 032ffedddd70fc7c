"""torch's messages, of the torch that is installed, and what they blame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nnc.compiler.ops.call import Refusal
from tests.ops.causes import CAUSES, THEIRS, cause, causes

ones = torch.ones


@pytest.mark.parametrize(
    ("wrong", "blamed"),
    [
        (lambda: nn.Linear(3, 4)(ones(2, 3, dtype=torch.int64)), "dtype"),
        (lambda: nn.Softmax(0)(ones(2, 3, dtype=torch.bool)), "dtype"),
        (lambda: nn.Embedding(3, 4)(ones(2)), "dtype"),
        (lambda: nn.Conv2d(3, 4, 1)(ones(3, 4)), "rank"),
        (lambda: nn.BatchNorm2d(3)(ones(3, 3)), "rank"),
        (lambda: torch.bmm(ones(2, 3), ones(2, 3)), "rank"),
        (lambda: nn.Linear(3, 4)(ones(2, 5)), "size"),
        (lambda: ones(2, 3) + ones(2, 4), "size"),
        (lambda: nn.MaxPool2d(5)(ones(1, 3, 4, 4)), "size"),
        (lambda: nn.PixelShuffle(2)(ones(1, 3, 4, 4)), "size"),
        (lambda: nn.Dropout(2.0), "value"),
        (lambda: F.interpolate(ones(1, 3, 4, 4), 2, 2.0), "value"),
        (lambda: torch.cat([ones(2, 3)], 5), "value"),
        (lambda: nn.Hardtanh(2, 1), "value"),
    ],
)
def test_what_torch_blames(wrong: Callable[[], Any], blamed: str) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011  torch raises what it likes
        wrong()
    found = causes(f"{caught.type.__name__}: {caught.value}".split("\n")[0])
    assert blamed in found
    assert ("dtype" in found) == (blamed == "dtype"), "a dtype is never taken for something else"


def test_the_table_says_causes() -> None:
    assert {word for found, *_ in THEIRS for word in found.split()} == set(CAUSES)


def test_an_unknown_message_is_not_passed_over() -> None:
    with pytest.raises(LookupError, match=r"causes\.py does not know: RuntimeError: no idea"):
        causes("RuntimeError: no idea")


def test_ours() -> None:
    assert [cause(Refusal(code, "no")) for code in ("NNC0501", "NNC0502", "NNC0503", "NNC0504")] == [
        "value", "rank", "dtype", "size",
    ]  # fmt: skip
