"""dtypes beside shapes: what an expression gives, and what it refuses, is what torch gives and refuses.

Every expression is compiled, run on tensors, and evaluated by Python with torch's own functions.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nnc.compiler.backends.torch.build import build
from nnc.compiler.driver import compile_text
from tests.expectations import compare

INPUTS = """\
nnc: 1
name: n
inputs:
  x: [B, T, 8]
  i: {shape: [B, T], dtype: int64}
  s: {shape: [B, T], dtype: int32}
  u: {shape: [B, T], dtype: uint8}
  m: {shape: [B, T], dtype: bool}
  d: {shape: [B, T, 8], dtype: float64}
  h: {shape: [B, T, 8], dtype: float16}
  p: {shape: [], dtype: float64}
layers:
  out: """
B, T = 3, 5
TENSORS: dict[str, Tensor] = {
    "x": torch.rand(B, T, 8),
    "i": torch.randint(0, 2, (B, T)),
    "s": torch.randint(0, 2, (B, T), dtype=torch.int32),
    "u": torch.randint(0, 2, (B, T), dtype=torch.uint8),
    "m": torch.rand(B, T) > 0.5,
    "d": torch.rand(B, T, 8, dtype=torch.float64),
    "h": torch.rand(B, T, 8, dtype=torch.float16),
    "p": torch.tensor(2.0, dtype=torch.float64),
}

GIVEN = [
    "x > 0.5", "x == 1", "i + 1", "i + 1.5", "i / 2", "i // 2", "i % 2", "i ** 2", "2 ** i", "x ** 2", "m + m", "m * 2",
    "m & i", "m | m", "~m", "~i", "i + s", "s + u", "u + m", "x + d", "h + x", "h + 1.5", "x + p", "i + p", "h * p",
    "x * unsqueeze(m, -1)", "x + unsqueeze(i, -1)", "x - 1", "-i", "abs(i)", "exp(i)", "sqrt(i)", "floor(i)",
    "sum(m, 1)", "sum(i, 1)", "sum(u, 1)", "sum(h, 1)", "cumsum(m, 1)", "prod(s, 1)", "mean(x, 1)", "argmax(x, -1)",
    "softmax(x, -1)", "one_hot(i, 5)", "cat([x, d], 1)", "cat([i, m], 1)", "stack([u, s])", "clamp(i, 0, 1.5)",
    "where(unsqueeze(m, -1), x, d)", "where(m, i, s)", "masked_fill(x, unsqueeze(m, -1), 0)", "logical_and(i, m)",
    "isnan(x)", "eq(i, m)", "maximum(i, s)", "matmul(x, transpose(x, 1, 2))", "count_nonzero(x, 1)",
    "bitwise_xor(i, s)", "true_divide(i, s)", "relu(i)", "round(x)", "sign(m + i)",
]  # fmt: skip

REFUSED = [
    "one_hot(x, 5)", "~x", "x & x", "x | x", "m - m", "-m", "mean(i, 1)", "softmax(i, -1)", "matmul(x, d)",
    "where(x, x, d)", "gather(x, 1, unsqueeze(x, -1))", "i ** -1", "relu(m)", "abs(m)", "x[x]", "one_hot(s, 5)",
    "std(i)", "layer_norm(i, [5])", "gelu(i)", "normalize(i)", "bmm(x, d)",
    "scaled_dot_product_attention(x, d, x)",
]  # fmt: skip


def torchs(expression: str) -> Tensor:
    """What Python and torch make of the same text."""
    words: dict[str, Any] = {**vars(torch), **vars(F), **TENSORS, "cat": torch.cat, "one_hot": F.one_hot}
    words |= {"sum": torch.sum, "abs": torch.abs, "round": torch.round, "maximum": torch.maximum}
    return eval(expression, {"__builtins__": {}}, words)  # type: ignore[no-any-return]  # noqa: S307 - the texts above


@pytest.mark.parametrize("expression", GIVEN)
def test_the_dtype_is_torchs(expression: str) -> None:
    compiled = compile_text(f"{INPUTS}{expression}\n")
    assert compiled.ok, compiled.problems.sorted()
    inferred = compiled.graph.outputs[""].type
    given, wanted = build(compiled.graph)(*TENSORS.values()), torchs(expression)
    assert str(wanted.dtype) == f"torch.{inferred.dtype}"
    assert given.dtype == wanted.dtype
    assert torch.equal(torch.nan_to_num(given), torch.nan_to_num(wanted))


@pytest.mark.parametrize("expression", REFUSED)
def test_what_torch_refuses_is_refused_at_its_line(expression: str) -> None:
    (found,) = compile_text(f"{INPUTS}{expression}\n").problems
    assert found.code in ("NNC0503", "NNC0501")
    assert found.span.line == 13
    with pytest.raises((RuntimeError, TypeError, IndexError)):
        torchs(expression)


LAYERS = """\
nnc: 1
name: n
inputs: {x: [B, T, 8], i: {shape: [B, T], dtype: int64}, d: {shape: [B, 8], dtype: float64}}
layers:
  a: {type: "Embedding(10, 4)", from: x}  # error: [wrong-dtype] "Embedding takes int64 or int32 indices, this is float32"
  b: {type: "Embedding(10, 4)", from: i}
  c: {type: Linear(4), from: i}  # error: [wrong-dtype] "`float(x)` converts x"
  d1: {type: BatchNorm1d, from: d}  # error: [wrong-dtype] "BatchNorm1d's weights are float32, this is float64"
  e: {type: LSTM(4), from: i}  # error: [wrong-dtype] "int64"
  f: {type: "Linear(4)", from: b}
  g: b + f
  j: {type: "EmbeddingBag(10, 4)", from: x}  # error: [wrong-dtype] "float32"
  k: {type: "MultiheadAttention(2)", from: {query: x, key: x, value: i}}  # error: [wrong-dtype] "int64"
outputs: {g: g}
"""


def test_layers_refuse_wrong_dtypes_at_their_line() -> None:
    assert compare(LAYERS, compile_text(LAYERS).problems.sorted()) == []
