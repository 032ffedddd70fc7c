"""The first stage: a file or a text to its located tree. YAML or JSON, by the name's suffix."""

from __future__ import annotations

import os
from pathlib import Path

from nnc.compiler.collector import collector_paused
from nnc.compiler.diagnostics import Fix, Problems, Source, Span
from nnc.compiler.source.guard import LIMITS, Guard, Limits, Refused, refuse_unprintable
from nnc.compiler.source.tree import Tree

__all__ = ["read_file", "read_text"]

_BOM = "\ufeff"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BYTES_PER_CHARACTER = 4


def read_text(text: str, name: str, problems: Problems, *, limits: Limits = LIMITS) -> Tree | None:
    """The located tree of a text, or None where it has none that is whole; `problems` say what is wrong.

    A tree is given in spite of faults where nothing of it is missing, so that later stages can look at all of it.

    `name` stands in the diagnostics; one that ends in `.json` says that the text is JSON.
    """
    return _read(Source(name, text.removeprefix(_BOM)), problems, limits)


def read_file(
    path: str | os.PathLike[str], problems: Problems, *, limits: Limits = LIMITS, ordinary: bool = False
) -> tuple[Source, Tree] | None:
    """The text of a file and its located tree, or None after reporting why there is none. With `ordinary`, a pipe or a
    device is not waited for: somebody else named the file."""
    name = os.fspath(path)
    if "\n" in name and not os.path.exists(name):  # the text of a spec, where its file was expected
        fix = Fix("give the name of its file, or the data that `yaml.safe_load` makes of the text")
        problems.error("NNC0101", _nowhere("<text>"), "this is the text of a spec, and not the name of a file", fix=fix)
        return None
    try:
        if ordinary and os.path.exists(path) and not os.path.isfile(path):
            raise OSError("it is no ordinary file")
        with Path(path).open("rb") as file:
            data = file.read(limits.characters * _BYTES_PER_CHARACTER + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        problems.error("NNC0101", _nowhere(name), f"cannot read the file: {_reason(error)}", fix=_neighbor(name, error))
        return None
    source = _decode(name, data, problems)
    if source is None:
        return None
    tree = _read(source, problems, limits)
    return None if tree is None else (source, tree)


def _read(source: Source, problems: Problems, limits: Limits) -> Tree | None:
    with collector_paused():
        return _read_whole(source, problems, limits)


def _read_whole(source: Source, problems: Problems, limits: Limits) -> Tree | None:
    try:
        guard = Guard(source, problems, limits)
        refuse_unprintable(source, problems)
        if source.name.endswith(".json"):
            from nnc.compiler.source.json_reader import read_json

            tree = read_json(source, guard, problems)
        else:
            from nnc.compiler.source.yaml_reader import read_yaml

            tree = read_yaml(source, guard, problems)
    except Refused:
        return None
    return tree if guard.whole else None


def _decode(name: str, data: bytes, problems: Problems) -> Source | None:
    try:
        return Source(name, data.decode("utf-8").removeprefix(_BOM))
    except UnicodeDecodeError as error:
        if data.startswith(_UTF16):
            problems.error("NNC0102", _nowhere(name), "the file is in UTF-16", fix=Fix("save it as UTF-8"))
            return None
        source = Source(name, data[: error.start + 1000].decode("utf-8", errors="replace"))
        at = len(data[: error.start].decode("utf-8"))
        problems.error(
            "NNC0102",
            Span(source, at, at + 1),
            f"the file is not UTF-8: the byte 0x{data[error.start]:02x} stands here",
            fix=Fix("save it as UTF-8"),
        )
        return None


def _nowhere(name: str) -> Span:
    return Span(Source(name, ""), 0, 0)


def _reason(error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError():
            return "there is none of this name"
        case IsADirectoryError():
            return "it is a directory"
        case PermissionError():
            return "permission denied"
        case OSError():
            return error.strerror or str(error)
        case _:
            return "its name holds a NUL"


def _neighbor(name: str, error: OSError | ValueError) -> Fix | None:
    """A file beside the missing one whose name is nearly the same."""
    from nnc.compiler.suggest import closest

    if not isinstance(error, FileNotFoundError):
        return None
    path = Path(name)
    try:
        similar = closest(path.name, sorted(os.listdir(path.parent))[:1000])
    except OSError:
        return None
    return Fix(f"did you mean `{path.with_name(similar)}`?") if similar else None
