"""Drawing arguments: values by kind, tensors by rank, and shapes that mostly fit together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from nnc.compiler.ops.kinds import parse_kind
from nnc.compiler.ops.registry import Argument, OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

Draw = Callable[[st.SearchStrategy[Any]], Any]
Case = dict[str, Any]
Generator = Callable[[Draw, OpDef], Case]


MISSING = object()


def tuples(low: int, high: int, n: int) -> st.SearchStrategy[Any]:
    one = st.integers(low, high)
    return st.one_of(one, one, st.lists(one, min_size=n, max_size=n).map(tuple))


def lists(one: st.SearchStrategy[Any], high: int = 3) -> st.SearchStrategy[Any]:
    return st.one_of(one, one, st.lists(one, min_size=1, max_size=high).map(tuple))


def optional(n: int) -> st.SearchStrategy[Any]:
    one = st.integers(1, 5)
    return st.one_of(one, st.lists(st.one_of(st.none(), one), min_size=n, max_size=n).map(tuple))


FLOATS = st.sampled_from([0.1, 0.5, 1.0, 2.0])


DIMS = st.integers(-3, 3)


OTHER_DTYPES = st.sampled_from([d for d in DType if d not in (DType.float16, DType.bfloat16)])


KINDS: dict[str, st.SearchStrategy[Any]] = {
    "int": DIMS,
    "Positive": st.integers(1, 4),
    "NonNegative": st.integers(0, 3),
    "Inferred": st.just(MISSING),
    "Activation": st.sampled_from(parse_kind("Activation").choices),
    "Norm": st.sampled_from(parse_kind("Norm").choices),
    "float": FLOATS,
    "Probability": st.sampled_from([0.0, 0.5, 1.0]),
    "Number": st.sampled_from([0.5, 1, 2, 3.0]),
    "Scalar": st.sampled_from([True, 1, 2, 0.5]),
    "bool": st.booleans(),
    "None": st.none(),
    "Single": tuples(0, 2, 1),
    "Pair": tuples(0, 2, 2),
    "Triple": tuples(0, 2, 3),
    "PositiveSingle": tuples(1, 3, 1),
    "PositivePair": tuples(1, 3, 2),
    "PositiveTriple": tuples(1, 3, 3),
    "Ints": lists(DIMS),
    "PositiveInts": lists(st.integers(1, 5)),
    "OptionalPair": optional(2),
    "OptionalTriple": optional(3),
    "Numbers": lists(st.sampled_from([0.5, 1.5, 2, 2.0, 0.7])),
    "Size": st.integers(-1, 4),
    "Sizes": st.lists(st.integers(-1, 4), min_size=1, max_size=4).map(tuple),
    "Dtype": OTHER_DTYPES,
    "Data": st.sampled_from([1, 0.5, (1, 2), (1, 0.5), ((1.0, 2.0), (3.0, 4.0)), (), ((1,), (1, 2)), (True, False)]),
}


def value(annotation: str) -> st.SearchStrategy[Any]:
    """What an argument of this kind may be."""
    parts = [p.strip() for p in annotation.split("|")]
    kind = parse_kind(annotation)
    strategies = [st.sampled_from(kind.choices) if p.startswith("Literal[") else KINDS[p] for p in parts]
    return st.one_of(strategies).filter(lambda v: v is MISSING or kind.accepts(v))


def setting(draw: Draw, op: OpDef, argument: Argument) -> Any:
    """A value for one argument; optional ones are often left out."""
    if not argument.required and not chance(draw, 35):
        return MISSING
    return draw(value(op.rule.__annotations__[argument.name]))


def settings(draw: Draw, op: OpDef, **given: Any) -> Case:
    """Values for every argument that is no tensor; `given` ones are taken as they are."""
    drawn = {
        a.name: setting(draw, op, a) for a in (*op.arguments, *op.calls) if not a.kind.tensor and a.name not in given
    }
    return drawn | given


def chance(draw: Draw, percent: int) -> bool:
    return bool(draw(st.integers(0, 99)) < percent)


SIZES = st.sampled_from([1, 2, 3, 4, 4, 5, 6, 8])


SPACE = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 9, 12])


def dtype(draw: Draw, usual: DType = DType.float32, others: int = 12) -> DType:
    return draw(OTHER_DTYPES) if chance(draw, others) else usual


def shape(draw: Draw, ranks: tuple[int, ...] = (1, 2, 3, 4), sizes: st.SearchStrategy[int] = SIZES) -> tuple[int, ...]:
    rank = draw(st.sampled_from(ranks)) if chance(draw, 93) else draw(st.integers(0, 6))
    return tuple(draw(sizes) for _ in range(rank))


RANKS = {
    "GroupNorm": (2, 3, 4), "group_norm": (2, 3, 4), "LocalResponseNorm": (3, 4, 5), "PixelShuffle": (3, 4),
    "PixelUnshuffle": (3, 4), "pixel_shuffle": (3, 4), "pixel_unshuffle": (3, 4), "ChannelShuffle": (3, 4, 5),
    "channel_shuffle": (3, 4, 5), "Upsample": (3, 4, 4, 5), "interpolate": (3, 4, 4, 5), "UpsamplingNearest2d": (4,),
    "UpsamplingBilinear2d": (4,), "LSTM": (2, 3, 3), "tril": (2, 3), "triu": (2, 3), "t": (0, 1, 2),
    "SyncBatchNorm": (2, 3, 4), "LPPool1d": (2, 3), "LPPool2d": (3, 4), "LPPool3d": (4, 5), "Unfold": (3, 4),
    "unfold": (3, 4), "CrossMapLRN2d": (4,), "FrozenBatchNorm2d": (4,), "DropBlock2d": (4,), "DropBlock3d": (5,),
    "drop_block2d": (4,), "drop_block3d": (5,),
}  # fmt: skip


def ranks(op: OpDef) -> tuple[int, ...]:
    """Those that an op usually takes, by the number in its name."""
    if op.name in RANKS:
        return RANKS[op.name]
    n = next((int(op.name[i]) for i in range(len(op.name) - 1) if op.name[i].isdigit() and op.name[i + 1] == "d"), None)
    if n is None:
        return (1, 2, 3, 4)
    if op.name.startswith("BatchNorm"):
        return (2, 3) if n == 1 else (n + 2,)
    return (n + 1, n + 2, n + 2)


def tensor(draw: Draw, op: OpDef) -> TensorType:
    spatial = op.family in ("convolution", "pooling", "padding", "upsampling")
    return TensorType(shape(draw, ranks(op), SPACE if spatial else SIZES), dtype(draw))


def sizes(type: TensorType) -> tuple[int, ...]:
    """The shape of a tensor whose sizes are all known."""
    known = tuple(s for s in type.shape if isinstance(s, int))
    assert len(known) == type.rank
    return known


def related(draw: Draw, first: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape that mostly broadcasts with `first`."""
    kind = draw(st.integers(0, 5))
    if kind <= 1:
        return first
    if kind == 2:
        return first[draw(st.integers(0, len(first))) :]
    if kind == 3:
        return tuple(1 if draw(st.booleans()) else s for s in first)
    if kind == 4:
        return tuple(draw(SIZES) if chance(draw, 25) else s for s in first)
    return (draw(SIZES), *first)


def equal(draw: Draw, first: tuple[Any, ...]) -> tuple[int, ...]:
    """Mostly the same shape, else one that differs in a size or in rank."""
    if chance(draw, 85):
        return first
    if chance(draw, 60) and first:
        i = draw(st.integers(0, len(first) - 1))
        return (*first[:i], draw(SIZES), *first[i + 1 :])
    return shape(draw)
