"""Products of matrices and tensors. Multiply-adds count each product of two numbers that is summed."""

from __future__ import annotations

from collections.abc import Sequence

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import result_type
from nnc.compiler.ops.kinds import Scalar, Tensors
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shapes import broadcast, broadcast_to, display
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.tensor import Shape, TensorType

__all__ = ["OPS", "same_dtype"]


def same_dtype(c: Call, input: TensorType, other: TensorType, name: str) -> None:
    """Products do not promote: both operands have one floating-point dtype (integers multiply on the CPU only)."""
    c.floating(input, complex=True)
    if other.dtype is not input.dtype:
        c.refuse(f"{name} is {other.dtype}, but the input is {input.dtype}", name, code="NNC0503")


@function("matmul", family="linear")
def matmul(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The matrix product, other dimensions broadcast; the operator `@`: (*, n, k), (*, k, m) → (*, n, m)."""
    same_dtype(c, input, other, "other")
    c.at_least_rank(input, 1)
    c.at_least_rank(other, 1, "other")
    return _matmul(c, input, other)


def _matmul(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """A vector stands for a matrix of one row (left) or one column (right), which the result drops."""
    inner = input.shape[-1]
    facing = other.shape[0] if other.rank == 1 else other.shape[-2]
    c.equal(inner, facing, f"the inner sizes {inner} and {facing} differ: {input} @ {other}", "other")
    batch = broadcast(c, input.shape[:-2], other.shape[:-2], subject="other")
    rows: Shape = input.shape[-2:-1]
    columns: Shape = () if other.rank == 1 else other.shape[-1:]
    result = input.with_shape(*batch, *rows, *columns)
    c.macs(result.numel * inner)
    return result


@function("mm", family="linear")
def mm(c: Call, input: TensorType, mat2: TensorType) -> TensorType:
    """The product of two matrices: (n, k), (k, m) → (n, m)."""
    same_dtype(c, input, mat2, "mat2")
    c.rank(input, 2)
    c.rank(mat2, 2, name="mat2")
    return _matmul(c, input, mat2)


@function("bmm", family="linear")
def bmm(c: Call, input: TensorType, mat2: TensorType) -> TensorType:
    """The products of a batch of matrices: (B, n, k), (B, k, m) → (B, n, m)."""
    same_dtype(c, input, mat2, "mat2")
    c.rank(input, 3)
    c.rank(mat2, 3, name="mat2")
    c.equal(input.shape[0], mat2.shape[0], f"the batches {input.shape[0]} and {mat2.shape[0]} differ", "mat2")
    return _matmul(c, input, mat2)


@function("addmm", family="linear")
def addmm(
    c: Call, input: TensorType, mat1: TensorType, mat2: TensorType, *, beta: Scalar = 1, alpha: Scalar = 1
) -> TensorType:
    """beta · input + alpha · (mat1 @ mat2): (n, k), (k, m) → (n, m)."""
    return _added(c, input, mat1, mat2, 2, "mat1", "mat2")


@function("baddbmm", family="linear")
def baddbmm(
    c: Call, input: TensorType, batch1: TensorType, batch2: TensorType, *, beta: Scalar = 1, alpha: Scalar = 1
) -> TensorType:
    """beta · input + alpha · (batch1 @ batch2): (B, n, k), (B, k, m) → (B, n, m)."""
    return _added(c, input, batch1, batch2, 3, "batch1", "batch2")


def _added(c: Call, input: TensorType, a: TensorType, b: TensorType, rank: int, left: str, right: str) -> TensorType:
    same_dtype(c, input, a, left)
    same_dtype(c, input, b, right)
    c.rank(a, rank, name=left)
    c.rank(b, rank, name=right)
    if rank == 3:
        c.equal(a.shape[0], b.shape[0], f"the batches {a.shape[0]} and {b.shape[0]} differ", right)
    result = _matmul(c, a, b)
    broadcast_to(c, input.shape, result.shape, "input")
    return result


@function("dot", family="linear")
def dot(c: Call, input: TensorType, tensor: TensorType) -> TensorType:
    """The product of two vectors: (n), (n) → ()."""
    same_dtype(c, input, tensor, "tensor")
    c.rank(input, 1)
    c.rank(tensor, 1, name="tensor")
    return _matmul(c, input, tensor)


@function("outer", family="linear")
def outer(c: Call, input: TensorType, vec2: TensorType) -> TensorType:
    """Every product of two vectors' elements: (n), (m) → (n, m)."""
    c.rank(input, 1)
    c.rank(vec2, 1, name="vec2")
    return TensorType((*input.shape, *vec2.shape), result_type(input, vec2))


# -- einsum ------------------------------------------------------------------------------------------------------------

ELLIPSIS = "."  # stands for each `...` dimension below, numbered from the right: ".0" is the last


@function("einsum", family="linear")
def einsum(c: Call, equation: str, *operands: TensorType | Tensors) -> TensorType:
    """Einstein's summation: `einsum("bhid,bhjd->bhij", q, k)`; `...` stands for dimensions that broadcast."""
    tensors = _listed(operands)
    if not tensors:
        c.refuse("einsum takes at least one tensor", "operands")
    sides = equation.replace(" ", "").split("->")
    terms = sides[0].split(",")
    if len(sides) > 2 or any(not _is_term(t) for t in (*terms, *sides[1:])):
        c.refuse(f'"{equation}" is not an equation of letters, commas, `...` and one `->`', "equation")
    if len(terms) != len(tensors):
        c.refuse(f'"{equation}" has {len(terms)} terms for {len(tensors)} tensors', "equation")
    for tensor in tensors[1:]:
        same_dtype(c, tensors[0], tensor, "operands")
    c.floating(tensors[0], "operands", complex=True)
    labels = [_labels(c, t, tensor) for t, tensor in zip(terms, tensors, strict=True)]
    sizes = _sizes(c, labels, tensors)
    wanted = _wanted(c, equation, sides, labels)
    _count(c, labels, tensors, wanted, sizes)
    return tensors[0].with_shape(*(sizes[label] for label in wanted))


def _listed(operands: tuple[TensorType | Tensors, ...]) -> list[TensorType]:
    tensors: list[TensorType] = []
    for operand in operands:
        tensors.extend([operand] if isinstance(operand, TensorType) else operand)
    return tensors


def _is_term(term: str) -> bool:
    letters = term.replace("...", "", 1)
    return all(ch.isascii() and ch.isalpha() for ch in letters)


def _labels(c: Call, term: str, tensor: TensorType) -> list[str]:
    """One label a dimension."""
    before, dots, after = term.partition("...")
    hidden = tensor.rank - len(before) - len(after)
    if hidden < 0 or (hidden and not dots):
        c.refuse(f'the term "{term}" does not fit a {tensor.rank}-D tensor {tensor}', "equation")
    return [*before, *(f"{ELLIPSIS}{i}" for i in reversed(range(hidden))), *after]


def _sizes(c: Call, labels: list[list[str]], tensors: list[TensorType]) -> dict[str, DimLike]:
    """The size of each label; a size of 1 broadcasts, but not along a diagonal."""
    sizes: dict[str, DimLike] = {}
    for names, tensor in zip(labels, tensors, strict=True):
        own: dict[str, DimLike] = {}
        for name, size in zip(names, tensor.shape, strict=True):
            if name in own:
                c.equal(
                    own[name],
                    size,
                    f"`{name}` stands for {own[name]} and {size} in {display(tensor.shape)}",
                    "operands",
                )
            own[name] = size
        for name, size in own.items():
            if name not in sizes or (isinstance(sizes[name], int) and sizes[name] == 1):
                sizes[name] = size
            elif not (isinstance(size, int) and size == 1):
                sizes[name] = c.equal(sizes[name], size, f"`{name}` stands for {sizes[name]} and {size}", "operands")
    return sizes


def _wanted(c: Call, equation: str, sides: list[str], labels: list[list[str]]) -> list[str]:
    """The result's labels: those after `->`, else those that stand once, in alphabetical order."""
    hidden = sorted({n for names in labels for n in names if n.startswith(ELLIPSIS)}, key=lambda n: -int(n[1:]))
    every = [n for names in labels for n in names if not n.startswith(ELLIPSIS)]
    if len(sides) == 1:
        return [*hidden, *sorted(n for n in set(every) if every.count(n) == 1)]
    before, dots, after = sides[1].partition("...")
    for name in before + after:
        if name not in every:
            c.refuse(f'`{name}` of the result stands in no term of "{equation}"', "equation")
        if (before + after).count(name) > 1:
            c.refuse(f'`{name}` stands twice in the result of "{equation}"', "equation")
    return [*before, *(hidden if dots else ()), *after]


def _count(
    c: Call, labels: list[list[str]], tensors: list[TensorType], wanted: Sequence[str], sizes: dict[str, DimLike]
) -> None:
    """torch contracts from left to right, summing first what only one of the two has."""
    left = set(labels[0])
    for k in range(1, len(labels)):
        right = set(labels[k])
        later = set(wanted).union(*labels[k + 1 :])
        left = {n for n in left if n in right or n in later}
        right = {n for n in right if n in left or n in later}
        if (left & right) - later:
            count: DimLike = 1
            for name in left | right:
                count = count * sizes[name]
            c.macs(count)
        left = (left | right) & later


OPS: tuple[OpDef, ...] = (matmul, mm, bmm, addmm, baddbmm, dot, outer, einsum)
