"""Large networks are compiled once: what was made of a long file is kept on disk, as Python keeps `__pycache__`.

    10,000 layers: read, check and write the source 1.5 s  →  read what was written 0.02 s

Only of files that are long and refer to no other file. What is kept belongs to the file's text, the arguments, and the versions
of nnc, torch and Python: where any of them differs, the file is compiled again. It lies in `$NNC_CACHE`, by default
`~/.cache/nnc`, and is believed only where nobody but the user can write; `NNC_CACHE=` (empty) turns it off.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import marshal
import os
import secrets
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

import torch

from nnc.compiler.backends.torch.emit import EmittedSource
from nnc.compiler.diagnostics import Source, Span
from nnc.compiler.driver import Written, refers_to_files  # it knows what a spec is

__all__ = ["Kept", "Shelf", "shelf_of"]

LONG = 1 << 13  # characters of a file that is worth it; shorter ones are compiled in the time of a few constructors
MOST_CHARACTERS = 1 << 26
MOST_KEPT = 32  # files in the folder; the oldest are deleted
DIGEST = 32  # bytes of a sha256
SUFFIX = ".network"


@dataclass(frozen=True, slots=True)
class Kept:
    """What was compiled: the source as text and as Python's code."""

    emitted: EmittedSource
    code: CodeType


@dataclass(frozen=True, slots=True)
class Shelf:
    """The place of one network among those that are kept. `written` is the file as it is now."""

    path: Path
    written: Written

    def take(self) -> Kept | None:
        """What lies there; None where nothing does, or something else than was put there."""
        try:
            data = self.path.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data[DIGEST:]).digest() != data[:DIGEST]:
            return None
        text, class_name, class_names, lines, code = marshal.loads(data[DIGEST:])
        places = _Places(Source(self.written.name, self.written.text), lines)
        return Kept(EmittedSource(text, class_name, class_names, places), code)

    def put(self, emitted: EmittedSource, code: CodeType) -> None:
        """Failing to keep something is no fault: it is compiled again."""
        lines = {line: (span.start, span.end) for line, span in emitted.line_spans.items()}
        content = marshal.dumps((emitted.text, emitted.class_name, emitted.class_names, lines, code))
        folder = self.path.parent
        temporary = folder / f"{secrets.token_hex(8)}.tmp{SUFFIX}"
        with contextlib.suppress(OSError):
            temporary.write_bytes(hashlib.sha256(content).digest() + content)
            os.replace(temporary, self.path)
            _forget_oldest(folder)


def shelf_of(path: str, *, args: Mapping[str, Any], sizes: Mapping[str, int]) -> Shelf | None:
    """Where the network of a file lies or would lie; None for one that is not worth keeping, or may not be kept."""
    from nnc.compiler.source.location import split_variant

    file, variant = split_variant(path)
    try:
        if not LONG <= os.path.getsize(file) <= MOST_CHARACTERS:
            return None
        text = Path(file).read_bytes().decode("utf-8")
        given = json.dumps([variant, dict(args), dict(sizes)], sort_keys=True)
    except (OSError, ValueError, TypeError):  # which the compiler says properly
        return None
    folder = _folder()
    if folder is None or refers_to_files(text):
        return None
    key = hashlib.sha256("\0".join((_made_by(), given, file, text)).encode()).hexdigest()
    return Shelf(folder / f"{key[:32]}{SUFFIX}", Written(file, text, variant))


class _Places(Mapping[int, Span]):
    """Places of a file by lines of the source, made when they are asked for."""

    def __init__(self, source: Source, lines: Mapping[int, tuple[int, int]]) -> None:
        self._source, self._lines = source, lines

    def __getitem__(self, line: int) -> Span:
        return Span(self._source, *self._lines[line])

    def __iter__(self) -> Iterator[int]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


@cache
def _made_by() -> str:
    """Names the compiler: versions, and when its files were changed last."""
    from nnc import __version__

    newest = 0
    for folder, _, files in os.walk(Path(__file__).parents[2]):  # all of the compiler
        if not folder.endswith("__pycache__"):
            newest = max([newest, *(os.stat(f"{folder}/{name}").st_mtime_ns for name in files)])
    return f"{__version__} {newest} {torch.__version__} {sys.implementation.cache_tag} {sys.hexversion}"


def _folder() -> Path | None:
    """The folder, made where it is missing; None where it is turned off, or others could put something into it."""
    chosen = os.environ.get("NNC_CACHE")
    if chosen == "":
        return None
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(chosen or os.path.join(base, "nnc"))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISDIR(found.st_mode):
        return None
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        return None
    return folder


def _forget_oldest(folder: Path) -> None:
    files = sorted(folder.glob(f"*{SUFFIX}"), key=lambda f: f.stat().st_mtime, reverse=True)
    for old in files[MOST_KEPT:]:
        old.unlink(missing_ok=True)
