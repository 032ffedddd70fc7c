"""Names in emitted source: classes, parameters, local variables. Any text of a spec becomes a safe identifier here."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable
from functools import lru_cache

from nnc.compiler.schema.names import RESERVED_NAMES

__all__ = ["CONTAINER_ATTRIBUTES", "GLOBALS", "SPOKEN", "Names", "camel_case", "is_generic", "snake_case", "stem"]

GLOBALS = frozenset({"F", "OrderedDict", "Tensor", "fnmatchcase", "math", "nn", "torch", "torchvision"})
"""What emitted source imports, and no class or variable may hide."""

SPOKEN = frozenset({"float", "getattr", "range", "run_packed", "self", "setattr", "super"})
"""What emitted bodies call or mean, and no variable may hide."""

CONTAINER_ATTRIBUTES = RESERVED_NAMES | {"_get_item_by_idx", "append", "extend", "insert", "pop"}
"""Names that `nn.Sequential` refuses for a child."""

_GENERIC = frozenset({"h", "input", "out", "output", "src", "tgt", "x", "y", "z"})


def is_generic(word: str) -> bool:
    """Names that people assign again and again: `x = self.conv1(x)`."""
    return word in _GENERIC


@lru_cache(maxsize=4096)
def snake_case(word: str) -> str:
    """An ASCII identifier for a variable, "" where nothing is left: `block1-0` → `block1_0`, `0` → `x0`."""
    word = re.sub(r"[^0-9A-Za-z_]+", "_", word).strip("_")
    if not word:
        return ""
    if word[0].isdigit():
        word = f"x{word}"
    hides = keyword.iskeyword(word) or word == "self" or (hasattr(builtins, word) and word != "input")
    return f"{word}_" if hides else word  # `input` is what torch itself calls a tensor


def camel_case(*words: str) -> str:
    """A class name, "" where nothing is left: `double_conv` → `DoubleConv`; capitals stay: `ConvBNReLU`."""
    parts = (p for w in words for p in re.split(r"[^0-9A-Za-z]+", w) if p)
    joined = "".join(p[0].upper() + p[1:] for p in parts)
    return f"Net{joined}" if joined[:1].isdigit() else joined


def stem(word: str) -> str:
    """A key without its counter: `layer1` and `layer2` are both `layer`; a list's number is nothing."""
    return word.rstrip("0123456789").rstrip("_-")


class Names:
    """Names of one scope. `claim` gives the first candidate that is free, else the last with a number."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {*GLOBALS, *taken}

    def claim(self, *candidates: str) -> str:
        usable = [c for c in candidates if c and not keyword.iskeyword(c)] or ["value"]
        free = next((c for c in usable if self.is_free(c)), None)
        number = 2
        while free is None:
            numbered = f"{usable[-1]}{'_' if usable[-1][-1].isdigit() else ''}{number}"
            free = numbered if self.is_free(numbered) else None
            number += 1
        self._taken.add(free)
        return free

    def is_free(self, word: str) -> bool:
        """Whether the name is not taken, and hides no builtin."""
        return word not in self._taken and (word == "input" or not hasattr(builtins, word))
