"""Layers over time: a kernel for each layer and direction, which keeps its gates for every step.

How much that is was measured, in numbers for every step, sample and hidden unit; the result of a layer is kept besides,
since the next one, and the recurrence, read it.
"""

from __future__ import annotations

from collections.abc import Mapping

from nnc.compiler.plan.calls import Call
from nnc.compiler.plan.tape import Tensor

__all__ = ["GATES", "cell", "layers"]

GATES: Mapping[str, Mapping[str, float]] = {
    "cpu": {"RNN": 1, "LSTM": 15.8, "GRU": 7, "RNNCell": 1, "LSTMCell": 6, "GRUCell": 5},
    "cuda": {"RNN": 1, "LSTM": 5, "GRU": 5, "RNNCell": 1, "LSTMCell": 5, "GRUCell": 5},
}
"""A CPU's LSTM is oneDNN's, with a workspace of its own. On a GPU it is cuDNN's, which keeps the gates, the cell's state and
what it makes of both."""


def layers(c: Call) -> list[Tensor]:
    """RNN, LSTM and GRU: each layer reads what the one before gives, and dropout is between them."""
    kind, x = c.step.op, c.input("input")
    low = c.tape.low
    hidden, depth = int(c.setting("hidden_size")), int(c.setting("num_layers", 1))
    directions = 2 if c.setting("bidirectional", False) else 1
    width = int(c.setting("proj_size", 0) or 0) or hidden
    steps = x.numel // x.shape[-1]  # of all sequences
    parameters = [t for t in c.step.operands.values() if isinstance(t, Tensor) and t.parameter]
    if low is not None:
        x = c.tape.cast(x, low)
        parameters = [c.tape.cast(t, low) for t in parameters]
    learns = x.learns or any(p.learns for p in parameters)
    own = len(parameters) // depth
    shape = (*x.shape[:-1], directions * width)
    ends = c.step.results[1:]
    for i in range(depth):
        out = Tensor.new(shape, x.dtype, learns=learns)
        last = i == depth - 1
        finals = [Tensor.new(s, x.dtype, learns=learns) for s, _ in ends] if last else []
        gates = Tensor.new((int(GATES[c.tape.device][kind] * steps * hidden * directions),), x.dtype)
        mine = parameters[i * own : (i + 1) * own]
        c.tape.kernel(kind, [x, *mine], [out, *finals], [x, out, gates], macs=c.step.macs // depth)
        x = out
        if not last:
            x = c.dropout(x, float(c.setting("dropout", 0.0)))
    return [x, *finals]


def cell(c: Call) -> list[Tensor]:
    """One step."""
    inputs = [t for t in c.step.operands.values() if isinstance(t, Tensor)]
    learns = any(t.learns for t in inputs)
    results = [Tensor.new(s, d, learns=learns) for s, d in c.step.results]
    gates = Tensor.new((int(GATES[c.tape.device][c.step.op] * results[0].numel),), results[0].dtype)
    c.tape.kernel(c.step.op, inputs, results, [*(t for t in inputs if not t.parameter), gates], macs=c.step.macs)
    return results
