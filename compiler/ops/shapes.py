"""What several families of rules share: axes, broadcasting, reshaping, windows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from nnc.compiler.ops.call import Call, Refusal
from nnc.compiler.types.dim import Dim, DimLike, ceildiv
from nnc.compiler.types.tensor import Shape, TensorType

__all__ = [
    "axes",
    "axis",
    "broadcast",
    "broadcast_to",
    "display",
    "ntuple",
    "product",
    "reshape",
    "scaled",
    "widened",
    "window",
    "with_batch",
]


def ntuple(c: Call, value: int | Sequence[int], n: int, name: str) -> tuple[int, ...]:
    """torch's `_ntuple`: one integer stands for all `n` axes."""
    if isinstance(value, int):
        return (value,) * n
    if len(value) != n:
        c.refuse(f"{name} takes one integer or {n}, not {len(value)}", name)
    return tuple(value)


def product(dims: Iterable[DimLike]) -> DimLike:
    """The product of sizes; 1 for none. Known ones are multiplied first: that is cheap."""
    known, free = 1, []
    for d in dims:
        if isinstance(d, int):
            known *= d
        else:
            free.append(d)
    total: DimLike = known
    for size in free:
        total = size if isinstance(total, int) and total == 1 else total * size
    return total


def display(shape: Sequence[DimLike]) -> str:
    return f"[{', '.join(map(str, shape))}]"


# -- axes --------------------------------------------------------------------------------------------------------------


def axis(c: Call, dim: int, rank: int, name: str = "dim") -> int:
    """`dim` counted from the front; refused outside −rank … rank − 1. A scalar has the one axis 0, as in torch."""
    count = max(rank, 1)
    if not -count <= dim < count:
        c.refuse(f"{name} {dim} is outside a {rank}-D tensor", name)
    return dim % count


def axes(c: Call, dims: int | Sequence[int], rank: int, name: str = "dim") -> tuple[int, ...]:
    """Several axes counted from the front, in the order given; refused if one stands twice."""
    found = tuple(axis(c, d, rank, name) for d in ((dims,) if isinstance(dims, int) else dims))
    if len(set(found)) != len(found):
        c.refuse(f"{name} names one dimension twice", name)
    return found


def with_batch(c: Call, input: TensorType, n: int) -> None:
    """Refuses (C, *space) whose channels are free: it rather is an image without a dimension than one without a batch."""
    channels = input.shape[0]
    if input.rank == n + 1 and isinstance(channels, Dim):
        space = "L" if n == 1 else ", ".join(("D", "H", "W")[-n:])
        message = f"{c.op} needs a known number of channels, but {channels} is free"
        note = f"a {n + 1}-D tensor is (C, {space}), without a batch; with one it is (N, C, {space})"
        raise Refusal("NNC0505", message, "input", (note,), (channels,))


# -- broadcasting ------------------------------------------------------------------------------------------------------


def broadcast(c: Call, *shapes: Shape, subject: str | None = None) -> Shape:
    """The common shape (https://pytorch.org/docs/stable/notes/broadcasting.html). A free size meets another by a demand
    that they be equal, unless one of them is literally 1."""
    first = shapes[0]
    for shape in shapes[1:]:
        if shape != first:
            first = _broadcast(c, first, shape, subject)
    return first


def _broadcast(c: Call, a: Shape, b: Shape, subject: str | None) -> Shape:
    lead = len(a) - len(b)
    head, a, b = (a[:lead], a[lead:], b) if lead >= 0 else (b[:-lead], a, b[-lead:])
    both = (_meet(c, left, right, head + a, b, subject) for left, right in zip(a, b, strict=True))
    return (*head, *both)


def _meet(c: Call, left: DimLike, right: DimLike, a: Shape, b: Shape, subject: str | None) -> DimLike:
    if left == right or (isinstance(right, int) and right == 1):
        return left
    if isinstance(left, int) and left == 1:
        return right
    return c.equal(left, right, f"sizes {left} and {right} do not broadcast: {display(a)} with {display(b)}", subject)


def broadcast_to(c: Call, shape: Shape, target: Shape, name: str) -> None:
    """Demands that `shape` broadcasts to exactly `target`: what `expand`, and a mask of attention scores, need."""
    if len(shape) > len(target):
        c.refuse(f"{name} {display(shape)} has more dimensions than {display(target)}", name)
    for have, want in zip(shape, target[len(target) - len(shape) :], strict=True):
        if not (isinstance(have, int) and have == 1):
            c.equal(have, want, f"{name} {display(shape)} does not broadcast to {display(target)}", name)


# -- reshaping ---------------------------------------------------------------------------------------------------------


def reshape(c: Call, dims: Shape, sizes: Sequence[DimLike], subject: str) -> Shape:
    """The sizes that `dims` are viewed as; one of them may be −1 and takes what the others leave."""
    total = product(dims)
    holes = [i for i, s in enumerate(sizes) if isinstance(s, int) and s < 0]
    if any(sizes[i] != -1 for i in holes):
        c.refuse(f"a size is negative: {display(sizes)}", subject)
    if not holes:
        c.equal(total, product(sizes), f"{display(dims)} does not have the elements of {display(sizes)}", subject)
        return tuple(sizes)
    if len(holes) > 1:
        c.refuse(f"only one size may be -1: {display(sizes)}", subject)
    rest = product(s for i, s in enumerate(sizes) if i != holes[0])
    if isinstance(rest, int) and rest == 0:
        c.refuse(f"-1 beside a size of 0 has no one answer: {display(sizes)}", subject)
    c.multiple(total, rest, f"the elements of {display(dims)} do not divide into {display(sizes)}", subject)
    return (*sizes[: holes[0]], total // rest, *sizes[holes[0] + 1 :])


def trailing(c: Call, dims: Shape, shape: Sequence[int]) -> None:
    """Demands that `dims` end in `shape`, the `normalized_shape`."""
    if not shape:
        c.refuse("normalized_shape lists no dimension", "normalized_shape")
    if len(shape) > len(dims):
        c.refuse(f"normalized_shape {display(shape)} has more dimensions than {display(dims)}", "normalized_shape")
    for have, want in zip(dims[-len(shape) :], shape, strict=True):
        reason = f"normalized_shape is {display(shape)}, but {display(dims)} flows in"
        c.equal(have, want, reason, "normalized_shape")


# -- windows -----------------------------------------------------------------------------------------------------------


def window(
    c: Call, size: DimLike, kernel: int, stride: int, padding: int = 0, dilation: int = 1, ceil: bool = False
) -> DimLike:
    """How often a window fits: ⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1 (torch.nn.Conv2d's docs).

    `ceil` rounds up instead, and drops a last window that would start in the right padding (torch.nn.MaxPool2d's docs):
    windows start at i·stride − padding < size, so there are at most ⌈(size + padding) / stride⌉ of them. Which of the
    two counts is the smaller does not depend on the size: they differ by a constant under the same division.
    """
    reach = dilation * (kernel - 1) + 1
    least = reach - 2 * padding - (stride - 1 if ceil else 0)
    if not isinstance(size, int) or size < least:
        padded = f"{size} + 2·{padding} of padding" if padding else f"{size}"
        c.at_least(size, least, f"a window of {reach} does not fit into {padded}", "kernel_size")
    if ceil:
        return ceildiv(size + (padding + min(0, padding - reach + stride)), stride)
    starts = size + (2 * padding - reach + stride)
    return starts if stride == 1 else starts // stride


def widened(
    c: Call,
    sizes: Shape,
    kernel: Sequence[int],
    steps: Sequence[int],
    pads: Sequence[int],
    holes: Sequence[int],
    extras: Sequence[int],
    output_size: Sequence[DimLike] | None = None,
) -> Shape:
    """Sizes of a transposed convolution: (in − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1 (docs
    of torch.nn.ConvTranspose2d). `output_size` picks one that a convolution shrinks to the same: up to stride − 1 more.
    """
    least = [
        (size - 1) * s - 2 * p + h * (k - 1) + 1
        for size, k, s, p, h in zip(sizes, kernel, steps, pads, holes, strict=True)
    ]
    if output_size is not None:
        return _picked(c, least, steps, output_size)
    for extra, s, h in zip(extras, steps, holes, strict=True):
        if extra >= max(s, h):
            c.refuse(f"output_padding {extra} is not below stride {s} or dilation {h}", "output_padding")
    space = tuple(low + extra for low, extra in zip(least, extras, strict=True))
    for size in space:
        c.at_least(size, 1, f"padding leaves nothing of the result: its size is {size}", "padding")
    return space


def _picked(c: Call, least: Sequence[DimLike], steps: Sequence[int], output_size: Sequence[DimLike]) -> Shape:
    n = len(least)
    if len(output_size) not in (n, n + 2):
        c.refuse(f"output_size takes {n} sizes, not {len(output_size)}", "output_size")
    wanted = tuple(output_size[-n:])
    for size, low, step in zip(wanted, least, steps, strict=True):
        high = low + step - 1
        c.at_least(size, 1, f"output_size {size} is not positive", "output_size")
        c.at_least(size, low, f"output_size {size} is below the smallest, {low}", "output_size")
        c.at_least(high, size, f"output_size {size} is above the largest, {high}", "output_size")
    return wanted


def scaled(c: Call, size: DimLike, factor: int | float, name: str) -> DimLike:
    """⌊size · factor⌋ as torch computes it, in double precision; symbolic where that is exact."""
    if not (isinstance(factor, int) or math.isfinite(factor)) or factor <= 0:
        c.refuse(f"{name} must be positive, not {factor}", name)
    if not isinstance(size, Dim):
        return math.floor(size * factor)
    from fractions import Fraction

    exact = Fraction(factor)
    # 53 bits hold every product of a 31-bit size and these; with a denominator that is a power of 2 nothing is rounded.
    if exact.denominator > 1024 or exact.numerator > 2**22:
        c.undecided(f"{size} · {factor} is rounded in a way that depends on the size; give a size instead", name, size)
    return size * exact.numerator // exact.denominator
