"""The words of a drawing."""

from __future__ import annotations

import pytest

from nnc.compiler.backends import labels
from nnc.compiler.types.dim import size
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.backends.graphs import Building

B, H, W = size("B"), size("H"), size("W")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"), (640, "640"), (999, "999"), (1000, "1K"), (9_408, "9.41K"), (9_999, "10K"), (59_134, "59.1K"),
        (999_499, "999K"), (999_500, "1M"), (25_557_032, "25.6M"), (1_300_000_000, "1.3G"), (5 * 10**12, "5T"),
        (123_456 * 10**12, "123,456T"),
    ],
)  # fmt: skip
def test_a_number_in_three_digits(number: int, text: str) -> None:
    assert labels.count(number) == text


def test_a_shape_without_its_batch() -> None:
    assert labels.shape(TensorType((B, 64, (H + 1) // 2, W + 1)), B) == "64×⌈H/2⌉×(W + 1)"
    assert labels.shape(TensorType((2, B, 128)), B) == "2×B×128"  # the batch is not in front
    assert labels.shape(TensorType((B,)), B) == "B"
    assert labels.shape(TensorType(())) == "scalar"
    assert labels.shape(TensorType((B, size("T")), DType.int64)) == "B×T int64"


def test_layers_in_a_few_words() -> None:
    b = Building()
    x, t = b.input("x", "B", 3, "H", "W"), b.input("t", "B", "T", dtype=DType.int64)
    b.layer("a", "Conv2d", x, out_channels=64, kernel_size=7, stride=2, padding=(3, 2), bias=False)
    b.layer("b", "BatchNorm2d", x)
    b.layer("c", "AdaptiveAvgPool2d", x, output_size=(1, None))
    e = b.layer("d", "Embedding", t, num_embeddings=100, embedding_dim=16)
    b.layer("e", "LSTM", e, hidden_size=8, bidirectional=True, batch_first=True)
    b.layer("f", "Dropout", x, p=0.25)
    b.layer("g", "flatten", x, start_dim=1)
    b.layer("h", "permute", x, dims=(0, 2, 3, 1))
    b.layer("i", "getitem", x, index=(slice(None), -1, slice(2, 8, 2)))
    b.layer("j", "mul", x, 0.5)
    b.layer("k", "sub", 1, x)
    b.layer("l", "reshape", x, shape=(size("B"), 3, -1))
    b.layer("m", "pad", x, [1, 2, 3, 4, 5, 6, 7, 8])
    b.layer("n", "mean", x, dim=(2, 3), keepdim=True)
    words = [labels.described(n, n.target, {}) for n in b.nodes]  # type: ignore[arg-type]  # they are all ops
    assert words == [
        ("Conv2d", "3 → 64, 7×7, stride 2, padding 3×2"),
        ("BatchNorm2d", ""),
        ("AdaptiveAvgPool2d", "1×·"),
        ("Embedding", "100 → 16"),
        ("LSTM", "16 → 8, bidirectional"),
        ("Dropout", "0.25"),
        ("flatten(1)", ""),
        ("permute(0, 2, 3, 1)", ""),
        ("[:, −1, 2:8:2]", ""),
        ("× 0.5", ""),
        ("1 −", ""),
        ("reshape(B, 3, −1)", ""),
        ("pad((1, 2, 3, 4, 5, 6, 7, 8))", ""),
        ("mean((2, 3), keepdim=True)", ""),
    ]
