"""Joining tensors, and taking them apart into a known number of pieces."""

from __future__ import annotations

from collections.abc import Sequence

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import result_type
from nnc.compiler.ops.kinds import Positive, Size, Sizes, Tensors
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shapes import axis
from nnc.compiler.types.dim import Dim, DimLike
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]

MAX_PIECES = 65_536


@function("cat", family="shape")
def cat(c: Call, tensors: Tensors, dim: int = 0) -> TensorType:
    """Joined along `dim`; the other sizes must agree: (A, B), (C, B) → (A + C, B)."""
    first = tensors[0]
    c.at_least_rank(first, 1, "tensors")
    i = axis(c, dim, first.rank)
    total: DimLike = first.shape[i]
    shape = list(first.shape)
    for k, tensor in enumerate(tensors[1:], 2):
        if tensor.rank != first.rank:
            c.refuse(f"tensor {k} is {tensor}, the first is {first}: cat joins tensors of one rank", "tensors")
        for d, (want, have) in enumerate(zip(first.shape, tensor.shape, strict=True)):
            if d != i and want != have:
                reason = f"sizes {want} and {have} of dimension {d} differ: {first} and {tensor} joined along {i}"
                shape[d] = c.equal(shape[d], have, reason, "tensors")
        total = total + tensor.shape[i]
    return TensorType((*shape[:i], total, *shape[i + 1 :]), result_type(*tensors))


@function("stack", family="shape")
def stack(c: Call, tensors: Tensors, dim: int = 0) -> TensorType:
    """Joined along a new dimension: n × (A, B) → (n, A, B)."""
    first = tensors[0]
    i = axis(c, dim, first.rank + 1)
    shape = list(first.shape)
    for k, tensor in enumerate(tensors[1:], 2):
        if tensor.rank != first.rank:
            c.refuse(f"tensor {k} is {tensor}, the first is {first}: stack joins tensors of one shape", "tensors")
        for d, (want, have) in enumerate(zip(first.shape, tensor.shape, strict=True)):
            if want != have:
                reason = f"sizes {want} and {have} of dimension {d} differ: {first} and {tensor} stacked"
                shape[d] = c.equal(shape[d], have, reason, "tensors")
    return TensorType((*shape[:i], len(tensors), *shape[i:]), result_type(*tensors))


@function("chunk", family="shape")
def chunk(c: Call, input: TensorType, chunks: Positive, dim: int = 0) -> Sequence[TensorType]:
    """At most `chunks` pieces of ⌈size / chunks⌉ along `dim`, the last may be smaller; a free size must divide."""
    c.at_least_rank(input, 1)
    i = axis(c, dim, input.rank)
    size = input.shape[i]
    if isinstance(size, Dim):
        reason = f"{chunks} equal chunks of dimension {i} need a multiple of {chunks}, not {size}"
        c.multiple(size, chunks, reason, "chunks")
        return _pieces(c, input, i, [size // chunks] * _count(c, chunks, "chunks"))
    return _split_evenly(c, input, i, size, -(-size // chunks), "chunks")


@function("split", family="shape")
def split(c: Call, tensor: TensorType, split_size_or_sections: Size | Sizes, dim: int = 0) -> Sequence[TensorType]:
    """Pieces of one size, the last may be smaller, or pieces of the sizes listed, along `dim`."""
    name = "split_size_or_sections"
    c.at_least_rank(tensor, 1, "tensor")
    i = axis(c, dim, tensor.rank)
    size = tensor.shape[i]
    if isinstance(split_size_or_sections, Sequence):
        sections = list(split_size_or_sections)
        total: DimLike = 0
        for section in sections:
            c.at_least(section, 1, f"a section is {section}: it would have no elements", name)
            total = total + section
        c.equal(total, size, f"the sections add up to {total}, dimension {i} has {size}", name)
        return _pieces(c, tensor, i, sections)
    step = split_size_or_sections
    if isinstance(size, Dim) or isinstance(step, Dim):
        ratio = size // step
        count = c.known(ratio, name, f"number of pieces of {step} in {size}")
        c.equal(step * count, size, f"pieces of {step} do not fill dimension {i} of {size}", name)
        return _pieces(c, tensor, i, [step] * _count(c, count, name))
    if step < 1:
        c.refuse(f"pieces of {step} never fill dimension {i} of {size}", name)
    return _split_evenly(c, tensor, i, size, step, name)


@function("tensor_split", family="shape")
def tensor_split(
    c: Call, input: TensorType, indices_or_sections: Positive | Sizes, dim: int = 0
) -> Sequence[TensorType]:
    """A number of pieces whose sizes differ by at most 1, or pieces cut at the indices listed, along `dim`."""
    name = "indices_or_sections"
    c.at_least_rank(input, 1)
    i = axis(c, dim, input.rank)
    size = input.shape[i]
    if isinstance(indices_or_sections, int):
        n = _count(c, indices_or_sections, name)
        c.at_least(size, n, f"{n} pieces of dimension {i}, which has {size}: some would have no elements", name)
        return _pieces(c, input, i, [(size + n - 1 - k) // n for k in range(n)])
    cuts = [_cut(c, cut, size, name) for cut in indices_or_sections]
    sections = [_between(c, a, b, name) for a, b in zip([0, *cuts], [*cuts, size], strict=True)]
    return _pieces(c, input, i, sections)


def _cut(c: Call, cut: DimLike, size: DimLike, name: str) -> DimLike:
    if isinstance(cut, int) and cut < 0:
        cut = size + cut
        if isinstance(cut, int):
            return max(cut, 0)
        c.at_least(cut, 0, f"index {cut - size} lies before the beginning of {size}", name)
    if isinstance(cut, int) and isinstance(size, int):
        return min(cut, size)
    c.at_least(size, cut, f"index {cut} lies beyond {size}", name)
    return cut


def _between(c: Call, start: DimLike, stop: DimLike, name: str) -> DimLike:
    c.at_least(stop, start + 1, f"the piece from {start} to {stop} would have no elements", name)
    return stop - start


@function("unbind", family="shape")
def unbind(c: Call, input: TensorType, dim: int = 0) -> Sequence[TensorType]:
    """Every slice along `dim`, which is dropped and must be known: (3, A, B) → 3 × (A, B)."""
    c.at_least_rank(input, 1)
    i = axis(c, dim, input.rank)
    count = _count(c, c.known(input.shape[i], "dim", f"size of dimension {i}"), "dim")
    return (input.with_shape(*input.shape[:i], *input.shape[i + 1 :]),) * count


def _count(c: Call, count: int, name: str) -> int:
    if count > MAX_PIECES:
        c.refuse(f"{count} pieces are too many, at most {MAX_PIECES} are possible", name)
    return count


def _split_evenly(c: Call, input: TensorType, i: int, size: int, step: int, name: str) -> Sequence[TensorType]:
    count = _count(c, -(-size // step), name)
    return _pieces(c, input, i, [min(step, size - k * step) for k in range(count)])


def _pieces(c: Call, input: TensorType, i: int, sizes: Sequence[DimLike]) -> Sequence[TensorType]:
    _count(c, len(sizes), "dim")
    return tuple(input.with_shape(*input.shape[:i], size, *input.shape[i + 1 :]) for size in sizes)


OPS: tuple[OpDef, ...] = (cat, stack, chunk, split, tensor_split, unbind)
