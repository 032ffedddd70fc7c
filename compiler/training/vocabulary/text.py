"""Transforms of text: what is done to the text itself (trait `text`), and how it is cut into tokens (`tokens` as well).

A field's list ends with one of the latter. Tokens become numbers by a vocabulary of the training data: `<pad>` is 0 and
`<unk>` 1, then come `<bos>` and `<eos>` where they are asked for, then the tokens, the most frequent first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from nnc.compiler.training.vocabulary.kinds import Positive
from nnc.compiler.training.vocabulary.registry import CallDef, declare, refuse

__all__ = ["TEXT"]


def text(*traits: str) -> Callable[[Callable[..., None]], CallDef]:
    return declare("transform", omitted={}, traits=("text", *traits))


# -- text to text ------------------------------------------------------------------------------------------------------


@text()
def Lowercase() -> None:
    """Small letters for capital ones."""


@text()
def Strip() -> None:
    """Without white space at both ends."""


@text()
def Unicode(form: Literal["NFC", "NFD", "NFKC", "NFKD"] = "NFKC", *, ascii: bool = False) -> None:
    """One spelling for what looks the same, as unicodedata.normalize has it. With ascii, letters lose their accents and
    what is no ASCII then is left out: `Ślusàrski` becomes `Slusarski`."""


# -- text to numbers ---------------------------------------------------------------------------------------------------


@text("tokens")
def Characters(
    alphabet: str | None = None,
    *,
    min_frequency: Positive = 1,
    max_size: Positive | None = None,
    max_length: Positive | None = None,
    bos: bool = False,
    eos: bool = False,
    unk: bool = True,
    pad: bool = True,
) -> None:
    """One token for each character: of `alphabet`, or of the training data. `min_frequency` leaves out what is rare,
    `max_size` is the most entries of the vocabulary, special tokens included; what is left out becomes `<unk>`. `bos` and
    `eos` put `<bos>` before and `<eos>` after each text, `max_length` cuts it to so many tokens, these included."""
    if alphabet is not None and (min_frequency != 1 or max_size is not None):
        refuse("an alphabet is given as a whole, and no data are counted", "alphabet")
    if alphabet is not None and len(set(alphabet)) != len(alphabet):
        refuse("a character stands twice in the alphabet", "alphabet")
    _sizes(max_size, max_length, bos, eos, unk, pad)


@text("tokens")
def Words(
    *,
    min_frequency: Positive = 1,
    max_size: Positive | None = None,
    max_length: Positive | None = None,
    bos: bool = False,
    eos: bool = False,
    unk: bool = True,
    pad: bool = True,
) -> None:
    """Words and marks: `Don't stop!` is `Don`, `'`, `t`, `stop`, `!`. Arguments as of Characters."""
    _sizes(max_size, max_length, bos, eos, unk, pad)


@text("tokens")
def Whitespace(
    *,
    min_frequency: Positive = 1,
    max_size: Positive | None = None,
    max_length: Positive | None = None,
    bos: bool = False,
    eos: bool = False,
    unk: bool = True,
    pad: bool = True,
) -> None:
    """What stands between white space: `Don't stop!` is `Don't`, `stop!`. Arguments as of Characters."""
    _sizes(max_size, max_length, bos, eos, unk, pad)


@text("tokens")
def Bytes(*, max_length: Positive | None = None, bos: bool = False, eos: bool = False, pad: bool = True) -> None:
    """The bytes of the text in UTF-8: any text, in 256 entries and the special ones before them."""
    _sizes(None, max_length, bos, eos, False, pad)


def _sizes(max_size: int | None, max_length: int | None, bos: bool, eos: bool, unk: bool, pad: bool) -> None:
    special = bos + eos + unk + pad
    if max_size is not None and max_size <= special:
        refuse(f"{special} of the entries are special tokens: no other has a place", "max_size")
    if max_length is not None and max_length <= bos + eos:
        refuse("special tokens alone are as long", "max_length")


TEXT = (Bytes, Characters, Lowercase, Strip, Unicode, Whitespace, Words)
