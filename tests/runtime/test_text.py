"""Texts as numbers: vocabularies, sequences filled up, windows of a stream, and what is said of files that cannot be read."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.nn.utils.rnn import pad_sequence

from nnc.compiler.training.config import BoundCall, PaddingConfig
from nnc.runtime.data.datasets import Columns, open_dataset
from nnc.runtime.data.ragged import Ragged, pad_fields
from nnc.runtime.data.tokenize import Encoder, encode, encoder_of
from nnc.runtime.data.vocabulary import Vocabulary
from nnc.runtime.failure import Failure
from tests.runtime.test_parts import bound


def encoder(name: str, texts: list[str], *steps: BoundCall, **arguments: Any) -> Encoder:
    return encoder_of([*steps, bound("transform", name, **arguments)], texts)


def numbers(made: Encoder, text: str) -> list[int]:
    return [int(i) for i in made.numbers(text)]


def test_characters_by_frequency() -> None:
    made = encoder("Characters", ["abb", "bc"])
    assert made.vocabulary.tokens == ("<pad>", "<unk>", "b", "a", "c")
    assert numbers(made, "cabx") == [4, 3, 2, 1]


def test_special_tokens_and_the_longest() -> None:
    made = encoder("Characters", ["abcd"], bos=True, eos=True, max_length=4)
    assert made.vocabulary.tokens[:4] == ("<pad>", "<unk>", "<bos>", "<eos>")
    assert numbers(made, "abcd") == [2, 4, 5, 3]
    assert numbers(made, "") == [2, 3]


def test_what_is_rare_is_left_out() -> None:
    texts = ["a a a b b c"]
    assert encoder("Whitespace", texts, min_frequency=2).vocabulary.ordinary == ("a", "b")
    assert encoder("Whitespace", texts, max_size=3).vocabulary.ordinary == ("a",)
    without = encoder("Whitespace", texts, unk=False, pad=False)
    assert without.vocabulary.tokens == ("a", "b", "c")
    with pytest.raises(KeyError, match="d"):
        without.numbers("a d")


def test_an_alphabet_needs_no_data() -> None:
    made = encoder("Characters", ["zzz"], alphabet="abc", pad=False)
    assert made.vocabulary.tokens == ("<unk>", "a", "b", "c")
    assert numbers(made, "caz") == [3, 1, 0]


def test_words_and_marks() -> None:
    assert list(encoder("Words", ["x"]).tokens("Don't stop!")) == ["Don", "'", "t", "stop", "!"]
    assert list(encoder("Whitespace", ["x"]).tokens("Don't  stop!\n")) == ["Don't", "stop!"]


@given(st.text(max_size=30))
def test_bytes_take_any_text(text: str) -> None:
    made = encoder("Bytes", [], pad=False)
    assert bytes(numbers(made, text)) == text.encode()
    assert len(made.vocabulary) == 256


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=6))
def test_every_training_text_comes_back(texts: list[str]) -> None:
    made = encoder("Characters", texts)
    ragged, faults = made.encode(texts)
    assert not faults
    for i, text in enumerate(texts):
        assert "".join(made.vocabulary.tokens[n] for n in ragged.sequence(i).tolist()) == text


def test_steps_before_the_tokenizer() -> None:
    steps = [bound("transform", "Strip"), bound("transform", "Lowercase"), bound("transform", "Unicode", ascii=True)]
    made = encoder("Characters", [" Ślusàrski "], *steps)
    assert made.clean(" Ślusàrski ") == "slusarski"
    assert made.clean("Øre") == "ore"


def test_a_text_without_tokens() -> None:
    made = encoder("Whitespace", ["a"])
    _, faults = made.encode(["a", "  "])
    assert faults == {1: "the text has no token"}
    with pytest.raises(ValueError, match="no token"):
        encode(made, " ")
    with pytest.raises(ValueError, match="a text is wanted, not int"):
        encode(made, 3)


def test_a_vocabulary_is_kept_as_json(tmp_path: Path) -> None:
    made = encoder("Words", ["the cat and the dog"]).vocabulary
    assert Vocabulary.of_plain(made.as_plain(), tmp_path) == made
    for broken in ({}, {"specials": [], "tokens": [1]}, None, {"specials": "x", "tokens": []}):
        with pytest.raises(Failure, match="vocabulary is damaged"):
            Vocabulary.of_plain(broken, tmp_path)


def test_a_vocabulary_that_no_model_can_carry() -> None:
    words = [" ".join(f"{'x' * 400}{i}" for i in range(n, n + 5000)) for n in range(0, 25000, 5000)]
    with pytest.raises(Failure, match="too many to keep with the model"):
        encoder("Whitespace", words)


# -- sequences of different lengths ------------------------------------------------------------------------------------

SEQUENCES = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=7), min_size=1, max_size=6)


@given(SEQUENCES, st.integers(-100, 5), st.integers(1, 4))
def test_padded_as_torch_pads(lists: list[list[int]], value: int, multiple: int) -> None:
    ragged = Ragged.of([torch.tensor(x) for x in lists])
    padded, lengths, mask = ragged.padded(value)
    expected = pad_sequence([torch.tensor(x) for x in lists], batch_first=True, padding_value=value)
    assert torch.equal(padded, expected)
    assert lengths.tolist() == [len(x) for x in lists]
    assert torch.equal(mask.sum(1), lengths)
    wider, _, _ = ragged.padded(value, multiple_of=multiple)
    assert wider.shape[1] % multiple == 0
    assert torch.equal(wider[:, : expected.shape[1]], expected)
    assert wider.shape[1] - expected.shape[1] < multiple


@given(SEQUENCES, st.data())
def test_rows_of_a_view(lists: list[list[int]], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(lists) - 1), min_size=1, max_size=5))
    part = Ragged.of([torch.tensor(x) for x in lists])[torch.tensor(rows)]
    assert [part.sequence(i).tolist() for i in range(len(part))] == [lists[r] for r in rows]
    assert part.flat().tolist() == [n for r in rows for n in lists[r]]
    first, second = part.shifted()
    assert [first.sequence(i).tolist() for i in range(len(rows))] == [lists[r][:-1] for r in rows]
    assert [second.sequence(i).tolist() for i in range(len(rows))] == [lists[r][1:] for r in rows]


def test_one_length_for_all() -> None:
    padded, lengths, mask = Ragged.of([torch.arange(5.0), torch.arange(2.0)]).padded(-1, length=3)
    assert padded.tolist() == [[0, 1, 2], [0, 1, -1]]
    assert lengths.tolist() == [3, 2]
    assert mask.tolist() == [[True] * 3, [True, True, False]]
    assert Ragged.of([torch.ones(2, 4), torch.ones(3, 4)]).padded()[0].shape == (2, 3, 4)


def test_the_names_of_what_comes_with_padding() -> None:
    parts = {"source": Ragged.of([torch.arange(2)]), "target": Ragged.of([torch.arange(3)])}
    padding = PaddingConfig(("source", "target"), {"target": -100})
    batch = pad_fields(parts, padding)
    assert set(batch) == {"source", "target", *padding.extras}
    assert batch["lengths"].tolist() == batch["source_lengths"].tolist() == [2]
    assert batch["target_lengths"].tolist() == [3]


# -- files -------------------------------------------------------------------------------------------------------------


def opened(base: Path, name: str, fields: tuple[str, ...] = ("text",), **arguments: Any) -> Columns:
    found = open_dataset(bound("dataset", name, **arguments), fields, base)
    assert isinstance(found, Columns)
    return found


def test_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffone\r\n\r\ntwo\x0bhalf\n".encode())
    with gzip.open(tmp_path / "b.txt.gz", "wt", encoding="utf-8") as stream:
        stream.write("three")
    found = opened(tmp_path, "TextLines", file=("a.txt", "b.txt.gz"))
    assert found.texts["text"] == ["one", "two\x0bhalf", "three"]
    assert found.name(1).endswith("a.txt:3")
    assert len(opened(tmp_path, "TextLines", file="a.txt", keep_empty=True)) == 3


def test_a_folder_of_texts(tmp_path: Path) -> None:
    for folder, name, text in (("neg", "1.txt", "bad"), ("pos", "1.txt", "good"), ("pos", "2.txt", "fine\nindeed")):
        (tmp_path / "films" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "films" / folder / name).write_text(text, encoding="utf-8")
    found = opened(tmp_path, "TextFolder", ("text", "label"), root="films")
    assert found.texts["text"] == ["bad", "good", "fine\nindeed"]
    assert (found.fields["label"].tolist(), found.classes) == ([0, 1, 1], ("neg", "pos"))
    (tmp_path / "names").mkdir()
    (tmp_path / "names" / "Irish.txt").write_text("Byrne\nKelly\n", encoding="utf-8")
    (tmp_path / "names" / "Czech.txt").write_text("Adsit\n", encoding="utf-8")
    by_file = opened(tmp_path, "TextFolder", ("text", "label"), root="names", lines=True)
    assert (by_file.texts["text"], by_file.classes) == (["Adsit", "Byrne", "Kelly"], ("Czech", "Irish"))


@pytest.mark.parametrize(
    ("content", "arguments", "expected"),
    [
        (b"\xff\xfe\n", {}, "line 1 is not in utf-8"),
        (b"good\nb\xe9d\n", {}, "line 2 is not in utf-8"),
        (b"", {}, "has no lines"),
        (b"a", {"encoding": "utf-9"}, "there is no encoding `utf-9`"),
        (b"a", {"file": "none.txt"}, "there is no such file"),
        (b"no gzip", {"file": "t.txt.gz"}, "it cannot be read"),
    ],
)
def test_text_files_with_faults(tmp_path: Path, content: bytes, arguments: dict[str, Any], expected: str) -> None:
    (tmp_path / "t.txt").write_bytes(content)
    (tmp_path / "t.txt.gz").write_bytes(content)
    with pytest.raises(Failure) as caught:
        opened(tmp_path, "TextLines", **{"file": "t.txt", **arguments})
    assert expected in str(caught.value)


# -- streams -----------------------------------------------------------------------------------------------------------


def windows(base: Path, fields: tuple[str, ...] = ("text", "next"), **arguments: Any) -> list[list[list[int]]]:
    found = opened(base, "Tokens", fields, **arguments).windows
    assert found is not None
    return [part.tolist() for part in found.batch()]


@pytest.mark.parametrize("suffix", ["npy", "bin", "safetensors", "npz"])
def test_windows_of_numbers(tmp_path: Path, suffix: str) -> None:
    """The same from every kind of file: the next token of each, and no window across the end."""
    tokens, path = np.arange(11, dtype=np.uint16), tmp_path / f"t.{suffix}"
    match suffix:
        case "npy":
            np.save(path, tokens)
        case "bin":
            tokens.tofile(path)
        case "npz":
            np.savez(path, tokens)
        case _:
            save_file({"tokens": torch.from_numpy(tokens.astype(np.int32)), "x": torch.ones(2)}, path)
    chosen = {"array": "tokens"} if suffix == "safetensors" else {}
    first, following = windows(tmp_path, file=path.name, length=5, **chosen)
    assert first == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert following == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    (overlapping,) = windows(tmp_path, ("text",), file=path.name, length=5, stride=3, **chosen)
    assert [w[0] for w in overlapping] == [0, 3, 6]


def test_windows_of_text(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("abcab\nab", encoding="utf-8")
    found = opened(tmp_path, "Tokens", ("text", "next"), file="t.txt", length=3)
    assert found.windows is not None
    vocabulary = found.windows.vocabulary
    assert vocabulary is not None
    assert vocabulary.tokens == ("<unk>", "a", "b", "\n", "c")
    assert found.windows.batch()[0].tolist() == [[1, 2, 4], [1, 2, 3]]
    by = bound("transform", "Whitespace", eos=True)
    words = opened(tmp_path, "Tokens", ("text",), file="t.txt", length=4, by=by).windows
    assert words is not None
    assert words.vocabulary is not None
    said = [words.vocabulary.tokens[i] for i in words.batch()[0][0].tolist()]
    assert said == ["abcab", "<eos>", "ab", "<eos>"]


def test_a_stream_of_several_files(tmp_path: Path) -> None:
    for i, count in enumerate((4, 5)):
        np.save(tmp_path / f"{i}.npy", np.arange(count) + 10 * i)
    first, following = windows(tmp_path, file=("0.npy", "1.npy"), length=2)
    assert first == [[0, 1], [10, 11], [12, 13]]
    assert following == [[1, 2], [11, 12], [13, 14]]


STREAM_FAULTS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "short": (np.arange(3), {"length": 3}, "3 tokens make no window of 3 and the token after it"),
    "negative": (np.array([1, -2, 3, 4]), {}, "numbers below 0"),
    "fractions": (np.ones(5), {}, "tokens are whole numbers"),
    "a table": (np.ones((3, 4), np.int64), {}, "tokens are one after the other"),
    "objects": (np.array(["a", None], dtype=object), {}, "cannot be read"),
    "a tokenizer": (np.arange(5), {"by": "Words"}, "holds numbers already"),
}


@pytest.mark.parametrize("name", STREAM_FAULTS)
def test_streams_with_faults(tmp_path: Path, name: str) -> None:
    array, arguments, expected = STREAM_FAULTS[name]
    np.save(tmp_path / "t.npy", array, allow_pickle=True)
    if "by" in arguments:
        arguments = {"by": bound("transform", arguments["by"])}
    with pytest.raises(Failure) as caught:
        opened(tmp_path, "Tokens", ("text", "next"), **{"file": "t.npy", "length": 2, **arguments})
    assert expected in str(caught.value)


def test_a_stream_of_absurd_length(tmp_path: Path) -> None:
    """Found by mutating token files (seed 55391)."""
    np.save(tmp_path / "t.npy", np.arange(5))
    content = (tmp_path / "t.npy").read_bytes()
    (tmp_path / "t.npy").write_bytes(content.replace(b"(5,), }" + b" " * 24, b"(" + b"9" * 24 + b",), } "))
    with pytest.raises(Failure, match="cannot be read"):
        opened(tmp_path, "Tokens", ("text", "next"), file="t.npy", length=2)


@pytest.mark.parametrize("content", [b"", b"\x00" * 3, b"\xff" * 20])
@pytest.mark.parametrize("suffix", ["npy", "bin", "safetensors", "npz"])
def test_files_that_hold_no_tokens(tmp_path: Path, suffix: str, content: bytes) -> None:
    (tmp_path / f"t.{suffix}").write_bytes(content)
    if suffix == "bin" and len(content) == 20:
        return  # any 20 bytes are ten tokens
    with pytest.raises(Failure):
        opened(tmp_path, "Tokens", file=f"t.{suffix}", length=2)
