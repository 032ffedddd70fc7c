"""References to other specs: what `extends: lenet5.yaml` and `type: zoo:resnet50` mean, and what may be read.

    ./blocks.yaml, parts/head.json      relative to the file that names it, and below the first file's folder
    zoo:resnet50                        one that ships with nnc
    ./resnet.yaml#resnet18              one of its variants

A spec is untrusted: it names no file above its own folder, nothing that is no spec, and no more than a bounded number of
files, of bounded size.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from nnc.compiler.diagnostics import Fix, Label, Problems, Source, Span
from nnc.compiler.source import read_file
from nnc.compiler.source.location import split_variant
from nnc.compiler.source.tree import Tree

__all__ = ["MAX_DEPTH", "MAX_FILES", "Files", "Opened", "Place", "Zoo"]

MAX_FILES = 64
MAX_DEPTH = 12
MAX_REFERENCES = 1000  # followed in all, a file that is named twice counted twice
MAX_CHARACTERS = 16_000_000  # of all files together

Zoo = Callable[[str], str]  # `zoo:resnet18` to a path; raises KeyError for an unknown name


@dataclass(frozen=True, slots=True)
class Place:
    """Where a spec stands: relative references start at `folder` and stay below `root`. None: the spec is no file."""

    folder: str | None
    root: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that was read; `variant` is what stands behind `#`."""

    source: Source
    tree: Tree
    variant: str | None


@dataclass
class Files:
    """Reads every file once, within bounds. `chain` is the way from the first file to the one being read."""

    problems: Problems
    zoo: Zoo
    here: Place  # of the file that is being read
    first: str | None  # the first file, where it is one
    read: dict[str, tuple[Source, Tree] | None] = field(default_factory=dict)
    chain: list[tuple[str, Span]] = field(default_factory=list)
    followed: int = 0
    networks: int = 0  # specs that were made layers of others, each counted where it stands

    @property
    def characters(self) -> int:
        return sum(len(found[0].text) for found in self.read.values() if found is not None)

    @contextmanager
    def opened(self, reference: str, span: Span) -> Iterator[Opened | None]:
        """The file that `reference` names, while what it says is being read: until then, references are relative to it.
        None after reporting why there is none."""
        located = self._located(reference, span)
        if located is None or not self._may_go_on(located[0], span):
            yield None
            return
        path, variant, place = located
        found = self._read(path, span)
        if found is None:
            yield None
            return
        outer, self.here = self.here, place
        self.chain.append((os.path.realpath(path), span))
        try:
            yield Opened(*found, variant)
        finally:
            self.chain.pop()
            self.here = outer

    # -- what is meant -------------------------------------------------------------------------------------------------

    def _located(self, reference: str, span: Span) -> tuple[str, str | None, Place] | None:
        if reference.startswith("zoo:"):
            try:
                path, variant = split_variant(self.zoo(reference))
            except KeyError as error:
                said, _, hint = str(error.args[0]).partition(": ")
                meant = re.fullmatch(r"did you mean `(.+)`\?", hint)
                fix = Fix(hint, span, meant[1]) if meant and span.text == reference else None
                notes = (hint,) if hint and fix is None else ()
                self.problems.error("NNC0218", span, said, notes=notes, fix=fix)
                return None
            folder = os.path.dirname(path)
            return path, variant, Place(folder, folder)
        here = self.here
        written, variant = split_variant(reference)
        fault = _fault(written, here)
        if fault is not None or here.folder is None or here.root is None:
            message, note = fault or ("", "")
            self.problems.error("NNC0219", span, message, notes=(note,))
            return None
        path = os.path.normpath(os.path.join(here.folder, written))
        if not _is_below(path, here.root):
            note = "a link leads out of the folder of the first file"
            self.problems.error("NNC0219", span, f"`{reference}` is not read", notes=(note,))
            return None
        return path, variant, Place(os.path.dirname(path) or ".", here.root)

    # -- what is read --------------------------------------------------------------------------------------------------

    def _may_go_on(self, path: str, span: Span) -> bool:
        real = os.path.realpath(path)
        way = [*([self.first] if self.first else []), *(known for known, _ in self.chain)]
        if real in way:
            labels = tuple(Label(s, "and here") for _, s in self.chain[:3])
            names = " → ".join(os.path.basename(p) for p in (*way[way.index(real) :], real))
            self.problems.error("NNC0220", span, f"files that need each other: {names}", labels=labels)
            return False
        self.followed += 1
        if self.followed > MAX_REFERENCES:
            if self.followed == MAX_REFERENCES + 1:
                self.problems.error("NNC0220", span, f"files name each other more than {MAX_REFERENCES} times")
            return False
        if len(self.chain) > MAX_DEPTH:
            self.problems.error("NNC0220", span, f"files name each other more than {MAX_DEPTH} deep")
            return False
        if path not in self.read and (len(self.read) >= MAX_FILES or self.characters > MAX_CHARACTERS):
            self.problems.error("NNC0220", span, f"a spec is made of at most {MAX_FILES} files, of bounded size")
            return False
        return True

    def _read(self, path: str, span: Span) -> tuple[Source, Tree] | None:
        """The file's text and tree. That it cannot be read is said where it is named, what is wrong in it where it is."""
        if path not in self.read:
            problems = Problems()
            self.read[path] = read_file(path, problems, ordinary=True)
            for found in problems:
                if found.code == "NNC0101":
                    fix = None if found.fix is None else Fix(found.fix.title)
                    self.problems.error("NNC0218", span, f"{os.path.basename(path)}: {found.message}", fix=fix)
                else:
                    self.problems.add(found)
        elif self.read[path] is None:
            self.problems.error("NNC0218", span, f"{os.path.basename(path)} has faults, which are reported there")
        return self.read[path]


def _fault(written: str, here: Place) -> tuple[str, str] | None:
    """What keeps a reference from being read: a message and its reason."""
    refused = f"`{written}` is not read"
    if not written.endswith((".yaml", ".yml", ".json")):
        return refused, "a spec is a .yaml or .json file, or one of `zoo:`"
    if "\0" in written or "\\" in written or os.path.isabs(written) or ":" in written:
        return refused, "a reference is a path relative to this file, with / between folders"
    if ".." in posixpath.normpath(written).split("/") or ".." in written.split("/"):
        return refused, "a spec names nothing above its own folder: what it is given to read stays below that"
    if here.folder is None:
        return refused, "a spec that is given as text or data has no folder; `zoo:` names work"
    return None


def _is_below(path: str, root: str) -> bool:
    real, base = os.path.realpath(path), os.path.realpath(root)
    return os.path.commonpath([real, base]) == base
