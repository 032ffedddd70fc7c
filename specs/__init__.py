"""The specs that ship with nnc: each file of this folder is a family, and its `variants:` are networks of that family.

zoo:resnet      →    resnet.yaml                 zoo:resnet18    →    resnet.yaml#resnet18
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["ZOO", "families", "find", "names", "variants"]

ZOO = "zoo:"
_FOLDER = Path(__file__).parent

# Enough to find a name without parsing every file; a test compares it with what the parser reads.
_SECTION = re.compile(r"^variants:[ \t]*(?:#.*)?\n((?:[ \t].*\n|[ \t]*(?:#.*)?\n)*)", re.MULTILINE)
_NAME = re.compile(r"^  (\w+):(?! *~)", re.MULTILINE)


def families() -> list[str]:
    """The names of the files, in alphabetical order."""
    return sorted(p.stem for p in _FOLDER.glob("*.yaml"))


def variants(family: str) -> list[str]:
    """The variants of one of `families()`, as its file orders them; an empty list where it has none."""
    section = _SECTION.search(_path(family).read_text(encoding="utf-8"))
    return _NAME.findall(section[1]) if section else []


def names() -> list[str]:
    """The names that may follow `zoo:`, in alphabetical order: families and variants."""
    known = families()
    return sorted({*known, *(v for family in known for v in variants(family))})


def find(name: str) -> str:
    """Where `zoo:lenet5` or `lenet5` is: a file's path, with `#` and a variant's name where that is meant. Raises
    KeyError, saying which there are, where none ships under that name."""
    plain = name.removeprefix(ZOO)
    known = families()  # compared, never joined: a name is not a path
    for family in sorted(known, key=lambda f: f != plain):  # its own file first
        if plain in variants(family):
            return f"{_path(family)}#{plain}"
        if plain == family:
            return str(_path(family))
    from nnc.compiler.suggest import closest

    meant = closest(plain, names())
    hint = f"did you mean `{ZOO}{meant}`?" if meant else f"there are {', '.join(known)}, and variants of them"
    raise KeyError(f"no spec called `{ZOO}{plain}` ships with nnc: {hint}")


def _path(family: str) -> Path:
    return _FOLDER / f"{family}.yaml"
