"""Multiply-adds are those that torch counts: half of what FlopCounterMode calls floating-point operations."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from nnc.compiler.ops.apply import apply
from nnc.compiler.ops.call import Refusal
from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops.cases import case
from tests.ops.oracle import call_function, construct, forward

NIGHTLY = settings.get_current_profile_name() == "nightly"

COUNTED = [
    "Linear", "linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "RNN",
    "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell", "MultiheadAttention", "TransformerEncoderLayer",
    "TransformerDecoderLayer", "scaled_dot_product_attention", "mm", "bmm", "addmm", "baddbmm", "einsum", "matmul",
    "linalg.multi_dot", "GroupNorm", "MaxPool2d", "ReLU", "add", "softmax", "Embedding",
]  # fmt: skip

# What torch.utils.flop_counter does not know, and we count: products with a vector.
WITH_VECTORS = "products with a vector (aten::mv, aten::dot) are not counted by torch, and are here"


def counted_by_torch(op: OpDef, arguments: dict[str, Any]) -> int:
    """On meta tensors, in training: fused kernels for inference are not counted by torch. Packed sequences count as
    padded ones: what their lengths save is known when the network runs."""
    arguments = {k: v for k, v in arguments.items() if k not in ("lengths", "enforce_sorted")}
    with warnings.catch_warnings(), torch.device("meta"), FlopCounterMode(display=False) as counter:
        warnings.simplefilter("ignore")
        if op.form == "module":
            forward(construct(op, arguments).train(), op, arguments)
        else:
            call_function(op, arguments)
    return int(counter.get_total_flops()) // 2


def sums_nothing(op: OpDef, arguments: dict[str, Any]) -> bool:
    """Where a summed size is 1, torch's einsum multiplies element by element, which it does not count."""
    return op.name == "einsum" and any(1 in t.shape for t in arguments["operands"])


def uses_vectors(op: OpDef, arguments: dict[str, Any]) -> bool:
    tensors = [v for v in arguments.values() if isinstance(v, TensorType)]
    return op.name in ("matmul", "linear") and any(t.rank == 1 for t in tensors)


@pytest.mark.parametrize("name", COUNTED)
def test_counts_what_torch_counts(name: str) -> None:
    op = CATALOGUE[name]

    @settings(
        max_examples=300 if NIGHTLY else 20 if op.form == "module" else 8,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        arguments = data.draw(case(op))
        try:
            cost = apply(op, arguments).call.cost
        except Refusal:
            assume(False)
        if uses_vectors(op, arguments) or sums_nothing(op, arguments):
            return
        assert cost == counted_by_torch(op, arguments), f"{name}({arguments})"

    check()


@pytest.mark.parametrize("name", ["conv1d", "conv_transpose1d"])
def test_a_complex_convolution_is_three(name: str) -> None:
    """What torch dispatches; a complex product of matrices it counts as one."""
    arguments = {"input": TensorType((2, 3, 9), DType.complex64), "weight": TensorType((3, 3, 2), DType.complex64)}
    cost = apply(CATALOGUE[name], arguments).call.cost
    assert cost == counted_by_torch(CATALOGUE[name], arguments)
    real = {k: t.with_dtype(DType.float32) for k, t in arguments.items()}
    assert cost == 3 * apply(CATALOGUE[name], real).call.cost


def test_products_with_vectors_are_counted() -> None:
    vector, matrix = TensorType((5,)), TensorType((5, 3))
    arguments = {"input": vector, "other": matrix}
    assert apply(CATALOGUE["matmul"], arguments).call.cost == 15
    assert counted_by_torch(CATALOGUE["matmul"], arguments) in (0, 15), WITH_VECTORS
