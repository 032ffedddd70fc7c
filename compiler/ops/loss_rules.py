"""What the rules of losses share, modules and functions alike: what is compared with what, and how it is reduced.

Torch broadcasts some predictions against targets and warns that this is a mistake: (N, 1) against (N) compares every
prediction with every target. Here predictions and targets have one shape.
"""

from __future__ import annotations

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Numbers
from nnc.compiler.ops.shapes import broadcast_to, display
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import Shape, TensorType

__all__ = [
    "alike",
    "broadcasts",
    "class_loss",
    "class_weight",
    "class_weights",
    "classes",
    "cosine",
    "ctc",
    "elementwise_loss",
    "gaussian",
    "linear_classes",
    "margins",
    "multi_label",
    "multi_margin",
    "positive",
    "ranking",
    "reduced",
    "same_shape",
    "smooth",
    "triplet",
    "weights",
]


# -- what every loss does ----------------------------------------------------------------------------------------------


def reduced(loss: TensorType, shape: Shape, reduction: str) -> TensorType:
    """One number, or with reduction "none" one for each of `shape`."""
    return loss.with_shape(*(shape if reduction == "none" else ()))


def same_shape(c: Call, have: Shape, want: Shape, name: str, other: str) -> None:
    if len(have) != len(want):
        c.refuse(f"{name} is {display(have)}, not {display(want)} as {other}", name, code="NNC0502")
    for mine, theirs in zip(have, want, strict=True):
        c.equal(mine, theirs, f"{name} is {display(have)}, not {display(want)} as {other}", name)


def alike(
    c: Call, first: TensorType, second: TensorType, name: str, other: str = "input", *, whole: bool = False
) -> None:
    """Floating-point numbers of one dtype and shape; `whole` allows integers for the second."""
    c.floating(first, other)
    if second.dtype is not first.dtype and not (whole and second.dtype.is_integer):
        c.refuse(f"{name} is {second.dtype}, {other} is {first.dtype}", name, code="NNC0503")
    same_shape(c, second.shape, first.shape, name, other)


def positive(c: Call, value: float, name: str) -> None:
    if not value > 0:
        c.refuse(f"{name} must be above 0, not {value}", name)


def chunking(c: Call, method: str) -> None:
    """`auto`, `aspect_ratio` or `aspect_ratio:N` (torch.nn.LinearCrossEntropyOptions)."""
    name, colon, factor = method.partition(":")
    whole = factor.isdecimal() and int(factor) > 0 if colon else True
    if method != "auto" and not (name == "aspect_ratio" and whole):
        c.refuse(f'chunking_method is "auto", "aspect_ratio" or "aspect_ratio:N", not "{method}"', "chunking_method")


def smooth(c: Call, value: float, name: str = "label_smoothing") -> None:
    if not 0 <= value <= 1:
        c.refuse(f"{name} is a number from 0 to 1, not {value}", name)


# -- weights: a module's are numbers and belong to it, a function's are a tensor ---------------------------------------


def weights(c: Call, given: Numbers | None, name: str = "weight") -> TensorType | None:
    """A module's weights as the buffer that it keeps: one number, or a list of them."""
    if given is None:
        return None
    shape = () if isinstance(given, int | float) else (len(given),)
    c.buffer(name, *shape)
    return TensorType(shape, DType.float32)


def class_weights(c: Call, given: Numbers | None) -> TensorType | None:
    """A module's weights, one for each class."""
    if isinstance(given, int | float):
        c.refuse("weight has one number for each class: write a list", "weight")
    return weights(c, given)


def class_weight(c: Call, input: TensorType, count: DimLike, weight: TensorType | None) -> None:
    """One number of the input's dtype for each of `count` classes."""
    if weight is None:
        return
    if weight.dtype is not input.dtype:
        c.refuse(f"weight is {weight.dtype}, input is {input.dtype}", "weight", code="NNC0503")
    c.rank(weight, 1, name="weight")
    c.equal(weight.shape[0], count, f"weight has {weight.shape[0]} numbers for {count} classes", "weight")


def broadcasts(c: Call, input: TensorType, weight: TensorType | None, name: str = "weight") -> None:
    """The weight has the input's dtype and broadcasts to its shape."""
    if weight is None:
        return
    if weight.dtype is not input.dtype:
        c.refuse(f"{name} is {weight.dtype}, input is {input.dtype}", name, code="NNC0503")
    broadcast_to(c, weight.shape, input.shape, name)


# -- numbers against numbers -------------------------------------------------------------------------------------------


def elementwise_loss(
    c: Call,
    input: TensorType,
    target: TensorType,
    reduction: str,
    weight: TensorType | None = None,
    *,
    whole: bool = False,
) -> TensorType:
    """One loss for each element; a `weight` has one number for each."""
    alike(c, input, target, "target", whole=whole)
    if weight is not None:
        alike(c, input, weight, "weight")
    return reduced(input, input.shape, reduction)


def gaussian(c: Call, input: TensorType, target: TensorType, var: TensorType | float, reduction: str) -> TensorType:
    """The variance is one for each element, or for all along one dimension (of size 1), or for all along the last
    (which may be left out)."""
    alike(c, input, target, "target")
    if isinstance(var, TensorType):
        if var.dtype is not input.dtype:
            c.refuse(f"var is {var.dtype}, input is {input.dtype}", "var", code="NNC0503")
        if var.rank == input.rank:
            _one_spread(c, input.shape, var.shape)
        else:
            same_shape(c, var.shape, input.shape[:-1], "var", "input without its last dimension")
    elif not var >= 0:
        c.refuse(f"a variance is not negative: {var}", "var")
    return reduced(input, input.shape, reduction)


def _one_spread(c: Call, wanted: Shape, given: Shape) -> None:
    spread = [i for i, size in enumerate(given) if isinstance(size, int) and size == 1 and wanted[i] != 1]
    if len(spread) > 1:
        c.refuse(f"var {display(given)} is the same along more than one dimension of {display(wanted)}", "var")
    for i, (have, want) in enumerate(zip(given, wanted, strict=True)):
        if i not in spread:
            c.equal(have, want, f"var is {display(given)}, input {display(wanted)}", "var")


# -- scores against classes --------------------------------------------------------------------------------------------


def classes(c: Call, input: TensorType) -> DimLike:
    """The number of classes: (C), (N, C) or (N, C, *)."""
    c.at_least_rank(c.floating(input), 1)
    return input.shape[min(1, input.rank - 1)]


def class_loss(
    c: Call, input: TensorType, target: TensorType, reduction: str, ignore_index: int, probabilities: bool
) -> TensorType:
    """Class numbers (N, *), or with `probabilities` a distribution (N, C, *), against scores (N, C, *)."""
    c.at_least(classes(c, input), 1, "there are no classes", "input")
    rest = (*input.shape[:1], *input.shape[2:]) if input.rank > 1 else ()
    if probabilities and target.rank == input.rank:
        if target.dtype is not input.dtype:
            c.refuse(
                f"target has the shape of class probabilities, but is {target.dtype}, not {input.dtype}",
                "target",
                f"class numbers are int64 of shape {display(rest)}",
                code="NNC0503",
            )
        same_shape(c, target.shape, input.shape, "target", "input")
        if ignore_index >= 0:
            c.refuse("ignore_index goes with class numbers, the target holds probabilities", "ignore_index")
        return reduced(input, rest, reduction)
    if target.dtype is not DType.int64:
        c.refuse(f"target holds class numbers, which are int64, not {target.dtype}", "target", code="NNC0503")
    same_shape(c, target.shape, rest, "target", "input without its classes")
    return reduced(input, rest, reduction)


def linear_classes(
    c: Call,
    input: TensorType,
    target: TensorType,
    shape: Shape,
    weight: TensorType | None,
    reduction: str,
    ignore_index: int | None,
) -> TensorType:
    """Cross entropy of a linear layer's scores: `shape` is (C, *), what each of (N, in_features) becomes."""
    if len(shape) > 1 and input.rank == 1:
        c.refuse(f"scores {display(shape)} need a batch, input is {input}", "input", code="NNC0502")
    scores = input.with_shape(*input.shape[:-1], *shape)
    class_weight(c, input, shape[0], weight)
    if ignore_index is not None and target.rank == scores.rank:
        c.refuse("ignore_index goes with class numbers, the target holds probabilities", "ignore_index")
    return class_loss(c, scores, target, reduction, -100, True)


def multi_margin(
    c: Call, input: TensorType, target: TensorType, p: int, weight: TensorType | None, reduction: str
) -> TensorType:
    """Scores (N, C) against class numbers (N), or (C) against one."""
    if p not in (1, 2):
        c.refuse(f"p is 1 or 2, not {p}", "p")
    c.rank(input, 1, 2)
    class_weight(c, input, classes(c, input), weight)
    return class_loss(c, input, target, reduction, -100, False)


def multi_label(c: Call, input: TensorType, target: TensorType, reduction: str) -> TensorType:
    """Scores (N, C) against lists of class numbers (N, C), or (C) against (C)."""
    c.rank(c.floating(input), 1, 2)
    c.at_least(input.shape[-1], 1, "there are no classes", "input")
    if target.dtype is not DType.int64:
        c.refuse(f"target holds class numbers, which are int64, not {target.dtype}", "target", code="NNC0503")
    same_shape(c, target.shape, input.shape, "target", "input")
    return reduced(input, input.shape[:-1], reduction)


def margins(c: Call, input: TensorType, target: TensorType, weight: TensorType | None, reduction: str) -> TensorType:
    """One loss for each row of scores (*, C)."""
    c.at_least_rank(input, 1)
    alike(c, input, target, "target", whole=True)
    broadcasts(c, input, weight)
    return reduced(input, input.shape[:-1], reduction)


# -- two inputs, three, sequences --------------------------------------------------------------------------------------


def ranking(c: Call, input1: TensorType, input2: TensorType, target: TensorType, reduction: str) -> TensorType:
    alike(c, input1, input2, "input2", "input1")
    alike(c, input1, target, "target", "input1", whole=True)
    return reduced(input1, input1.shape, reduction)


def cosine(c: Call, input1: TensorType, input2: TensorType, target: TensorType, reduction: str) -> TensorType:
    """(N, D), (N, D) against (N), or (D), (D) against one number."""
    c.rank(input1, 1, 2, name="input1")
    alike(c, input1, input2, "input2", "input1")
    if target.dtype is not input1.dtype and not target.dtype.is_integer:
        c.refuse(f"target is {target.dtype}, input1 is {input1.dtype}", "target", code="NNC0503")
    same_shape(c, target.shape, input1.shape[:-1], "target", "input1 without its last dimension")
    return reduced(input1, target.shape, reduction)


def triplet(
    c: Call, anchor: TensorType, good: TensorType, bad: TensorType, margin: float, reduction: str
) -> TensorType:
    """Distances over the last dimension: (*, D) three times."""
    positive(c, margin, "margin")
    c.at_least_rank(anchor, 1, "anchor")
    alike(c, anchor, good, "positive", "anchor")
    alike(c, anchor, bad, "negative", "anchor")
    return reduced(anchor, anchor.shape[:-1], reduction)


def ctc(
    c: Call,
    log_probs: TensorType,
    targets: TensorType,
    input_lengths: TensorType,
    target_lengths: TensorType,
    blank: int,
    reduction: str,
) -> TensorType:
    """Log-probabilities (T, N, C) against targets (N, S), of which what is beyond a target's length is not read, or behind
    one another in a row, which is as long as the values of `target_lengths` add up to; of one sequence (T, C) and (S)."""
    c.rank(c.floating(log_probs, "log_probs"), 2, 3, name="log_probs")
    batch = log_probs.shape[1:-1]
    if c.rank(c.integer(targets, "targets"), *((1, 2) if batch else (1,)), name="targets") == 2:
        same_shape(c, targets.shape[:1], batch, "targets without their length", "the batch")
    for name, lengths in (("input_lengths", input_lengths), ("target_lengths", target_lengths)):
        same_shape(c, c.integer(lengths, name).shape, batch, name, "the batch")
    if blank < 0:
        c.refuse(f"blank is a class number, not {blank}", "blank")
    count = log_probs.shape[-1]
    c.at_least(count, blank + 1, f"blank is class {blank}, there are {count}", "blank")
    return reduced(log_probs, batch, reduction)
