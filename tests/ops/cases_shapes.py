"""Cases for joining, splitting, reordering, indexing and reducing."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops.drawing import (
    DIMS,
    KINDS,
    SIZES,
    Case,
    Draw,
    Generator,
    chance,
    dtype,
    equal,
    related,
    setting,
    settings,
    shape,
    sizes,
    tensor,
)

__all__ = ["GENERATORS"]


def joined(draw: Draw, op: OpDef) -> Case:
    first = shape(draw)
    tensors = [TensorType(first, dtype(draw))]
    dim = draw(st.integers(-len(first) - 1, len(first)))
    for _ in range(draw(st.integers(0, 3))):
        other = list(equal(draw, first))
        if op.name == "cat" and -len(other) <= dim < len(other) and chance(draw, 60):
            other[dim] = draw(SIZES)
        tensors.append(TensorType(tuple(other), dtype(draw)))
    return {"tensors": tuple(tensors)} | ({"dim": dim} if dim or chance(draw, 30) else {})


def split(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw), dtype(draw))
    dim = draw(st.integers(-first.rank, max(first.rank - 1, 0)))
    size = first.shape[dim] if first.rank else 1
    assert isinstance(size, int)
    name = op.arguments[1].name
    if op.name == "chunk" or chance(draw, 50):
        how: Any = draw(st.integers(1, 5))
    elif op.name == "split":
        a = draw(st.integers(0, size))
        how = (a, size - a) if chance(draw, 85) else (a, 2)
    else:
        how = tuple(draw(st.lists(st.integers(-3, 8), max_size=3)))
    return {op.arguments[0].name: first, name: how, "dim": dim}


def unbind(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw), dtype(draw))
    return {"input": first, "dim": draw(st.integers(-first.rank - 1, first.rank))}


def reshape(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, (0, 1, 2, 3, 4)), dtype(draw))
    numel = first.numel
    assert isinstance(numel, int)
    sizes: list[int] = []
    rest = numel
    for _ in range(draw(st.integers(0, 3))):
        divisor = draw(st.sampled_from([d for d in range(1, rest + 1) if rest % d == 0]))
        sizes.append(divisor)
        rest //= divisor
    sizes.append(rest)
    if chance(draw, 50):
        sizes[draw(st.integers(0, len(sizes) - 1))] = -1
    if chance(draw, 15):
        sizes[draw(st.integers(0, len(sizes) - 1))] = draw(st.integers(-2, 5))
    many = tuple(sizes) if chance(draw, 50) else (tuple(sizes),)
    return {"input": first, op.arguments[1].name: many}


def unflatten(draw: Draw, op: OpDef) -> Case:
    case = reshape(draw, op)
    given = case[op.arguments[1].name]
    parts = given[0] if given and isinstance(given[0], tuple) else given
    lead, tail = shape(draw, (0, 1)), shape(draw, (0, 1))
    name = "unflattened_size" if op.form == "module" else "sizes"
    dim = len(lead) if chance(draw, 90) else draw(DIMS)
    return {"input": TensorType((*lead, case["input"].numel, *tail)), "dim": dim, name: parts}


def permute(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, (0, 1, 2, 3, 4)), dtype(draw))
    order = draw(st.permutations(range(first.rank)))
    order = [i - first.rank if chance(draw, 30) else i for i in order]
    if chance(draw, 12):
        order = draw(st.lists(DIMS, max_size=4))
    if op.form == "module":
        return {"x": first, "dims": tuple(order)}
    if op.name == "flip" and chance(draw, 70):
        order = order[: draw(st.integers(0, len(order)))]
    return {"input": first, "dims": tuple(order) if chance(draw, 50) else (tuple(order),)}


def roll(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw), dtype(draw))
    dims = draw(st.lists(st.integers(-first.rank, max(first.rank - 1, 0)), max_size=2))
    shifts = tuple(draw(DIMS) for _ in range(len(dims) if chance(draw, 90) else 2))
    if len(dims) == 1 and chance(draw, 60):
        return {"input": first, "shifts": 1, "dims": dims[0]}
    return {"input": first, "shifts": shifts or 2} | ({"dims": tuple(dims)} if dims else {})


def movedim(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw), dtype(draw))
    one = st.integers(-first.rank, max(first.rank - 1, 0))
    if chance(draw, 40):
        return {"input": first, "source": draw(one), "destination": draw(one)}
    n = draw(st.integers(0, 2))
    return {"input": first} | {k: tuple(draw(one) for _ in range(n)) for k in ("source", "destination")}


def expand(draw: Draw, op: OpDef) -> Case:
    target = shape(draw, (1, 2, 3, 4))
    first = tuple(1 if chance(draw, 40) else s for s in target)[draw(st.integers(0, len(target))) :]
    if op.name == "expand_as":
        return {"input": TensorType(first), "other": TensorType(equal(draw, target))}
    lead = len(target) - len(first)
    sizes = tuple(
        -1 if i >= lead - (0 if chance(draw, 97) else 1) and chance(draw, 30) else s
        for i, s in enumerate(equal(draw, target))
    )
    return {"input": TensorType(first, dtype(draw)), "size": sizes if chance(draw, 60) else (sizes,)}


def repeat(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, (0, 1, 2, 3)), dtype(draw))
    times = tuple(draw(st.lists(st.integers(0, 3), min_size=max(first.rank - 1, 0), max_size=first.rank + 1)))
    return {"input": first, op.arguments[1].name: times if chance(draw, 60) else (times,)}


def repeat_interleave(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw), dtype(draw))
    case: Case = {"input": first, "repeats": draw(st.integers(0, 3))}
    if chance(draw, 60):
        case["dim"] = draw(st.integers(-first.rank, max(first.rank - 1, 0)))
    return case


def getitem(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, (1, 2, 3, 4)), dtype(draw))
    bound = st.one_of(st.none(), st.integers(-9, 9))
    items: list[Any] = []
    for _ in range(draw(st.integers(0, first.rank + (1 if chance(draw, 5) else 0)))):
        kind = draw(st.integers(0, 9))
        if kind <= 4:
            items.append(slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, 3, None, 0, -1]))))
        elif kind <= 6:
            items.append(draw(st.integers(-4, 4)))
        elif kind == 7:
            items.append(TensorType(shape(draw, (0, 1, 2)), dtype(draw, DType.int64)))
        elif kind == 8 and chance(draw, 50):
            items.append([0, 0])
    for extra in (None, Ellipsis):
        if chance(draw, 30):
            items.insert(draw(st.integers(0, len(items))), extra)
    return {
        "input": first,
        "index": items[0] if len(items) == 1 and chance(draw, 50) and not isinstance(items[0], list) else tuple(items),
    }


def gathered(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw), dtype(draw))
    dim = draw(st.integers(-first.rank, max(first.rank - 1, 0)))
    if op.name == "index_select":
        return {"input": first, "dim": dim, "index": TensorType(shape(draw, (0, 1, 1)), dtype(draw, DType.int64))}
    places = tuple(draw(st.integers(1, max(s, 1))) if chance(draw, 90) else draw(SIZES) for s in sizes(first))
    if op.name == "take_along_dim":
        places = tuple(draw(st.sampled_from([1, s])) for s in sizes(first))
        name = "indices"
    else:
        name = "index"
    case: Case = {"input": first, name: TensorType(equal(draw, places), dtype(draw, DType.int64))}
    return case | ({"dim": dim} if op.name == "gather" or chance(draw, 80) else {})


def scattered(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw), dtype(draw))
    places = tuple(draw(st.integers(1, max(s, 1))) for s in sizes(first))
    source = tuple(p + draw(st.integers(0, 1)) for p in places)
    src: Any = TensorType(equal(draw, source), dtype(draw, first.dtype, 5))
    if op.name == "scatter" and chance(draw, 25):
        src = draw(st.sampled_from([0, 1.5, True]))
    dim = draw(st.integers(-first.rank, max(first.rank - 1, 0)))
    return {
        "input": first,
        "dim": dim,
        "index": TensorType(equal(draw, places), dtype(draw, DType.int64, 5)),
        "src": src,
    }


def narrow(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw), dtype(draw))
    case: Case = {"input": first, "dim": draw(st.integers(-first.rank, max(first.rank - 1, 0)))}
    if op.name == "select":
        return case | {"index": draw(st.integers(-5, 5))}
    return case | {"start": draw(st.integers(-3, 4)), "length": draw(st.integers(0, 4))}


def masked(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw), dtype(draw))
    hidden = TensorType(related(draw, first.shape), dtype(draw, DType.bool))
    if op.name == "where":
        other: Any = draw(st.sampled_from([0, 1.5, TensorType(related(draw, first.shape), dtype(draw))]))
        left: Any = first if chance(draw, 80) else 2.0
        return {"condition": hidden, "input": left, "other": other}
    scalar: Any = draw(st.sampled_from([0, 1.5, -1, True, TensorType((), dtype(draw, first.dtype)), TensorType((1,))]))
    return {"input": first, "mask": hidden, "value": scalar}


def topk(draw: Draw, op: OpDef) -> Case:
    return settings(draw, op, k=draw(st.integers(0, 4))) | {"input": tensor(draw, op)}


def extreme(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, (0, 1, 2, 3)), dtype(draw))
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return {"input": first}
    if kind == 1 and op.name != "median":
        return {"input": first, "dim": TensorType(related(draw, first.shape), dtype(draw, first.dtype))}
    return {"input": first, "dim": draw(st.integers(-first.rank, max(first.rank - 1, 0)))} | (
        {"keepdim": draw(st.booleans())} if chance(draw, 50) else {}
    )


def arange(draw: Draw, op: OpDef) -> Case:
    number = st.one_of(st.integers(-4, 9), st.sampled_from([0.5, 2.5, -1.0]))
    case: Case = {"start": draw(number)}
    if chance(draw, 60):
        case["end"] = draw(number)
        if chance(draw, 50):
            case["step"] = draw(st.one_of(st.integers(-2, 3), st.sampled_from([0.5, -0.5])))
    return case | (
        {"dtype": draw(st.sampled_from([DType.float32, DType.int64, DType.int32]))} if chance(draw, 25) else {}
    )


def no_tensor(draw: Draw, op: OpDef) -> Case:
    drawn = {a.name: setting(draw, op, a) for a in op.arguments if not a.variadic}
    for argument in op.arguments:
        if argument.variadic:
            drawn[argument.name] = draw(
                st.one_of(st.lists(st.integers(0, 4), max_size=3).map(tuple), KINDS["Sizes"].map(lambda v: (v,)))
            )
    return drawn


GENERATORS: dict[str, Generator] = {
    "cat": joined,
    "stack": joined,
    "chunk": split,
    "split": split,
    "tensor_split": split,
    "unbind": unbind,
    "reshape": reshape,
    "view": reshape,
    "Unflatten": unflatten,
    "unflatten": unflatten,
    "permute": permute,
    "Permute": permute,
    "flip": permute,
    "roll": roll,
    "movedim": movedim,
    "expand": expand,
    "expand_as": expand,
    "repeat": repeat,
    "tile": repeat,
    "repeat_interleave": repeat_interleave,
    "getitem": getitem,
    "gather": gathered,
    "index_select": gathered,
    "take_along_dim": gathered,
    "narrow": narrow,
    "select": narrow,
    "where": masked,
    "masked_fill": masked,
    "topk": topk,
    "max": extreme,
    "min": extreme,
    "median": extreme,
    "arange": arange,
    **dict.fromkeys(("zeros", "ones", "empty", "rand", "randn", "full", "eye", "linspace", "tensor"), no_tensor),
    "scatter": scattered,
    "scatter_add": scattered,
    "kthvalue": topk,
}
