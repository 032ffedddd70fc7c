"""Arguments to try each op with, as hypothesis draws them: mostly such that torch takes them, now and then not.

`case(op)` draws from each argument's kind; ops whose arguments must fit together have a generator of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from nnc.compiler.ops.kinds import parse_kind
from nnc.compiler.ops.registry import Argument, OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["case"]

Draw = Callable[[st.SearchStrategy[Any]], Any]
Case = dict[str, Any]
Generator = Callable[[Draw, OpDef], Case]


@st.composite
def case(draw: Draw, op: OpDef) -> Case:
    """Arguments by name, each of its argument's kind."""
    drawn = GENERATORS.get(op.name, generic)(draw, op)
    return {k: v for k, v in drawn.items() if v is not MISSING}


# -- drawing by kind ---------------------------------------------------------------------------------------------------

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


# -- drawing tensors ---------------------------------------------------------------------------------------------------

SIZES = st.sampled_from([1, 2, 3, 4, 4, 5, 6, 8])
SPACE = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 9, 12])


def dtype(draw: Draw, usual: DType = DType.float32, others: int = 12) -> DType:
    return draw(OTHER_DTYPES) if chance(draw, others) else usual


def shape(draw: Draw, ranks: tuple[int, ...] = (1, 2, 3, 4), sizes: st.SearchStrategy[int] = SIZES) -> tuple[int, ...]:
    rank = draw(st.sampled_from(ranks)) if chance(draw, 93) else draw(st.integers(0, 6))
    return tuple(draw(sizes) for _ in range(rank))


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


RANKS = {
    "GroupNorm": (2, 3, 4), "group_norm": (2, 3, 4), "LocalResponseNorm": (3, 4, 5), "PixelShuffle": (3, 4),
    "PixelUnshuffle": (3, 4), "pixel_shuffle": (3, 4), "pixel_unshuffle": (3, 4), "ChannelShuffle": (3, 4, 5),
    "channel_shuffle": (3, 4, 5), "Upsample": (3, 4, 4, 5), "interpolate": (3, 4, 4, 5), "UpsamplingNearest2d": (4,),
    "UpsamplingBilinear2d": (4,), "LSTM": (2, 3, 3), "tril": (2, 3), "triu": (2, 3), "t": (0, 1, 2), "SyncBatchNorm": (2, 3, 4),
    "LPPool1d": (2, 3), "LPPool2d": (3, 4), "LPPool3d": (4, 5), "CrossMapLRN2d": (4,), "FrozenBatchNorm2d": (4,),
    "DropBlock2d": (4,), "DropBlock3d": (5,), "drop_block2d": (4,), "drop_block3d": (5,),
}  # fmt: skip


def tensor(draw: Draw, op: OpDef) -> TensorType:
    spatial = op.family in ("convolution", "pooling", "padding", "upsampling")
    return TensorType(shape(draw, ranks(op), SPACE if spatial else SIZES), dtype(draw))


def related(draw: Draw, first: tuple[int, ...]) -> tuple[int, ...]:
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


def equal(draw: Draw, first: tuple[int, ...]) -> tuple[int, ...]:
    """Mostly the same shape, else one that differs in a size or in rank."""
    if chance(draw, 85):
        return first
    if chance(draw, 60) and first:
        i = draw(st.integers(0, len(first) - 1))
        return (*first[:i], draw(SIZES), *first[i + 1 :])
    return shape(draw)


# -- generators --------------------------------------------------------------------------------------------------------


def generic(draw: Draw, op: OpDef) -> Case:
    """Tensors that mostly broadcast with the first, and every other argument by its kind."""
    drawn: Case = {}
    first: TensorType | None = None
    for argument in (*op.inputs, *op.arguments, *op.calls):
        if not argument.kind.tensor:
            drawn[argument.name] = setting(draw, op, argument)
        elif first is None and not chance(draw, 8 if "number" in argument.kind.words else 0):
            first = tensor(draw, op)
            drawn[argument.name] = first
        elif argument.required or chance(draw, 40):
            if "number" in argument.kind.words and chance(draw, 35):
                drawn[argument.name] = draw(st.sampled_from([0, 1, 2, 0.5, True, -1]))
            else:
                other = shape(draw) if first is None else related(draw, first.shape)
                usual = DType.float32 if first is None else first.dtype
                drawn[argument.name] = TensorType(other, dtype(draw, usual, 20))
    return drawn


def no_tensor(draw: Draw, op: OpDef) -> Case:
    drawn = {a.name: setting(draw, op, a) for a in op.arguments if not a.variadic}
    for argument in op.arguments:
        if argument.variadic:
            drawn[argument.name] = draw(
                st.one_of(st.lists(st.integers(0, 4), max_size=3).map(tuple), KINDS["Sizes"].map(lambda v: (v,)))
            )
    return drawn


def integer_input(draw: Draw, op: OpDef) -> Case:
    usual = draw(st.sampled_from([DType.int64, DType.int64, DType.int32]))
    return settings(draw, op) | {
        (op.inputs or op.arguments)[0].name: TensorType(shape(draw, (0, 1, 2, 3)), dtype(draw, usual))
    }


def embedding(draw: Draw, op: OpDef) -> Case:
    given = settings(draw, op) | {"input": TensorType(shape(draw, (0, 1, 2)), dtype(draw, DType.int64))}
    given.pop("max_norm", None)  # renormalizes the table in place at the indices
    return given | ({"weight": TensorType(shape(draw, (2,)), dtype(draw))} if op.form == "function" else {})


def embedding_bag(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, (1, 2)), dtype(draw, DType.int64))
    case = settings(draw, op) | {"input": first}
    case.pop("max_norm", None)
    if (len(first.shape) == 1) != chance(draw, 8):
        case["offsets"] = TensorType(shape(draw, (1,)), dtype(draw, first.dtype))
    if chance(draw, 25):
        case |= {"per_sample_weights": TensorType(equal(draw, first.shape), dtype(draw))}
        case |= {"mode": "sum"} if chance(draw, 80) else {}
    return case


def bilinear(draw: Draw, op: OpDef) -> Case:
    first = shape(draw, (1, 2, 3))
    second = (*equal(draw, first)[:-1], draw(SIZES))
    return settings(draw, op) | {"input1": TensorType(first, dtype(draw)), "input2": TensorType(second, dtype(draw))}


def linear(draw: Draw, op: OpDef) -> Case:
    first, out = shape(draw, (1, 2, 3)), draw(SIZES)
    wide = first[-1] if first and chance(draw, 90) else draw(SIZES)
    weight = (out, wide) if chance(draw, 85) else (wide,)
    case = {"input": TensorType(first, dtype(draw)), "weight": TensorType(weight, dtype(draw))}
    if chance(draw, 50):
        case["bias"] = TensorType(equal(draw, weight[:-1]), dtype(draw))
    return case


def recurrent(draw: Draw, op: OpDef) -> Case:
    cell = op.name.endswith("Cell")
    first = TensorType(shape(draw, (1, 2) if cell else (2, 3, 3)), dtype(draw))
    case = settings(draw, op) | {"input": first}
    hidden = case["hidden_size"] = draw(st.integers(1, 5))
    if not cell and chance(draw, 25) and "proj_size" in {a.name for a in op.arguments}:
        case["proj_size"] = draw(st.integers(0, hidden))
    if not chance(draw, 45):
        return case
    if cell:
        state = (*first.shape[:-1], hidden)
        states = {a.name: state for a in op.inputs[1:]}
    else:
        ways = (2 if case["bidirectional"] is True else 1) * (
            1 if case["num_layers"] is MISSING else case["num_layers"]
        )
        batch = first.shape[0 if case["batch_first"] is True else 1 : None][:1] if first.rank == 3 else ()
        proj = case.get("proj_size", MISSING)
        states = {"h_0": (ways, *batch, hidden if proj in (MISSING, 0) else proj), "c_0": (ways, *batch, hidden)}
    for argument in op.inputs[1:]:
        if chance(draw, 95):
            case[argument.name] = TensorType(equal(draw, states[argument.name]), dtype(draw, others=4))
    return case


HEADS = st.sampled_from([1, 2, 2, 3, 4])
WIDTHS = st.sampled_from([2, 4, 6, 8, 12])


def sequence(draw: Draw, batch_first: bool, length: int, batch: int, width: int, rank: int) -> tuple[int, ...]:
    if rank == 2:
        return length, width
    return (batch, length, width) if batch_first else (length, batch, width)


def mask(draw: Draw, *shape: int) -> Any:
    kind = DType.bool if chance(draw, 60) else dtype(draw)
    return TensorType(equal(draw, shape), kind) if chance(draw, 30) else MISSING


def multihead(draw: Draw, op: OpDef) -> Case:
    case = settings(draw, op, num_heads=draw(HEADS))
    first = case["batch_first"] is True
    rank, batch, (length, source), width = (
        draw(st.sampled_from([2, 3, 3, 3])),
        draw(SIZES),
        (draw(SIZES), draw(SIZES)),
        draw(WIDTHS),
    )
    for name, steps in (("query", length), ("key", source), ("value", source)):
        own = draw(WIDTHS) if name != "query" and chance(draw, 20) else width
        case[name] = TensorType(equal(draw, sequence(draw, first, steps, batch, own, rank)), dtype(draw, others=3))
    heads = case["num_heads"]
    groups = () if rank == 2 else (batch,)
    case["key_padding_mask"] = mask(draw, *groups, source)
    case["attn_mask"] = mask(
        draw, *((heads * (batch if rank == 3 else 1),) if chance(draw, 30) else ()), length, source
    )
    case["is_causal"] = True if chance(draw, 10) else MISSING
    return case


def transformer(draw: Draw, op: OpDef) -> Case:
    case = settings(draw, op, nhead=draw(HEADS), dim_feedforward=draw(st.integers(1, 5)))
    case |= {n: draw(st.integers(1, 2)) for n in ("num_encoder_layers", "num_decoder_layers") if n in case}
    first = case["batch_first"] is True
    rank, batch, (length, source), width = (
        draw(st.sampled_from([2, 3, 3])),
        draw(SIZES),
        (draw(SIZES), draw(SIZES)),
        draw(WIDTHS),
    )
    lengths = {"src": source, "tgt": length, "memory": source}
    names = {a.name for a in op.inputs}
    if "tgt" not in names:
        lengths["src"] = length
    groups = () if rank == 2 else (batch,)
    for name in ("src", "tgt", "memory"):
        if name in names:
            case[name] = TensorType(
                equal(draw, sequence(draw, first, lengths[name], batch, width, rank)), dtype(draw, others=2)
            )
        seen = lengths[name]
        rows = length if name == "memory" else seen
        if f"{name}_mask" in names:
            case[f"{name}_mask"] = mask(draw, rows, seen)
            case[f"{name}_key_padding_mask"] = mask(draw, *groups, seen)
        for hint in (f"{name}_is_causal", "is_causal"):
            if hint in case:
                case[hint] = True if chance(draw, 5) else MISSING
    return case


def sdpa(draw: Draw, op: OpDef) -> Case:
    case = settings(draw, op)
    lead = shape(draw, (0, 1, 2))
    length, source, width = draw(SIZES), draw(SIZES), draw(WIDTHS)
    case["query"] = TensorType((*lead, length, width), dtype(draw, others=4))
    grouped = case.get("enable_gqa") is True
    keys = (*lead[:-1], draw(SIZES)) if grouped and lead else lead
    for name, wide in (("key", width), ("value", draw(WIDTHS))):
        case[name] = TensorType(equal(draw, (*keys, source, wide)), dtype(draw, others=3))
    case["attn_mask"] = mask(draw, *related(draw, lead), length, source)
    return case


def normalized(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw), dtype(draw))
    case = settings(draw, op) | {(op.inputs or op.arguments)[0].name: first}
    k = draw(st.integers(1, 3))
    tail = equal(draw, first.shape[-k:]) if chance(draw, 90) else ()
    if op.form == "module":
        kind = draw(st.integers(0, 2))
        case["normalized_shape"] = MISSING if kind == 0 else tail if kind == 1 else (first.shape or (1,))[-1]
        return case
    case["normalized_shape"] = tail
    for name in ("weight", "bias"):
        if chance(draw, 40) and op.argument(name):
            case[name] = TensorType(equal(draw, tail), dtype(draw, others=4))
    return case


def group_norm(draw: Draw, op: OpDef) -> Case:
    case = settings(draw, op) | {"input": tensor(draw, op)}
    channels = case["input"].shape[1:2] or (1,)
    return case | {
        n: TensorType(equal(draw, channels), dtype(draw, others=4)) for n in ("weight", "bias") if chance(draw, 40)
    }


def prelu(draw: Draw, op: OpDef) -> Case:
    first = tensor(draw, op)
    slopes = draw(st.sampled_from([1, *first.shape[1:2]]))
    if op.form == "module":
        return {"input": first} | ({"num_parameters": slopes} if chance(draw, 60) else {})
    return {
        "input": first,
        "weight": TensorType(equal(draw, (slopes,) if chance(draw, 80) else ()), dtype(draw, others=4)),
    }


def padding(draw: Draw, op: OpDef) -> Case:
    n = {"1d": 1, "2d": 2, "3d": 3}.get(op.name[-2:]) or draw(st.integers(0, 3))
    amounts = st.sampled_from([0, 0, 1, 1, 2, 3, -1])
    pads: Any = tuple(draw(amounts) for _ in range(2 * n + (0 if chance(draw, 96) else 1)))
    if op.form == "module" and chance(draw, 40):
        pads = draw(amounts)
    first = TensorType(shape(draw, (n + 1, n + 2), SPACE), dtype(draw, others=5))
    return settings(draw, op) | {"input": first, "padding" if op.form == "module" else "pad": pads}


def matrices(draw: Draw, op: OpDef) -> Case:
    names = [a.name for a in op.arguments if a.kind.tensor]
    exact = {"mm": 0, "addmm": 0, "bmm": 1, "baddbmm": 1}.get(op.name)
    lead = shape(draw, (exact,) if exact is not None else (0, 1, 2))
    n, k, m = draw(SIZES), draw(SIZES), draw(SIZES)
    left: tuple[int, ...] = (*lead, n, k)
    right: tuple[int, ...] = (*(related(draw, lead) if exact is None else equal(draw, lead)), k, m)
    if op.name in ("matmul", "dot", "outer"):
        left = (k,) if chance(draw, 30 if op.name == "matmul" else 90) else left
        right = (
            (k if op.name == "dot" else draw(SIZES) if op.name == "outer" else k,)
            if chance(draw, 30 if op.name == "matmul" else 90)
            else right
        )
    if chance(draw, 10):
        right = shape(draw)
    case: Case = {
        names[-2]: TensorType(left, dtype(draw, others=4)),
        names[-1]: TensorType(right, dtype(draw, others=4)),
    }
    if len(names) == 3:
        case[names[0]] = TensorType(equal(draw, related(draw, (*lead, n, m))), dtype(draw, others=4))
    return case


EQUATIONS = [
    "ij,jk->ik", "bhid,bhjd->bhij", "bij,bjk", "ii->i", "ii", "i,j->ij", "ij->ji", "...ij,...jk->...ik", "ij,j->i", "ijk->",
    "bhnd,bhmd->bhnm", "b...->b", "ij,kl", "i,i,i->i", "ij,jk,kl->il", "a...b,b...->a...", "ij,ij->ij", "Ab,bA->A",
    "ij,jk->iz", "ij->ii", "i->...i", "bhi d,dk->bhik", "i.j", "ij,ij->", "...,...", "->", "ij,ik->jk", "bn,anm,bm->ba",
]  # fmt: skip


def einsum(draw: Draw, op: OpDef) -> Case:
    equation = draw(st.sampled_from(EQUATIONS))
    sizes = {letter: draw(SIZES) for letter in "abcdefghijklmnopqrstuvwxyzA"}
    hidden = shape(draw, (0, 1, 2))
    tensors = []
    for term in equation.split("->")[0].replace(" ", "").split(","):
        before, dots, after = term.partition("...")
        wanted = (
            *(sizes.get(ch, 1) for ch in before),
            *(related(draw, hidden) if dots else ()),
            *(sizes.get(ch, 1) for ch in after),
        )
        tensors.append(TensorType(equal(draw, wanted) if chance(draw, 40) else wanted, dtype(draw, others=2)))
    return {"equation": equation, "operands": tuple(tensors)}


def joined(draw: Draw, op: OpDef) -> Case:
    first = shape(draw)
    tensors = [TensorType(first, dtype(draw))]
    dim = draw(st.integers(-len(first) - 1, len(first)))
    for _ in range(draw(st.integers(0, 3))):
        other = list(equal(draw, first))
        if op.name == "cat" and -len(other) <= dim < len(other) and chance(draw, 60):
            other[dim] = draw(SIZES)
        tensors.append(TensorType((0,) if chance(draw, 3) else tuple(other), dtype(draw)))
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
    first, (sizes, *_) = case["input"], (*case[op.arguments[1].name], None)
    flat = case[op.arguments[1].name]
    parts = sizes if isinstance(sizes, tuple) else tuple(flat)
    lead, tail = shape(draw, (0, 1)), shape(draw, (0, 1))
    name = "unflattened_size" if op.form == "module" else "sizes"
    dim = len(lead) if chance(draw, 90) else draw(DIMS)
    return {"input": TensorType((*lead, first.numel, *tail)), "dim": dim, name: parts}


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
    places = tuple(draw(st.integers(1, max(s, 1))) if chance(draw, 90) else draw(SIZES) for s in first.shape)
    if op.name == "take_along_dim":
        places = tuple(draw(st.sampled_from([1, s])) for s in first.shape)
        name = "indices"
    else:
        name = "index"
    case: Case = {"input": first, name: TensorType(equal(draw, places), dtype(draw, DType.int64))}
    return case | ({"dim": dim} if op.name == "gather" or chance(draw, 80) else {})


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


def one_hot(draw: Draw, op: OpDef) -> Case:
    usual = TensorType(shape(draw, (0, 1, 2)), dtype(draw, DType.int64))
    return {"tensor": usual, "num_classes": draw(st.integers(-1, 4).filter(lambda n: n != -1))}


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


def interpolate(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, ranks(op), SPACE), dtype(draw, others=5))
    case = settings(draw, op, size=MISSING, scale_factor=MISSING)
    space = max(first.rank - 2, 0)
    if first.rank >= 3 and "mode" in case and chance(draw, 70):
        smooth = {3: "linear", 4: draw(st.sampled_from(["bilinear", "bicubic"])), 5: "trilinear"}.get(
            first.rank, "area"
        )
        case["mode"] = draw(st.sampled_from(["nearest", smooth, "area", "nearest-exact"]))
    many = space if chance(draw, 90) else draw(st.integers(1, 3))
    if chance(draw, 50):
        sizes = tuple(draw(st.integers(1, 9)) for _ in range(many))
        case["size"] = sizes if chance(draw, 60) else draw(st.integers(1, 9))
    if case["size"] is MISSING or chance(draw, 5):
        factor = st.sampled_from([0.5, 2, 2.0, 1.5, 0.3, 1 / 3, 0.25])
        case["scale_factor"] = tuple(draw(factor) for _ in range(many)) if chance(draw, 40) else draw(factor)
    if "align_corners" in case and chance(draw, 70):
        case["align_corners"] = MISSING
    return case | {"input": first}


def repeated_dtype(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw), dtype(draw))
    return (
        {
            a.name: TensorType(related(draw, first.shape), dtype(draw, first.dtype, 5))
            for a in op.arguments
            if a.kind.tensor
        }
        | {a.name: setting(draw, op, a) for a in op.arguments if not a.kind.tensor}
        | {op.arguments[0].name: first}
    )


def cdist(draw: Draw, op: OpDef) -> Case:
    lead, m = shape(draw, (0, 1)), draw(SIZES)
    left, right = (*lead, draw(SIZES), m), (*related(draw, lead), draw(SIZES), m if chance(draw, 90) else draw(SIZES))
    return settings(draw, op) | {
        "x1": TensorType(left, dtype(draw, others=5)),
        "x2": TensorType(right, dtype(draw, others=5)),
    }


GENERATORS: dict[str, Generator] = {
    "Embedding": embedding, "embedding": embedding, "EmbeddingBag": embedding_bag, "one_hot": one_hot, "Bilinear": bilinear,
    "linear": linear, "RNN": recurrent, "LSTM": recurrent, "GRU": recurrent, "RNNCell": recurrent, "LSTMCell": recurrent,
    "GRUCell": recurrent, "MultiheadAttention": multihead, "TransformerEncoderLayer": transformer,
    "TransformerDecoderLayer": transformer, "Transformer": transformer, "scaled_dot_product_attention": sdpa,
    "LayerNorm": normalized, "RMSNorm": normalized, "layer_norm": normalized, "rms_norm": normalized, "group_norm": group_norm,
    "PReLU": prelu, "prelu": prelu, "pad": padding, "matmul": matrices, "mm": matrices, "bmm": matrices, "addmm": matrices,
    "baddbmm": matrices, "dot": matrices, "outer": matrices, "einsum": einsum, "cat": joined, "stack": joined, "chunk": split,
    "split": split, "tensor_split": split, "unbind": unbind, "reshape": reshape, "view": reshape, "Unflatten": unflatten,
    "unflatten": unflatten, "permute": permute, "Permute": permute, "flip": permute, "roll": roll, "movedim": movedim,
    "expand": expand, "expand_as": expand, "repeat": repeat, "tile": repeat, "repeat_interleave": repeat_interleave,
    "getitem": getitem, "gather": gathered, "index_select": gathered, "take_along_dim": gathered, "narrow": narrow,
    "select": narrow, "where": masked, "masked_fill": masked, "topk": topk, "max": extreme, "min": extreme, "median": extreme,
    "arange": arange, "Upsample": interpolate, "interpolate": interpolate, "UpsamplingNearest2d": interpolate,
    "UpsamplingBilinear2d": interpolate, "lerp": repeated_dtype, "cdist": cdist,
    **dict.fromkeys(("zeros", "ones", "empty", "rand", "randn", "full", "eye", "linspace", "tensor"), no_tensor),
    **dict.fromkeys(
        [f"{kind}Pad{n}d" for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular") for n in (1, 2, 3)], padding
    ),
}  # fmt: skip
