"""The tokens of the training data, by number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnc.compiler.training.config import BoundCall
from nnc.runtime.failure import Failure

__all__ = [
    "BOS", "EOS", "PAD", "UNK", "Vocabulary",
    "plain_vocabularies", "read_vocabularies", "same_vocabularies", "specials_of",
]  # fmt: skip

PAD, UNK, BOS, EOS = "<pad>", "<unk>", "<bos>", "<eos>"
MAX_SIZE = 8 << 20  # characters; it is kept in the header of a saved model


def specials_of(call: BoundCall) -> tuple[str, ...]:
    """The special tokens of a tokenizer, in the order of their numbers."""
    unk = call.name != "Bytes"
    wanted = {PAD: ("pad", True), UNK: ("unk", unk), BOS: ("bos", False), EOS: ("eos", False)}
    return tuple(token for token, (name, default) in wanted.items() if call.arguments.get(name, default))


@dataclass(frozen=True)
class Vocabulary:
    """`tokens` by number. The first are special: they stand for no text."""

    tokens: tuple[str, ...]
    specials: tuple[str, ...] = ()
    numbers: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", {token: i for i, token in enumerate(self.tokens)})

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def ordinary(self) -> tuple[str, ...]:
        return self.tokens[len(self.specials) :]

    @classmethod
    def of_counts(cls, counts: Iterable[tuple[str, int]], call: BoundCall) -> Vocabulary:
        """What a tokenizer's arguments make of the counted tokens: the most frequent first, equals in the order of their
        code points. Raises `Failure` where it would be too large to keep."""
        specials, least = specials_of(call), call.arguments.get("min_frequency", 1)
        most = call.arguments.get("max_size")
        kept = sorted(
            ((t, n) for t, n in counts if n >= least and t not in specials), key=lambda pair: (-pair[1], pair[0])
        )
        words = [t for t, _ in kept[: None if most is None else most - len(specials)]]
        if sum(map(len, words)) + 4 * len(words) > MAX_SIZE:
            raise Failure(
                "NNC0826", call.span, f"the vocabulary has {len(words):,} tokens, too many to keep with the model",
                notes=("`max_size=50000` keeps the most frequent ones, `min_frequency=2` leaves out what is rare",),
            )  # fmt: skip
        return cls((*specials, *words), specials)

    def as_plain(self) -> dict[str, Any]:
        """As JSON: the special tokens, and the others."""
        return {"specials": list(self.specials), "tokens": list(self.ordinary)}

    @classmethod
    def of_plain(cls, plain: Any, where: Path) -> Vocabulary:
        """What `as_plain` gave. Raises `Failure` for anything else."""
        try:
            parts: list[Sequence[Any]] = [plain["specials"], plain["tokens"]]
            if all(isinstance(p, list) and all(isinstance(t, str) for t in p) for p in parts):
                return cls((*parts[0], *parts[1]), tuple(parts[0]))
        except (KeyError, TypeError):
            pass
        raise Failure("NNC0904", where, "its vocabulary is damaged")


def plain_vocabularies(vocabularies: Mapping[str, Vocabulary]) -> dict[str, Any]:
    """As JSON, by field."""
    return {field: vocabulary.as_plain() for field, vocabulary in vocabularies.items()}


def read_vocabularies(plain: Any, where: Path) -> dict[str, Vocabulary] | None:
    """What `plain_vocabularies` gave; None where nothing was written. Raises `Failure` for anything else."""
    if not plain:
        return None
    if not isinstance(plain, dict):
        raise Failure("NNC0904", where, "its vocabularies are damaged")
    return {str(field): Vocabulary.of_plain(value, where) for field, value in plain.items()}


def same_vocabularies(begun: Mapping[str, Any], vocabularies: Mapping[str, Vocabulary], where: Path) -> None:
    """Raises `Failure` where the data have other tokens than when the run was begun: numbers would change their meaning."""
    known = read_vocabularies(begun.get("vocabularies"), where) or {}
    for name, vocabulary in vocabularies.items():
        if name in known and known[name] != vocabulary:
            there, here = len(known[name]), len(vocabulary)
            what = f"it had {there} entries, and has {here} now" if there != here else "its tokens are others now"
            raise Failure("NNC0902", where, f"the vocabulary of `{name}` has changed since the run was begun: {what}")
