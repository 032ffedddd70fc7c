"""Taking elements by position: `x[:, 0]`, `gather`, `where`, …"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import result_type
from nnc.compiler.ops.kinds import Index, Operand, Scalar, Size
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shapes import axis, broadcast
from nnc.compiler.types.dim import Dim, DimLike, ceildiv, lower_bound, minimum, upper_bound
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import Shape, TensorType

__all__ = ["OPS"]


@function("getitem", family="indexing")
def getitem(c: Call, input: TensorType, index: Index) -> TensorType:
    """`x[index]` with integers, slices, `null` for a new dimension, `...`, and tensors of integers.

    A slice of a free size keeps within it: `x[:, :8]` demands 8 ≤ size, where torch would silently give less. It takes
    at least one element.
    """
    items = index if isinstance(index, tuple) else (index,)
    consumed = sum(item is not None and item is not Ellipsis for item in items)
    if sum(item is Ellipsis for item in items) > 1:
        c.refuse("an index has at most one `...`", "index")
    if consumed > input.rank:
        c.refuse(f"{consumed} indices for a {input.rank}-D tensor {input}", "index")
    shape: list[DimLike] = []
    picked: list[tuple[int, Shape]] = []  # where in `shape` a tensor of indices stands, and its own shape
    sizes = iter(input.shape)
    for item in _complete(items, input.rank - consumed):
        if item is None:
            shape.append(1)
            continue
        size = next(sizes)
        if isinstance(item, slice):
            shape.append(_sliced(c, size, item))
        elif isinstance(item, TensorType | list | tuple):
            picked.append((len(shape), _indices(c, item, size)))
        else:
            _within(c, item, size)
    if not picked:
        return input.with_shape(*shape)
    return input.with_shape(*_advanced(c, shape, picked))


def _complete(items: tuple[Any, ...], missing: int) -> Iterator[Any]:
    """The index with a full slice for every dimension that it leaves out."""
    full = [slice(None)] * missing
    if all(item is not Ellipsis for item in items):
        items = (*items, Ellipsis)
    for item in items:
        if item is Ellipsis:
            yield from full
        else:
            yield item


def _advanced(c: Call, shape: list[DimLike], picked: list[tuple[int, Shape]]) -> Shape:
    """Tensors of indices are broadcast together; their dimensions stand where the first is, or in front if a kept
    dimension lies between them (numpy's advanced indexing)."""
    common = broadcast(c, *(s for _, s in picked), subject="index")
    places = [place for place, _ in picked]
    at = places[0] if places[0] == places[-1] else 0
    return (*shape[:at], *common, *shape[at:])


def _indices(c: Call, item: Any, size: DimLike) -> Shape:
    if isinstance(item, TensorType):
        if item.dtype in (DType.bool, DType.uint8):
            c.refuse(
                "how many elements a mask picks depends on its values",
                "index",
                "`where(mask, x, y)` and `masked_fill(x, mask, value)` keep the shape",
            )
        c.integer(item, "index")
        return item.shape
    for i in item:
        _within(c, i, size)
    return (len(item),)


def _within(c: Call, i: Any, size: DimLike) -> None:
    if isinstance(i, bool) or not isinstance(i, int | Dim):
        c.refuse("an index is an integer, a slice, null, `...` or a tensor of integers", "index")
    if _from_front(c, i):
        c.at_least(size, i + 1, f"index {i} is outside a dimension of {size}", "index")
    else:
        c.at_least(size + i, 0, f"index {i} is outside a dimension of {size}", "index")


def _from_front(c: Call, at: DimLike) -> bool:
    """Whether a place counts from the front, or from the back as a negative one does. One that could be either is taken
    as what it is for large sizes, and small ones at which it changes sides are demanded away."""
    if isinstance(at, int):
        return at >= 0
    low, high = lower_bound(at), upper_bound(at)
    if low is None and high is None:
        c.undecided(f"whether {at} counts from the front or the back depends on free sizes", "index", at)
    if low is not None:
        c.at_least(at, 0, f"{at} is negative here, and would count from the back", "index")
        return True
    c.at_least(-1, at, f"{at} is not negative here, and would count from the front", "index")
    return False


def _sliced(c: Call, size: DimLike, item: slice) -> DimLike:
    step = 1 if item.step is None else item.step
    if not isinstance(step, int) or step < 1:
        c.refuse(f"a slice's step is a positive integer, not {step}", "index", "`flip(dim)` reverses a dimension")
    if item.start is None and item.stop is None and step == 1:
        return size
    start, stop = item.start, item.stop
    if isinstance(size, int) and not isinstance(start, Dim) and not isinstance(stop, Dim):
        taken = len(range(*slice(start, stop, step).indices(size)))
        c.at_least(taken, 1, f"a slice takes nothing of a dimension of {size}", "index")
        return taken
    begin = 0 if start is None else _bound(c, start, size)
    end = size if stop is None else _bound(c, stop, size)
    c.at_least(end, begin + 1, f"the slice from {begin} to {end} takes nothing", "index")
    return ceildiv(end - begin, step)


def _bound(c: Call, at: DimLike, size: DimLike) -> DimLike:
    """Where a slice begins or ends, counted from the front; demanded to lie within the dimension."""
    if not _from_front(c, at):
        c.at_least(size + at, 0, f"the slice reaches {-at} from the end of a dimension of {size}", "index")
        return size + at
    beyond = at - size
    least = beyond if isinstance(beyond, int) else lower_bound(beyond)
    if least is not None and least >= 0:
        return size
    c.at_least(size, at, f"the slice reaches to {at} in a dimension of {size}", "index")
    return at


# -- by tensors of indices ---------------------------------------------------------------------------------------------


@function("gather", family="indexing")
def gather(c: Call, input: TensorType, dim: int, index: TensorType, *, sparse_grad: bool = False) -> TensorType:
    """`input` at the places `index` along `dim`; the result has the shape of `index`."""
    if index.dtype is not DType.int64:
        c.refuse(f"gather takes int64 indices, this is {index.dtype}", "index", code="NNC0503")
    i = axis(c, dim, input.rank)
    if max(index.rank, 1) != max(input.rank, 1):
        c.refuse(f"index is {index.rank}-D, the input {input.rank}-D", "index", code="NNC0502")
    for d, (have, limit) in enumerate(zip(index.shape, input.shape, strict=False)):
        if d != i:
            c.at_least(limit, have, f"index has {have} places in dimension {d}, the input {limit}", "index")
    return input.with_shape(*index.shape)


@function("index_select", family="indexing")
def index_select(c: Call, input: TensorType, dim: int, index: TensorType) -> TensorType:
    """The slices of `input` that `index` names along `dim`: (A, B), (n) → (n, B)."""
    i = axis(c, dim, input.rank)
    c.rank(c.integer(index, "index"), 0, 1, name="index")
    count = index.shape[0] if index.rank else 1
    if input.rank == 0:
        c.equal(count, 1, f"a scalar gives one element, not {count}", "index")
        return input
    return input.with_shape(*input.shape[:i], count, *input.shape[i + 1 :])


@function("take_along_dim", family="indexing")
def take_along_dim(c: Call, input: TensorType, indices: TensorType, dim: int | None = None) -> TensorType:
    """`gather` with broadcasting of the other dimensions."""
    if indices.dtype is not DType.int64:
        c.refuse(f"take_along_dim takes int64 indices, this is {indices.dtype}", "indices", code="NNC0503")
    if dim is None:
        return input.with_shape(indices.numel)
    if indices.rank != input.rank:
        c.refuse(f"indices is {indices.rank}-D, the input {input.rank}-D", "indices", code="NNC0502")
    i = axis(c, dim, input.rank)
    c.at_least_rank(input, 1)
    others = (*input.shape[:i], 1, *input.shape[i + 1 :]), (*indices.shape[:i], 1, *indices.shape[i + 1 :])
    both = broadcast(c, *others, subject="indices")
    return input.with_shape(*both[:i], indices.shape[i], *both[i + 1 :])


@function("narrow", family="indexing")
def narrow(c: Call, input: TensorType, dim: int, start: Size, length: Size) -> TensorType:
    """`length` slices along `dim`, from `start` on."""
    c.at_least_rank(input, 1)
    i = axis(c, dim, input.rank)
    size = input.shape[i]
    if isinstance(start, int) and start < 0:
        c.at_least(size, -start, f"start {start} is outside a dimension of {size}", "start")
        start = size + start
    c.at_least(length, 1, f"length is {length}: nothing would be left", "length")
    c.at_least(size, start + length, f"{start} + {length} is beyond a dimension of {size}", "length")
    return input.with_shape(*input.shape[:i], length, *input.shape[i + 1 :])


@function("select", family="indexing")
def select(c: Call, input: TensorType, dim: int, index: Size) -> TensorType:
    """One slice along `dim`, which is dropped: (A, B) → (B)."""
    c.at_least_rank(input, 1)
    i = axis(c, dim, input.rank)
    _within(c, index, input.shape[i])
    return input.with_shape(*input.shape[:i], *input.shape[i + 1 :])


@function("scatter", family="indexing")
def scatter(c: Call, input: TensorType, dim: int, index: TensorType, src: TensorType | Scalar) -> TensorType:
    """`input` with the values `src` put at the places `index` along `dim`: (*) → (*)."""
    return _scattered(c, input, dim, index, src)


@function("scatter_add", family="indexing")
def scatter_add(c: Call, input: TensorType, dim: int, index: TensorType, src: TensorType) -> TensorType:
    """`input` with the values `src` added at the places `index` along `dim`: (*) → (*)."""
    return _scattered(c, input, dim, index, src)


def _scattered(c: Call, input: TensorType, dim: int, index: TensorType, src: TensorType | Scalar) -> TensorType:
    if index.dtype is not DType.int64:
        c.refuse(f"{c.op} takes int64 indices, this is {index.dtype}", "index", code="NNC0503")
    i = axis(c, dim, input.rank)
    for name, tensor in (("index", index), ("src", src)):
        if isinstance(tensor, TensorType) and max(tensor.rank, 1) != max(input.rank, 1):
            c.refuse(f"{name} is {tensor.rank}-D, the input {input.rank}-D", name, code="NNC0502")
    for d, (have, limit) in enumerate(zip(index.shape, input.shape, strict=False)):
        if d != i:
            c.at_least(limit, have, f"index has {have} places in dimension {d}, the input {limit}", "index")
    if isinstance(src, TensorType):
        if src.dtype is not input.dtype:
            c.refuse(f"src is {src.dtype}, but the input is {input.dtype}", "src", code="NNC0503")
        for d, (have, least) in enumerate(zip(src.shape, index.shape, strict=False)):
            c.at_least(have, least, f"src has {have} values in dimension {d}, index {least} places", "src")
    return input


@function("diagonal", family="indexing")
def diagonal(c: Call, input: TensorType, offset: int = 0, dim1: int = 0, dim2: int = 1) -> TensorType:
    """The diagonal of two dimensions as the last one: (A, A, B) → (B, A)."""
    c.at_least_rank(input, 2)
    i, j = axis(c, dim1, input.rank, "dim1"), axis(c, dim2, input.rank, "dim2")
    if i == j:
        c.refuse(f"dim1 and dim2 are both dimension {i}", "dim2")
    rows, columns = (input.shape[i], input.shape[j]) if offset >= 0 else (input.shape[j], input.shape[i])
    length = minimum(rows, columns - abs(offset))
    c.at_least(length, 1, f"the diagonal {offset} lies outside {input}", "offset")
    return input.with_shape(*(s for d, s in enumerate(input.shape) if d not in (i, j)), length)


# -- by masks ----------------------------------------------------------------------------------------------------------


@function("where", family="indexing")
def where(c: Call, condition: TensorType, input: Operand, other: Operand) -> TensorType:
    """`input` where the condition holds, else `other`; all three broadcast."""
    if condition.dtype not in (DType.bool, DType.uint8):
        c.refuse(f"the condition is {condition.dtype}, not bool", "condition", code="NNC0503")
    shapes = [o.shape for o in (condition, input, other) if isinstance(o, TensorType)]
    return TensorType(broadcast(c, *shapes, subject="other"), result_type(input, other))


@function("masked_fill", family="indexing")
def masked_fill(c: Call, input: TensorType, mask: TensorType, value: TensorType | Scalar) -> TensorType:
    """`value` where the mask holds, else `input`; the mask broadcasts."""
    if mask.dtype is not DType.bool:
        c.refuse(f"the mask is {mask.dtype}, not bool", "mask", code="NNC0503")
    if isinstance(value, TensorType):
        c.rank(value, 0, name="value")
        if result_type(input.with_shape(1), value) is not input.dtype:
            c.refuse(f"{input.dtype} cannot hold the value, which is {value.dtype}", "value", code="NNC0503")
    elif input.dtype.is_integer and not abs(value) < 2 ** (8 * input.dtype.itemsize - (input.dtype is not DType.uint8)):
        c.refuse(f"{input.dtype} cannot hold {value}", "value", code="NNC0503")
    return input.with_shape(*broadcast(c, input.shape, mask.shape, subject="mask"))


@function("tril", family="indexing")
def tril(c: Call, input: TensorType, diagonal: int = 0) -> TensorType:
    """The part on and below a diagonal, zeros elsewhere: (*, H, W) → the same."""
    c.at_least_rank(input, 2)
    return input


@function("triu", family="indexing")
def triu(c: Call, input: TensorType, diagonal: int = 0) -> TensorType:
    """The part on and above a diagonal, zeros elsewhere: (*, H, W) → the same."""
    c.at_least_rank(input, 2)
    return input


OPS: tuple[OpDef, ...] = (
    getitem, gather, index_select, take_along_dim, narrow, select, scatter, scatter_add, diagonal, where, masked_fill,
    tril, triu,
)  # fmt: skip
