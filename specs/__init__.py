"""The specs that ship with nnc: `zoo:lenet5` means `lenet5.yaml` in this folder."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ZOO", "find", "names"]

ZOO = "zoo:"
_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The names that may follow `zoo:`, in alphabetical order."""
    return sorted(p.stem for p in _FOLDER.glob("*.yaml"))


def find(name: str) -> Path:
    """The file of `zoo:lenet5` or `lenet5`. Raises KeyError, saying which there are, where none ships under that
    name."""
    plain = name.removeprefix(ZOO)
    known = names()  # compared, never joined: a name is not a path
    if plain not in known:
        from nnc.compiler.suggest import closest

        meant = closest(plain, known)
        hint = f"did you mean `{ZOO}{meant}`?" if meant else f"there are {', '.join(known)}"
        raise KeyError(f"no spec called `{ZOO}{plain}` ships with nnc: {hint}")
    return _FOLDER / f"{plain}.yaml"
