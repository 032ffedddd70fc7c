"""Recurrent layers over (T, N, input_size), or (N, T, input_size) with `batch_first`, or unbatched (T, input_size); and
their cells, which do one step over (N, input_size) or (input_size).

A layer may be given `lengths` (N), as in `from: {input: embedded, lengths: n}`: the sequences are packed, and padded back
to T steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Inferred, NonNegative, Positive, Probability
from nnc.compiler.ops.registry import OpDef, module
from nnc.compiler.ops.shapes import display
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import Shape, TensorType

__all__ = ["OPS"]

MAX_LAYERS = 10_000
PACKING = ("enforce_sorted",)  # torch's `pack_padded_sequence(…, enforce_sorted)`

Results = Mapping[str, TensorType]


# -- layers ------------------------------------------------------------------------------------------------------------


@module("RNN", family="recurrent", inferred="input_size", results=("output", "h_n"), calls=PACKING)
def rnn(
    c: Call,
    input: TensorType,
    input_size: Inferred,
    hidden_size: Positive,
    num_layers: Positive = 1,
    nonlinearity: Literal["tanh", "relu"] = "tanh",
    bias: bool = True,
    batch_first: bool = False,
    dropout: Probability = 0.0,
    bidirectional: bool = False,
    h_0: TensorType | None = None,
    lengths: TensorType | None = None,
    enforce_sorted: bool = False,
) -> Results:
    """h = tanh(W x + b + V h + d) over time: output (T, N, D·hidden_size), h_n (D·num_layers, N, hidden_size)."""
    _packed(c, input, batch_first, lengths)
    return _layers(c, input, 1, hidden_size, num_layers, bias, batch_first, bidirectional, 0, {"h_0": h_0})


@module("LSTM", family="recurrent", inferred="input_size", results=("output", "h_n", "c_n"), calls=PACKING)
def lstm(
    c: Call,
    input: TensorType,
    input_size: Inferred,
    hidden_size: Positive,
    num_layers: Positive = 1,
    bias: bool = True,
    batch_first: bool = False,
    dropout: Probability = 0.0,
    bidirectional: bool = False,
    proj_size: NonNegative = 0,
    h_0: TensorType | None = None,
    c_0: TensorType | None = None,
    lengths: TensorType | None = None,
    enforce_sorted: bool = False,
) -> Results:
    """Long short-term memory: output (T, N, D·H), h_n (D·num_layers, N, H), c_n (D·num_layers, N, hidden_size), where H
    is proj_size or else hidden_size, and D is 2 if bidirectional."""
    if (h_0 is None) != (c_0 is None):
        c.refuse("h_0 and c_0 are given together or not at all", "h_0" if c_0 is None else "c_0")
    if proj_size >= hidden_size:
        c.refuse(f"proj_size {proj_size} is not below hidden_size {hidden_size}", "proj_size")
    _packed(c, input, batch_first, lengths)
    return _layers(
        c, input, 4, hidden_size, num_layers, bias, batch_first, bidirectional, proj_size, {"h_0": h_0, "c_0": c_0}
    )


@module("GRU", family="recurrent", inferred="input_size", results=("output", "h_n"), calls=PACKING)
def gru(
    c: Call,
    input: TensorType,
    input_size: Inferred,
    hidden_size: Positive,
    num_layers: Positive = 1,
    bias: bool = True,
    batch_first: bool = False,
    dropout: Probability = 0.0,
    bidirectional: bool = False,
    h_0: TensorType | None = None,
    lengths: TensorType | None = None,
    enforce_sorted: bool = False,
) -> Results:
    """Gated recurrent units: output (T, N, D·hidden_size), h_n (D·num_layers, N, hidden_size)."""
    _packed(c, input, batch_first, lengths)
    return _layers(c, input, 3, hidden_size, num_layers, bias, batch_first, bidirectional, 0, {"h_0": h_0})


def _layers(
    c: Call,
    input: TensorType,
    gates: int,
    hidden_size: int,
    num_layers: int,
    bias: bool,
    batch_first: bool,
    bidirectional: bool,
    proj_size: int,
    states: Mapping[str, TensorType | None],
) -> Results:
    c.rank(c.weighted(input), 2, 3)
    features = c.infer("input_size", input.shape[-1])
    if features == 0:
        c.refuse("there are no features to read", "input")
    batched = input.rank == 3
    batch: Shape = (input.shape[0 if batch_first else 1],) if batched else ()
    steps = input.shape[1 if batched and batch_first else 0]
    c.at_least(steps, 1, "the sequence is empty", "input")
    directions, width = (2 if bidirectional else 1), proj_size or hidden_size
    per_step = _weights(c, gates, features, hidden_size, proj_size, num_layers, directions, bias)
    samples: DimLike = steps * batch[0] if batched else steps
    c.macs(samples * per_step)
    shapes = dict.fromkeys(("h_0", "c_0"), (num_layers * directions, *batch, width))
    shapes["c_0"] = (num_layers * directions, *batch, hidden_size)
    for name, state in states.items():
        if state is not None:
            _state(c, name, state, shapes[name])
    results = {"output": input.with_shape(*input.shape[:-1], directions * width)}
    return results | {name[0] + "_n": input.with_shape(*shapes[name]) for name in states}


def _packed(c: Call, input: TensorType, batch_first: bool, lengths: TensorType | None) -> None:
    """`lengths` (N) says how many steps of each sequence count; those behind them are not read, and are 0 in the output.
    The layer's last state is that after the last step that counts."""
    if lengths is None:
        if "enforce_sorted" in c.given:
            c.refuse("enforce_sorted says something about lengths, which are not given", "enforce_sorted")
        return
    if input.rank != 3:
        c.refuse(f"sequences of their own lengths come in a batch, input is {input}", "input", code="NNC0502")
    if lengths.dtype is not DType.int64:
        c.refuse(f"lengths are int64, not {lengths.dtype}", "lengths", code="NNC0503")
    c.rank(lengths, 1, name="lengths")
    batch = input.shape[0 if batch_first else 1]
    c.equal(lengths.shape[0], batch, f"there are {lengths.shape[0]} lengths for {batch} sequences", "lengths")
    c.at_least(batch, 1, "there are no sequences", "input")


def _weights(
    c: Call, gates: int, features: int, hidden: int, proj: int, num_layers: int, directions: int, bias: bool
) -> int:
    """Registers what torch's `RNNBase` does, in its order; returns the multiply-adds of one step of one sample."""
    width, cost = proj or hidden, 0
    for layer in range(c.at_most(num_layers, MAX_LAYERS, "num_layers")):
        for suffix in ("", "_reverse")[:directions]:
            reads = features if layer == 0 else width * directions
            c.parameter(f"weight_ih_l{layer}{suffix}", gates * hidden, reads)
            c.parameter(f"weight_hh_l{layer}{suffix}", gates * hidden, width)
            if bias:
                c.parameter(f"bias_ih_l{layer}{suffix}", gates * hidden)
                c.parameter(f"bias_hh_l{layer}{suffix}", gates * hidden)
            if proj:
                c.parameter(f"weight_hr_l{layer}{suffix}", proj, hidden)
            cost += gates * hidden * (reads + width) + proj * hidden
    return cost


def _state(c: Call, name: str, state: TensorType, shape: Shape) -> None:
    c.weighted(state, name)
    if state.rank != len(shape):
        c.refuse(f"{name} is {state}, not {display(shape)}", name, code="NNC0502")
    for have, want in zip(state.shape, shape, strict=True):
        c.equal(have, want, f"{name} is {state}, not {display(shape)}", name)


# -- cells -------------------------------------------------------------------------------------------------------------


@module("RNNCell", family="recurrent", inferred="input_size")
def rnn_cell(
    c: Call,
    input: TensorType,
    input_size: Inferred,
    hidden_size: Positive,
    bias: bool = True,
    nonlinearity: Literal["tanh", "relu"] = "tanh",
    hx: TensorType | None = None,
) -> TensorType:
    """One step of an RNN: (N, input_size), hx (N, hidden_size) → (N, hidden_size)."""
    return _cell(c, input, 1, hidden_size, bias, {"hx": hx})


@module("LSTMCell", family="recurrent", inferred="input_size", results=("h_1", "c_1"))
def lstm_cell(
    c: Call,
    input: TensorType,
    input_size: Inferred,
    hidden_size: Positive,
    bias: bool = True,
    h_0: TensorType | None = None,
    c_0: TensorType | None = None,
) -> Results:
    """One step of an LSTM: (N, input_size), h_0 and c_0 (N, hidden_size) → h_1 and c_1 (N, hidden_size)."""
    if (h_0 is None) != (c_0 is None):
        c.refuse("h_0 and c_0 are given together or not at all", "h_0" if c_0 is None else "c_0")
    state = _cell(c, input, 4, hidden_size, bias, {"h_0": h_0, "c_0": c_0})
    return {"h_1": state, "c_1": state}


@module("GRUCell", family="recurrent", inferred="input_size")
def gru_cell(
    c: Call,
    input: TensorType,
    input_size: Inferred,
    hidden_size: Positive,
    bias: bool = True,
    hx: TensorType | None = None,
) -> TensorType:
    """One step of a GRU: (N, input_size), hx (N, hidden_size) → (N, hidden_size)."""
    return _cell(c, input, 3, hidden_size, bias, {"hx": hx})


def _cell(
    c: Call, input: TensorType, gates: int, hidden: int, bias: bool, states: Mapping[str, TensorType | None]
) -> TensorType:
    c.rank(c.weighted(input), 1, 2)
    features = c.infer("input_size", input.shape[-1])
    c.parameter("weight_ih", gates * hidden, features)
    c.parameter("weight_hh", gates * hidden, hidden)
    if bias:
        c.parameter("bias_ih", gates * hidden)
        c.parameter("bias_hh", gates * hidden)
    result = input.with_shape(*input.shape[:-1], hidden)
    for name, state in states.items():
        if state is not None:
            _state(c, name, state, result.shape)
    batch = input.shape[0] if input.rank == 2 else 1
    c.macs(batch * (gates * hidden * (features + hidden)))
    return result


OPS: tuple[OpDef, ...] = (rnn, lstm, gru, rnn_cell, lstm_cell, gru_cell)
