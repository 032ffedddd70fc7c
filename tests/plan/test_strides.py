"""Views without a copy, against torch."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.plan.strides import contiguous, dense_like, is_dense, permuted, viewed

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4)


@given(SHAPES, st.randoms(use_true_random=False), st.data())
def test_as_torch_has_it(shape: list[int], random, data: st.DataObject) -> None:  # type: ignore[no-untyped-def]
    order = list(range(len(shape)))
    random.shuffle(order)
    tensor = torch.zeros(shape).permute(order)
    size, strides = permuted(shape, contiguous(shape), order)
    assert (tuple(tensor.shape), tensor.stride()) == (size, strides)
    assert is_dense(size, strides)
    if math.prod(size) > 1:
        assert torch.empty_like(tensor).stride() == tensor.stride()
        assert is_dense(size, dense_like(size, strides))
    wanted = data.draw(st.permutations(_factors(math.prod(shape))))
    try:
        expected = tensor.view(wanted).stride() if wanted else ()
    except RuntimeError:
        assert viewed(size, strides, wanted) is None
    else:
        found = viewed(size, strides, wanted)
        assert found is not None
        assert [s for s, n in zip(found, wanted, strict=True) if n > 1] == [
            s for s, n in zip(expected, wanted, strict=True) if n > 1
        ]


def _factors(number: int) -> list[int]:
    found = []
    for factor in (2, 3):
        while number % factor == 0:
            found.append(factor)
            number //= factor
    return [*found, *([number] if number > 1 else []), 1]
