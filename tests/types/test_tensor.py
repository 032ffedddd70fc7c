"""Tensor types: what they print, count and become; result dtypes against torch."""

from __future__ import annotations

import itertools

import pytest
import torch

from nnc.compiler.types.dim import Symbol, size
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType, result_dtype

B, H = size("B"), size("H")
NUMBERS: tuple[bool | int | float, ...] = (True, 2, 0.5)


def test_a_type_prints_its_dims_and_a_dtype_other_than_float32() -> None:
    assert str(TensorType((B, 3, (H + 1) // 2))) == "[B, 3, (H + 1)//2]"
    assert str(TensorType((B,), DType.int64)) == "[B] int64"
    assert str(TensorType(())) == "[]"


def test_substitution_reaches_every_dim() -> None:
    found = TensorType((B, 3, H // 2)).substitute({Symbol("H"): 7, Symbol("B"): B + 1})
    assert found.shape == (B + 1, 3, 3)
    assert found.symbols == {Symbol("B")}
    assert found.numel == 9 * B + 9
    assert found.rank == 3


HALF_COMPLEX = {"torch.complex32", "torch.bcomplex32"}  # not among ours: complex64 stands for them


@pytest.mark.parametrize("ranks", [(1, 1), (1, 0), (0, 1), (0, 0)])
def test_result_dtype_is_torchs(ranks: tuple[int, int]) -> None:
    wrong = []
    for dtypes in itertools.product(DType, DType):
        shapes = [(2,) * rank for rank in ranks]
        ours = result_dtype(*map(TensorType, shapes, dtypes))
        theirs = torch.result_type(
            *(torch.ones(s, dtype=getattr(torch, d)) for s, d in zip(shapes, dtypes, strict=True))
        )
        if str(theirs) != f"torch.{ours}" and not (str(theirs) in HALF_COMPLEX and ours is DType.complex64):
            wrong.append((dtypes, ours, theirs))
    assert wrong == []


@pytest.mark.parametrize("rank", [0, 1])
def test_result_dtype_with_a_number_is_torchs(rank: int) -> None:
    for dtype, number in itertools.product(DType, NUMBERS):
        theirs = torch.result_type(torch.ones((2,) * rank, dtype=getattr(torch, dtype)), number)
        assert str(theirs) == f"torch.{result_dtype(TensorType((2,) * rank, dtype), number)}"


def test_result_dtype_of_three_operands_is_torchs() -> None:
    operands = (TensorType((2,), DType.float16), TensorType((), DType.float64), 2.0)
    where = torch.where(torch.ones(2, dtype=torch.bool), torch.ones(2, dtype=torch.float16), 2.0)
    assert result_dtype(*operands) is DType.float16
    assert where.dtype is torch.float16
