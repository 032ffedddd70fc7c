"""Applying a rule: defaults, inferred arguments, the forms of results, bounds."""

from __future__ import annotations

import time

import pytest

from nnc.compiler.ops.apply import apply
from nnc.compiler.ops.call import ParameterSpec, Refusal
from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.types.demands import Relation
from nnc.compiler.types.dim import size, symbols
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

B, T, H, W = size("B"), size("T"), size("H"), size("W")
IMAGE = TensorType((B, 3, H, W))


def test_one_result() -> None:
    applied = apply(CATALOGUE["Conv2d"], {"input": IMAGE, "out_channels": 64, "kernel_size": 7, "stride": 2})
    assert applied.form == "one"
    assert applied.results == (("", TensorType((B, 64, (H - 7) // 2 + 1, (W - 7) // 2 + 1))),)
    assert applied.call.inferred == {"in_channels": 3}
    assert applied.call.parameters == [ParameterSpec("weight", (64, 3, 7, 7)), ParameterSpec("bias", (64,))]
    assert [(d.relation, str(d.left), d.right) for d in applied.call.demands] == [
        (Relation.AT_LEAST, "H", 7), (Relation.AT_LEAST, "W", 7),
    ]  # fmt: skip


def test_named_results() -> None:
    applied = apply(CATALOGUE["LSTM"], {"input": TensorType((T, B, 8)), "hidden_size": 5, "bidirectional": True})
    assert applied.form == "mapping"
    assert applied.results == (
        ("output", TensorType((T, B, 10))), ("h_n", TensorType((2, B, 5))), ("c_n", TensorType((2, B, 5))),
    )  # fmt: skip


def test_results_follow_the_call() -> None:
    sequence = TensorType((T, B, 8))
    whole = {"query": sequence, "key": sequence, "value": sequence, "num_heads": 2}
    assert [n for n, _ in apply(CATALOGUE["MultiheadAttention"], whole).results] == [
        "attn_output",
        "attn_output_weights",
    ]
    brief = apply(CATALOGUE["MultiheadAttention"], whole | {"need_weights": False})
    assert [n for n, _ in brief.results] == ["attn_output"]


def test_numbered_results() -> None:
    applied = apply(CATALOGUE["chunk"], {"input": TensorType((7, B)), "chunks": 3})
    assert applied.form == "sequence"
    assert applied.results == (("0", TensorType((3, B))), ("1", TensorType((3, B))), ("2", TensorType((1, B))))


def test_what_only_training_needs_is_kept_apart() -> None:
    """torch normalizes a batch of one vector with the running statistics, but cannot learn from it."""
    call = apply(CATALOGUE["BatchNorm1d"], {"input": TensorType((B, 5))}).call
    assert call.demands == []
    assert [str(d) for d in call.training_demands] == ["B >= 2"]
    assert apply(CATALOGUE["BatchNorm1d"], {"input": TensorType((8, 5))}).call.training_demands == []
    assert len(apply(CATALOGUE["BatchNorm1d"], {"input": TensorType((1, 5))}).call.training_demands) == 1


def test_variadic_arguments_in_both_spellings() -> None:
    flat = apply(CATALOGUE["reshape"], {"input": IMAGE, "shape": (B, -1)})
    listed = apply(CATALOGUE["reshape"], {"input": IMAGE, "shape": ((B, -1),)})
    assert flat.results == listed.results == (("", TensorType((B, 3 * H * W))),)


@pytest.mark.parametrize(
    ("name", "arguments", "subject", "code"),
    [
        ("Conv2d", {"input": IMAGE, "out_channels": 8, "kernel_size": 3, "groups": 2}, "groups", "NNC0501"),
        ("Conv2d", {"input": TensorType((B, 3)), "out_channels": 8, "kernel_size": 3}, "input", "NNC0502"),
        ("Conv2d", {"input": TensorType((B, 3, 4, 4)), "out_channels": 8, "kernel_size": 9}, "kernel_size", "NNC0504"),
        ("Conv2d", {"input": IMAGE, "out_channels": 8, "kernel_size": 3, "in_channels": 4}, "in_channels", "NNC0506"),
        ("Conv2d", {"input": TensorType((1, 3, 8, 8), DType.int64), "out_channels": 8, "kernel_size": 3}, "input", "NNC0503"),
        ("Linear", {"input": TensorType((B, T)), "out_features": 8}, "in_features", "NNC0505"),
        ("cat", {"tensors": (TensorType((B, 30)), TensorType((B, 31))), "dim": 0}, "tensors", "NNC0504"),
        ("MultiheadAttention", dict.fromkeys(("query", "key", "value"), TensorType((T, B, 8))) | {"num_heads": 3},
         "num_heads", "NNC0501"),
        ("ones", {"size": (2**40, 2**40)}, None, "NNC0501"),
        ("EmbeddingBag", {"input": TensorType((6,), DType.int64), "num_embeddings": 4, "embedding_dim": 2,
                          "offsets": TensorType((1,), DType.int64), "include_last_offset": True}, "offsets", "NNC0504"),
    ],
)  # fmt: skip
def test_refusals_name_the_argument(name: str, arguments: dict[str, object], subject: str | None, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        apply(CATALOGUE[name], arguments)
    assert (caught.value.subject, caught.value.code) == (subject, code)
    assert not caught.value.message.endswith(".")


def test_free_strided_pool_is_not_left_unchanged() -> None:
    """Another tool says that a stride-2 pool leaves a symbolic size as it is."""
    pooled = apply(CATALOGUE["MaxPool2d"], {"input": IMAGE, "kernel_size": 2})
    assert pooled.type == TensorType((B, 3, H // 2, W // 2))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("LSTM", {"input": TensorType((T, B, 8)), "hidden_size": 4, "num_layers": 10**12}),
        ("Transformer", {"src": TensorType((T, B, 8)), "tgt": TensorType((T, B, 8)), "num_encoder_layers": 10**12}),
        ("chunk", {"input": TensorType((10**12,)), "chunks": 10**12}),
        ("split", {"tensor": TensorType((10**12,)), "split_size_or_sections": 1}),
        ("tensor_split", {"input": TensorType((B,)), "indices_or_sections": 10**12}),
        ("unbind", {"input": TensorType((10**12,))}),
        ("arange", {"start": 0, "end": 2**80}),
        ("interpolate", {"input": TensorType((1, 1, 2**62, 4)), "scale_factor": 1e300}),
        ("linspace", {"start": 0, "end": 1, "steps": 2**70}),
        ("repeat", {"input": TensorType((2**40, B)), "repeats": (2**30, 1)}),
    ],
)
def test_large_numbers_are_refused_at_once(name: str, arguments: dict[str, object]) -> None:
    begin = time.perf_counter()
    with pytest.raises(Refusal):
        apply(CATALOGUE[name], arguments)
    assert time.perf_counter() - begin < 1


def test_a_free_size_is_asked_for_by_its_own_name() -> None:
    with pytest.raises(Refusal) as caught:
        apply(CATALOGUE["Linear"], {"input": TensorType((B, 3 * H * W)), "out_features": 8})
    assert {s.name for needed in caught.value.needs for s in symbols(needed)} == {"H", "W"}


def test_is_quick() -> None:
    """A check of 10,000 layers is to take well under a second: at most 100 µs for a layer, on any machine."""
    op, arguments = CATALOGUE["Conv2d"], {"input": TensorType((B, 64, 56, 56)), "out_channels": 64, "kernel_size": 3}
    begin = time.perf_counter()
    for _ in range(1000):
        apply(op, arguments)
    assert time.perf_counter() - begin < 0.1


def test_all_over_a_dim_that_lists_no_dimension_leaves_every_element() -> None:
    for name in ("all", "any"):
        assert apply(CATALOGUE[name], {"input": TensorType((2, 3)), "dim": ()}).type == TensorType((2, 3), DType.bool)
