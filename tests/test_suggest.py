"""Did you mean: every misspelling by one edit finds the word, and what is no misspelling finds nothing."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.suggest import closest, distance

WORDS = [
    "AdaptiveAvgPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Bilinear", "Conv1d", "Conv2d",
    "ConvTranspose2d", "Dropout", "Embedding", "Flatten", "GELU", "GRU", "GroupNorm", "Hardswish", "Identity",
    "LSTM", "LayerNorm", "Linear", "MaxPool2d", "MultiheadAttention", "PReLU", "RMSNorm", "RNN", "ReLU", "SiLU",
    "Sigmoid", "Softmax", "Tanh", "TransformerEncoderLayer", "bias", "dilation", "groups", "in_features",
    "kernel_size", "out_channels", "padding", "padding_mode", "stride",
]  # fmt: skip


def edits(word: str) -> set[str]:
    """Every word at one edit: a letter less, more, other, two neighbors swapped, other case."""
    letters = "aexZ_1"
    splits = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    return {
        *(a + b[1:] for a, b in splits if b),
        *(a + c + b for a, b in splits for c in letters),
        *(a + c + b[1:] for a, b in splits for c in letters if b),
        *(a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1),
        word.lower(),
        word.upper(),
        word.swapcase(),
    } - {word}


@pytest.mark.parametrize("word", WORDS)
def test_every_single_edit_finds_the_word(word: str) -> None:
    for misspelled in edits(word) - set(WORDS):
        assert closest(misspelled, [word]) == word
        found = closest(misspelled, WORDS)
        assert found is not None
        assert distance(misspelled.casefold().replace("_", ""), found.casefold().replace("_", ""), 9) <= 1


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("bais", "bias"),
        ("Conv2D", "Conv2d"),
        ("conv2d", "Conv2d"),
        ("batch_norm2d", "BatchNorm2d"),
        ("Relu", "ReLU"),
        ("paddding", "padding"),
        ("kernelsize", "kernel_size"),
        ("MultiHeadAttention", "MultiheadAttention"),
        ("MaxPol2d", "MaxPool2d"),
        ("AdaptivAvgPol2d", "AdaptiveAvgPool2d"),
        ("TransfomerEncodrLayer", "TransformerEncoderLayer"),
        ("Linaer", "Linear"),
        ("Conv3d", "Conv1d"),  # as near as Conv2d: the first of the two
        ("Attention", None),
        ("weights", None),
        ("x", None),
        ("", None),
        ("größe", None),
    ],
)
def test_closest(written: str, meant: str | None) -> None:
    assert closest(written, WORDS) == meant


def test_ties() -> None:
    assert closest("conv", ["conb", "cond"]) == "conb"
    assert closest("fc2", ["fc1", "fC2"]) == "fC2"
    assert closest("cat", ["bat", "cut"]) == "cut"
    assert closest("a", ["b"]) is None
    assert closest("x", ["x"]) is None
    assert closest("encodre", iter(["decoder", "encoder"])) == "encoder"


TEXTS = st.text(st.sampled_from("abc_B"), max_size=6)


@given(TEXTS, TEXTS)
def test_distance(a: str, b: str) -> None:
    edits_needed = distance(a, b, 20)
    assert edits_needed == distance(b, a, 20)
    assert (edits_needed == 0) == (a == b)
    assert abs(len(a) - len(b)) <= edits_needed <= max(len(a), len(b))
    for limit in range(4):
        assert distance(a, b, limit) == min(edits_needed, limit + 1)


@given(st.text(max_size=10), st.lists(st.text(max_size=10), max_size=5))
def test_any_words(word: str, candidates: list[str]) -> None:
    assert closest(word, candidates) in {None, *candidates} - {word}


def test_speed() -> None:
    candidates = [
        f"{a}{b}{c}Layer{n}d" for a in "ABCDE" for b in string.ascii_lowercase[:10] for c in "xy" for n in range(5)
    ]
    assert len(candidates) == 500
    closest("warm", candidates)
    begun = time.process_time()
    for _ in range(10):
        assert closest("AaxLaye1d", candidates) == "AaxLayer1d"
    assert time.process_time() - begun < 10 * 0.05
    begun = time.process_time()
    closest("x" * 1_000_000, candidates)
    closest("word", ["x" * 10_000] * 1000)
    closest("x" * 10_000 + "y", ["x" * 10_000])
    assert time.process_time() - begun < 0.5
