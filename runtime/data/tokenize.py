"""Texts as numbers: a field's transforms of text and its tokenizer, with the vocabulary of the training data."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from nnc.compiler.training.config import BoundCall
from nnc.runtime.data.ragged import Ragged
from nnc.runtime.data.vocabulary import BOS, EOS, UNK, Vocabulary, specials_of

__all__ = ["Encoder", "encode", "encoder_of"]

WORD = re.compile(r"\w+|[^\w\s]")
UNICODE = 0x110000  # code points
PART = 1 << 22  # characters that are looked up at a time


def encoder_of(calls: Sequence[BoundCall], texts: Iterable[str] | None, known: Vocabulary | None = None) -> Encoder:
    """The encoder of a field: with a `known` vocabulary, or with that of the `texts`. Raises `Failure`."""
    *steps, tokenizer = calls
    bare = Encoder(tuple(steps), tokenizer, Vocabulary(()))
    if known is None:
        assert texts is not None, "a vocabulary is known, or made from texts"
        known = bare.learned(texts)
    return Encoder(tuple(steps), tokenizer, known)


@dataclass(frozen=True)
class Encoder:
    """`steps` make texts of texts, `tokenizer` tokens, `vocabulary` numbers."""

    steps: tuple[BoundCall, ...]
    tokenizer: BoundCall
    vocabulary: Vocabulary

    def clean(self, text: str) -> str:
        """The text after its steps."""
        for step in self.steps:
            text = STEPS[step.name](text, step.arguments)
        return text

    def learned(self, texts: Iterable[str]) -> Vocabulary:
        """The vocabulary that these texts give."""
        if self.tokenizer.name == "Bytes":
            specials = specials_of(self.tokenizer)
            return Vocabulary((*specials, *(f"0x{i:02x}" for i in range(256))), specials)
        alphabet = self.tokenizer.arguments.get("alphabet")
        if alphabet is not None:
            specials = specials_of(self.tokenizer)
            return Vocabulary((*specials, *alphabet), specials)
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(self.tokens(self.clean(text)))
        return Vocabulary.of_counts(counts.items(), self.tokenizer)

    def tokens(self, text: str) -> Iterable[str]:
        match self.tokenizer.name:
            case "Words":
                return WORD.findall(text)
            case "Whitespace":
                return text.split()
        return text

    def encode(self, texts: Sequence[str]) -> tuple[Ragged, dict[int, str]]:
        """All texts as numbers, and why some cannot be had, by their number."""
        faults: dict[int, str] = {}
        parts, lengths = [], np.zeros(len(texts), np.int64)
        for i, text in enumerate(texts):
            try:
                numbers = self.numbers(text)
            except KeyError as error:
                faults[i] = f"{error.args[0]!r} is not in the vocabulary"
                continue
            if not len(numbers):
                faults[i] = "the text has no token"
                continue
            parts.append(numbers)
            lengths[i] = len(numbers)
        values = np.concatenate(parts) if parts else np.zeros(0, np.int32)
        return Ragged.packed(torch.from_numpy(values), torch.from_numpy(lengths)), faults

    def numbers(self, text: str, *, whole: bool = False) -> np.ndarray[Any, Any]:
        """One text (T,) int32; a `whole` is a part of a longer one, without special tokens. Raises KeyError for a token
        that is not there where none stands for it."""
        found = self._looked_up(self.clean(text))
        if whole:
            return found
        known, arguments = self.vocabulary.numbers, self.tokenizer.arguments
        first = [known[BOS]] if arguments.get("bos") else []
        last = [known[EOS]] if arguments.get("eos") else []
        most = arguments.get("max_length")
        if most is not None:
            found = found[: most - len(first) - len(last)]
        return np.concatenate([np.array(first, np.int32), found, np.array(last, np.int32)]) if first or last else found

    def _looked_up(self, text: str) -> np.ndarray[Any, Any]:
        match self.tokenizer.name:
            case "Bytes":
                shift = len(self.vocabulary.specials)
                return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8).astype(np.int32) + shift
            case "Characters":
                return self._characters(text)
        numbers, unknown = self.vocabulary.numbers, self.vocabulary.numbers.get(UNK)
        if unknown is None:
            return np.array([numbers[t] for t in self.tokens(text)], np.int32)
        return np.array([numbers.get(t, unknown) for t in self.tokens(text)], np.int32)

    def _characters(self, text: str) -> np.ndarray[Any, Any]:
        found: np.ndarray[Any, Any] = np.empty(len(text), np.int32)
        for at in range(0, len(text), PART):
            codes = np.frombuffer(text[at : at + PART].encode("utf-32-le", "surrogatepass"), np.uint32)
            found[at : at + PART] = self._table[codes]
        if UNK not in self.vocabulary.numbers and (found < 0).any():
            raise KeyError(text[int(np.argmax(found < 0))])
        return found

    @cached_property
    def _table(self) -> np.ndarray[Any, Any]:
        """By code point, the number of the character."""
        table = np.full(UNICODE, self.vocabulary.numbers.get(UNK, -1), np.int32)
        for i, token in enumerate(self.vocabulary.ordinary, len(self.vocabulary.specials)):
            if len(token) == 1:
                table[ord(token)] = i
        return table


def encode(encoder: Encoder, text: object) -> torch.Tensor:
    """One text (T,) int64. Raises ValueError where it is none, or has no token."""
    if not isinstance(text, str):
        raise ValueError(f"a text is wanted, not {type(text).__name__}")
    try:
        numbers = encoder.numbers(text)
    except KeyError as error:
        raise ValueError(f"{error.args[0]!r} is not in the vocabulary") from None
    if not len(numbers):
        raise ValueError("the text has no token")
    return torch.from_numpy(numbers.astype(np.int64))


def _unicode(text: str, arguments: Mapping[str, Any]) -> str:
    form = arguments.get("form", "NFKC")
    if not arguments.get("ascii"):
        return unicodedata.normalize(form, text)
    return unicodedata.normalize("NFKD", text).translate(STROKES).encode("ascii", "ignore").decode()


# Letters that no normal form takes apart, as they are written without the stroke.
STROKES = str.maketrans("ŁłØøĐđĦħŦŧı", "LlOoDdHhTti")
STEPS: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {
    "Lowercase": lambda text, _: text.lower(),
    "Strip": lambda text, _: text.strip(),
    "Unicode": _unicode,
}
