"""Datasets of text and of tokens. `text` have texts for fields, which get a tokenizer under `transforms:`; a `stream` is
one long sequence, cut into windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from nnc.compiler.training.vocabulary.kinds import Files, Positive, Tokenizer
from nnc.compiler.training.vocabulary.registry import CallDef, declare, refuse
from nnc.compiler.training.vocabulary.text import TEXT

__all__ = ["SEQUENCES"]


def dataset(*traits: str) -> Callable[[Callable[..., None]], CallDef]:
    return declare("dataset", omitted={}, traits=traits)


@dataset("text", "lines")
def TextLines(file: Files, *, encoding: str = "utf-8", keep_empty: bool = False) -> None:
    """The lines of a text file, or of several (.gz is unpacked), each a sample; empty ones are left out. With two fields,
    the second is the first moved on by one token, which a language model is to foretell."""


@dataset("text", "folder")
def TextFolder(root: str, *, lines: bool = False, encoding: str = "utf-8") -> None:
    """Text files in one folder per class: `root/pos/1.txt`. With lines, one file per class, each line a sample:
    `root/English.txt`. The classes are numbered in alphabetical order."""


@dataset("stream")
def Tokens(
    file: Files,
    length: Positive,
    *,
    by: Tokenizer | None = None,
    stride: Positive | None = None,
    dtype: Literal["uint8", "uint16", "uint32", "int32", "int64"] = "uint16",
    array: str | None = None,
    encoding: str = "utf-8",
) -> None:
    """One long sequence of tokens in windows of `length`, each `stride` after the one before (by default side by side). The
    second field, where there is one, is the same moved on by one token: what a language model is to foretell. A text file
    is cut into tokens `by` a tokenizer, by default Characters, whose `bos` and `eos` begin and end each line; a .npy, .bin (whole
    numbers of `dtype`), .npz or .safetensors file (`array` names one) holds the numbers of the tokens, and is not read as a
    whole."""
    known = {d.name for d in TEXT if "tokens" in d.traits}
    if by is not None and getattr(by, "name", None) not in known:
        refuse(f"`by` is a tokenizer: {', '.join(sorted(known))}", "by")
    if by is not None and by.arguments.get("max_length") is not None:
        refuse("the windows have a `length`, and the whole has none", "by")


SEQUENCES = (TextFolder, TextLines, Tokens)
