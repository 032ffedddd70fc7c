"""Our dtypes and promotion against torch itself: every pair, every kind of scalar."""

from __future__ import annotations

import itertools

import pytest
import torch

from nnc.compiler.types.dtype import DType, floating, promote, promote_scalar, true_divide

NUMBERS: tuple[bool | int | float, ...] = (True, 2, 0.5)


def torch_dtype(dtype: DType) -> torch.dtype:
    found = getattr(torch, dtype)
    assert isinstance(found, torch.dtype)
    return found


def of(dtype: torch.dtype) -> DType:
    return DType(str(dtype).removeprefix("torch."))


def test_promotion_is_torchs() -> None:
    for a, b in itertools.product(DType, DType):
        assert promote(a, b) is of(torch.promote_types(torch_dtype(a), torch_dtype(b))), (a, b)
        quotient = torch.ones(1, dtype=torch_dtype(a)) / torch.ones(1, dtype=torch_dtype(b))
        assert true_divide(a, b) is of(quotient.dtype), (a, b)


def test_promotion_with_a_python_number_is_torchs() -> None:
    for dtype, scalar in itertools.product(DType, NUMBERS):
        tensor = torch.ones(1, dtype=torch_dtype(dtype))
        assert promote_scalar(dtype, scalar) is of((tensor + scalar).dtype), (dtype, scalar)
        assert true_divide(dtype, scalar) is of((tensor / scalar).dtype), (dtype, scalar)


@pytest.mark.parametrize("dtype", list(DType))
def test_kinds_are_torchs(dtype: DType) -> None:
    theirs = torch_dtype(dtype)
    assert dtype.is_floating is theirs.is_floating_point
    assert dtype.is_complex is theirs.is_complex
    assert dtype.is_integer is not (theirs.is_floating_point or theirs.is_complex or theirs is torch.bool)
    assert dtype.itemsize == theirs.itemsize


@pytest.mark.parametrize("dtype", [d for d in DType if not d.is_complex])
def test_floating_is_what_exp_gives(dtype: DType) -> None:
    assert floating(dtype) is of(torch.exp(torch.ones(1, dtype=torch_dtype(dtype))).dtype)
