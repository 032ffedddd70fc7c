"""Cases for recurrent layers, attention and transformers."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops.drawing import (
    MISSING,
    SIZES,
    Case,
    Draw,
    Generator,
    chance,
    dtype,
    equal,
    related,
    settings,
    shape,
)

__all__ = ["GENERATORS"]


def recurrent(draw: Draw, op: OpDef) -> Case:
    cell = op.name.endswith("Cell")
    first = TensorType(shape(draw, (1, 2) if cell else (2, 3, 3)), dtype(draw))
    case = settings(draw, op) | {"input": first}
    hidden = case["hidden_size"] = draw(st.integers(1, 5))
    if not cell and chance(draw, 25) and "proj_size" in {a.name for a in op.arguments}:
        case["proj_size"] = draw(st.integers(0, hidden))
    if not cell:
        case["enforce_sorted"] = MISSING
        if chance(draw, 25):
            sequences = first.shape[:1] if case["batch_first"] is True else first.shape[1:2]
            case["lengths"] = TensorType(equal(draw, sequences), dtype(draw, DType.int64, 5))
            case["enforce_sorted"] = draw(st.sampled_from([MISSING, True, False]))
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
        if argument.name in states and chance(draw, 95):
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
    counts = ("num_encoder_layers", "num_decoder_layers", "num_layers")
    case |= {n: draw(st.integers(1, 2)) for n in counts if n in case}
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
        if f"{name}_key_padding_mask" in names:
            case[f"{name}_key_padding_mask"] = mask(draw, *groups, seen)
        if "mask" in names and name == "src":
            case["mask"] = mask(draw, rows, seen)
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


GENERATORS: dict[str, Generator] = {
    "RNN": recurrent,
    "LSTM": recurrent,
    "GRU": recurrent,
    "RNNCell": recurrent,
    "LSTMCell": recurrent,
    "GRUCell": recurrent,
    "MultiheadAttention": multihead,
    "TransformerEncoderLayer": transformer,
    "TransformerDecoderLayer": transformer,
    "Transformer": transformer,
    "TransformerEncoder": transformer,
    "TransformerDecoder": transformer,
    "scaled_dot_product_attention": sdpa,
}
