"""Where a tensor's elements lie, and which views need no copy: torch's rules, on known sizes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

__all__ = ["contiguous", "dense_like", "is_dense", "permuted", "viewed"]


def contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a tensor whose last dimension lies closest."""
    strides = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def is_dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether the elements fill a piece of memory without gaps or overlap, in whatever order of dimensions."""
    expected = 1
    for stride, size in sorted((s, n) for n, s in zip(shape, strides, strict=True) if n > 1):
        if stride != expected:
            return False
        expected *= size
    return True


def dense_like(shape: Sequence[int], strides: Sequence[int]) -> tuple[int, ...]:
    """The strides of a new tensor whose dimensions lie in the order of another's: `torch.empty_like`. One that overlaps, or
    has dimensions of one element, is followed as far as its order is known."""
    order = sorted(range(len(shape)), key=lambda d: (strides[d], -d))
    found = [1] * len(shape)
    step = 1
    for d in order:
        found[d] = step
        step *= max(shape[d], 1)
    return tuple(found)


def permuted(shape: Sequence[int], strides: Sequence[int], order: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Shape and strides after `permute(*order)`."""
    return tuple(shape[d] for d in order), tuple(strides[d] for d in order)


def viewed(shape: Sequence[int], strides: Sequence[int], wanted: Sequence[int]) -> tuple[int, ...] | None:
    """The strides of a view with another shape; None where there is none and `reshape` copies.

    As `at::detail::computeStride`: dimensions that lie one after the other are taken together, and each such piece is cut
    anew."""
    if prod(shape) == 0:
        return contiguous(wanted)
    found: list[int] = []
    rest = list(reversed(wanted))
    numel, base = 1, strides[-1] if strides else 1
    for d in range(len(shape) - 1, -1, -1):
        numel *= shape[d]
        last = d == 0
        if last or (shape[d - 1] != 1 and strides[d - 1] != numel * base):
            cut = 1
            while rest and (cut < numel or rest[0] == 1):
                size = rest.pop(0)
                found.append(cut * base)
                cut *= size
            if cut != numel:
                return None
            if not last:
                numel, base = 1, strides[d - 1]
    if rest and any(d != 1 for d in rest):
        return None
    found.extend(found[-1] if found else 1 for _ in rest)
    return tuple(reversed(found))
