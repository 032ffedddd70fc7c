"""Changes of shape: the elements stay, their arrangement changes.

`view` means `reshape` here: whether a tensor's memory allows a view depends on strides, which nnc does not track, so
the emitted code calls `reshape` for both, which gives a view wherever torch's `view` would.
"""

from __future__ import annotations

from collections.abc import Sequence

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Ints, Size, Sizes
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shapes import axes, axis, broadcast_to, display, product, reshape
from nnc.compiler.types.dim import Dim, DimLike
from nnc.compiler.types.tensor import Shape, TensorType

__all__ = ["OPS"]


def spread(c: Call, values: tuple[Size | Sizes, ...], name: str) -> Sizes:
    """`view(x, 2, 3)` and `view(x, (2, 3))` mean the same."""
    if len(values) == 1 and isinstance(values[0], list | tuple):
        return values[0]
    sizes = [v for v in values if isinstance(v, int | Dim)]
    if len(sizes) != len(values):
        c.refuse(f"{name} takes sizes, or one list of them", name)
    return sizes


# -- merging and splitting dimensions ----------------------------------------------------------------------------------


@module("Flatten", family="shape")
def flatten_module(c: Call, input: TensorType, start_dim: int = 1, end_dim: int = -1) -> TensorType:
    """Merges the dimensions `start_dim` … `end_dim` into one: (N, C, H, W) → (N, C·H·W)."""
    return _flatten(c, input, start_dim, end_dim)


@function("flatten", family="shape")
def flatten(c: Call, input: TensorType, start_dim: int = 0, end_dim: int = -1) -> TensorType:
    """Merges the dimensions `start_dim` … `end_dim` into one: (A, B, C) → (A·B·C)."""
    return _flatten(c, input, start_dim, end_dim)


def _flatten(c: Call, input: TensorType, start_dim: int, end_dim: int) -> TensorType:
    start, end = axis(c, start_dim, input.rank, "start_dim"), axis(c, end_dim, input.rank, "end_dim")
    if start > end:
        c.refuse(f"start_dim {start_dim} comes after end_dim {end_dim} in {input}", "start_dim")
    return input.with_shape(*input.shape[:start], product(input.shape[start : end + 1]), *input.shape[end + 1 :])


@module("Unflatten", family="shape")
def unflatten_module(c: Call, input: TensorType, dim: int, unflattened_size: Sizes) -> TensorType:
    """Splits `dim` into several, one of which may be −1: (N, C·H·W) → (N, C, H, W)."""
    return _unflatten(c, input, dim, unflattened_size, "unflattened_size")


@function("unflatten", family="shape")
def unflatten(c: Call, input: TensorType, dim: int, sizes: Sizes) -> TensorType:
    """Splits `dim` into several, one of which may be −1: (N, C·H·W) → (N, C, H, W)."""
    return _unflatten(c, input, dim, sizes, "sizes")


def _unflatten(c: Call, input: TensorType, dim: int, sizes: Sizes, name: str) -> TensorType:
    c.at_least_rank(input, 1)
    i = axis(c, dim, input.rank)
    if not sizes:
        c.refuse(f"{name} must not be empty", name)
    parts = reshape(c, (input.shape[i],), sizes, name)
    return input.with_shape(*input.shape[:i], *parts, *input.shape[i + 1 :])


@function("reshape", family="shape")
def reshape_function(c: Call, input: TensorType, *shape: Size | Sizes) -> TensorType:
    """The same elements in another shape; one size may be −1: `reshape(B, -1)` or `reshape((B, -1))`."""
    return input.with_shape(*reshape(c, input.shape, spread(c, shape, "shape"), "shape"))


@function("view", family="shape")
def view(c: Call, input: TensorType, *size: Size | Sizes) -> TensorType:
    """`reshape` under its other name: `view(B, -1)` or `view((B, -1))`."""
    return input.with_shape(*reshape(c, input.shape, spread(c, size, "size"), "size"))


@function("squeeze", family="shape")
def squeeze(c: Call, input: TensorType, dim: Ints | None = None) -> TensorType:
    """Drops dimensions of size 1: all of them, or those that `dim` names."""
    if dim is None:
        for size in input.shape:
            if isinstance(size, Dim):
                reason = f"squeeze() would drop {size} where it is 1; say which dimension: squeeze(dim)"
                c.undecided(reason, "input", size)
        return input.with_shape(*(s for s in input.shape if s != 1))
    dropped = set()
    for i in axes(c, dim, input.rank):
        if input.rank and isinstance(input.shape[i], Dim):
            c.equal(input.shape[i], 1, f"squeeze drops dimension {i} only where its size {input.shape[i]} is 1", "dim")
            dropped.add(i)
        elif input.rank and input.shape[i] == 1:
            dropped.add(i)
    return input.with_shape(*(s for i, s in enumerate(input.shape) if i not in dropped))


@function("unsqueeze", family="shape")
def unsqueeze(c: Call, input: TensorType, dim: int) -> TensorType:
    """A new dimension of size 1 at `dim`: (A, B) → (A, 1, B)."""
    i = axis(c, dim, input.rank + 1)
    return input.with_shape(*input.shape[:i], 1, *input.shape[i:])


# -- reordering dimensions ---------------------------------------------------------------------------------------------


@function("permute", family="shape")
def permute(c: Call, input: TensorType, *dims: Ints) -> TensorType:
    """The dimensions in another order: `permute(0, 2, 3, 1)`."""
    return permuted(c, input, spread_ints(c, dims, "dims"))


def spread_ints(c: Call, values: tuple[int | Sequence[int], ...], name: str) -> tuple[int, ...]:
    if len(values) == 1 and isinstance(values[0], list | tuple):
        return tuple(values[0])
    numbers = tuple(v for v in values if isinstance(v, int))
    if len(numbers) != len(values):
        c.refuse(f"{name} takes integers, or one list of them", name)
    return numbers


def permuted(c: Call, input: TensorType, dims: Sequence[int]) -> TensorType:
    if len(dims) != input.rank:
        c.refuse(f"dims lists {len(dims)} dimensions of a {input.rank}-D tensor", "dims")
    return input.with_shape(*(input.shape[i] for i in axes(c, dims, input.rank, "dims")))


@function("transpose", family="shape")
def transpose(c: Call, input: TensorType, dim0: int, dim1: int) -> TensorType:
    """Two dimensions exchanged: (A, B, C) → (A, C, B)."""
    return _exchanged(input, axis(c, dim0, input.rank, "dim0"), axis(c, dim1, input.rank, "dim1"))


@function("swapaxes", family="shape")
def swapaxes(c: Call, input: TensorType, axis0: int, axis1: int) -> TensorType:
    """`transpose` under numpy's name."""
    return _exchanged(input, axis(c, axis0, input.rank, "axis0"), axis(c, axis1, input.rank, "axis1"))


def _exchanged(input: TensorType, i: int, j: int) -> TensorType:
    dims = list(input.shape)
    if dims:
        dims[i], dims[j] = dims[j], dims[i]
    return input.with_shape(*dims)


@function("t", family="shape")
def t(c: Call, input: TensorType) -> TensorType:
    """A matrix transposed; a vector or scalar as it is."""
    c.rank(input, 0, 1, 2)
    return input.with_shape(*reversed(input.shape))


@function("movedim", family="shape")
def movedim(c: Call, input: TensorType, source: Ints, destination: Ints) -> TensorType:
    """Dimensions `source` moved to the places `destination`; the others keep their order."""
    come, go = axes(c, source, input.rank, "source"), axes(c, destination, input.rank, "destination")
    if len(come) != len(go):
        c.refuse(f"source names {len(come)} dimensions, destination {len(go)}", "destination")
    if input.rank == 0:
        return input
    order = dict(zip(go, come, strict=True))
    rest = iter(i for i in range(input.rank) if i not in come)
    return input.with_shape(*(input.shape[order[i] if i in order else next(rest)] for i in range(input.rank)))


@function("flip", family="shape")
def flip(c: Call, input: TensorType, *dims: Ints) -> TensorType:
    """The order along `dims` reversed: (*) → (*)."""
    axes(c, spread_ints(c, dims, "dims"), input.rank, "dims")
    return input


@function("roll", family="shape")
def roll(c: Call, input: TensorType, shifts: Size | Sizes, dims: Ints | None = None) -> TensorType:
    """Elements shifted along `dims`, those that fall off come back in front: (*) → (*)."""
    count = len(shifts) if isinstance(shifts, Sequence) else 1
    if dims is None:
        if count != 1:
            c.refuse(f"without dims there is one shift, not {count}", "shifts")
        return input
    named = (dims,) if isinstance(dims, int) else dims
    if len(named) != count:
        c.refuse(f"{count} shifts for {len(named)} dimensions", "shifts")
    c.at_least_rank(input, 1)
    for dim in named:
        axis(c, dim, input.rank, "dims")
    return input


@function("contiguous", family="shape")
def contiguous(c: Call, input: TensorType) -> TensorType:
    """The same values, laid out in order: (*) → (*)."""
    return input


# -- repeating ---------------------------------------------------------------------------------------------------------


@function("expand", family="shape")
def expand(c: Call, input: TensorType, *size: Size | Sizes) -> TensorType:
    """Dimensions of size 1 stretched without copying; −1 keeps a size: `expand(B, -1, -1)`."""
    sizes = tuple(spread(c, size, "size"))
    lead = len(sizes) - input.rank
    if lead < 0:
        c.refuse(f"size lists {len(sizes)} sizes for a {input.rank}-D tensor", "size")
    if any(isinstance(s, int) and (s < -1 or (s < 0 and i < lead)) for i, s in enumerate(sizes)):
        c.refuse(f"a size is negative: {display(sizes)}", "size")
    kept = (
        have if isinstance(want, int) and want == -1 else want
        for have, want in zip(input.shape, sizes[lead:], strict=True)
    )
    target = (*sizes[:lead], *kept)
    broadcast_to(c, input.shape, target, "the input")
    return input.with_shape(*target)


@function("expand_as", family="shape")
def expand_as(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """Dimensions of size 1 stretched to those of `other`."""
    broadcast_to(c, input.shape, other.shape, "the input")
    return input.with_shape(*other.shape)


@function("repeat", family="shape")
def repeat(c: Call, input: TensorType, *repeats: Size | Sizes) -> TensorType:
    """Copied `repeats` times along each dimension; further ones stand in front: (A, B) → (r₀·A, r₁·B)."""
    times = spread(c, repeats, "repeats")
    if len(times) < input.rank:
        c.refuse(f"repeats lists {len(times)} numbers for a {input.rank}-D tensor", "repeats")
    return _repeated(c, input, times, "repeats")


@function("tile", family="shape")
def tile(c: Call, input: TensorType, *dims: Size | Sizes) -> TensorType:
    """`repeat`, with 1 for the dimensions in front that `dims` leaves out."""
    times = spread(c, dims, "dims")
    return _repeated(c, input, (*(1,) * (input.rank - len(times)), *times), "dims")


def _repeated(c: Call, input: TensorType, times: Sizes, name: str) -> TensorType:
    for n in times:
        c.at_least(n, 1, f"{name} has {n}: nothing would be left", name)
    shape: Shape = (*(1,) * (len(times) - input.rank), *input.shape)
    return input.with_shape(*(n * s for n, s in zip(times, shape, strict=True)))


@function("repeat_interleave", family="shape")
def repeat_interleave(
    c: Call, input: TensorType, repeats: TensorType | Size, dim: int | None = None, *, output_size: Size | None = None
) -> TensorType:
    """Each element repeated in place along `dim`; without `dim` the tensor is flattened first."""
    if dim is not None:
        c.at_least_rank(input, 1)
    shape = (input.numel,) if dim is None else input.shape
    i = 0 if dim is None else axis(c, dim, input.rank)
    total: DimLike
    if not isinstance(repeats, TensorType):
        c.at_least(repeats, 1, f"repeats is {repeats}: nothing would be left", "repeats")
        total = shape[i] * repeats
        if output_size is not None:
            c.equal(output_size, total, f"output_size is {output_size}, but the result has {total}", "output_size")
    else:
        c.rank(c.integer(repeats, "repeats"), 0, 1, name="repeats")
        if output_size is None:
            c.refuse(
                "how long the result is depends on the values of repeats; give output_size", "repeats", code="NNC0505"
            )
        if repeats.rank and repeats.shape[0] != 1:
            c.equal(repeats.shape[0], shape[i], f"{repeats.shape[0]} repeats for {shape[i]} elements", "repeats")
        c.at_least(output_size, 1, f"output_size is {output_size}: nothing would be left", "output_size")
        total = output_size
    return input.with_shape(*shape[:i], total, *shape[i + 1 :])


OPS: tuple[OpDef, ...] = (
    flatten_module, flatten, unflatten_module, unflatten, reshape_function, view, squeeze, unsqueeze, permute,
    transpose, swapaxes, t, movedim, flip, roll, contiguous, expand, expand_as, repeat, tile, repeat_interleave,
)  # fmt: skip
