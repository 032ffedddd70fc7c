"""Checkpoints: numbered folders that appear whole or not at all, each with a manifest of its bytes.

    checkpoints/000007/model.safetensors    weights and buffers by name
                       state.safetensors    tensors of the optimizer, random generators …
                       state.json           everything else, with marks where the tensors belong
                       manifest.json        size and SHA-256 of the others
                       shards/              what several processes wrote together (parallel/saves.py), if they did

No format of weights notices a flipped bit, so loading compares every byte with the manifest, and takes the checkpoint
before where one is damaged. A folder is filled under a temporary name, flushed to the disk, then renamed: a process
killed at any moment leaves the earlier ones as they were.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from nnc.runtime.failure import Failure
from nnc.runtime.saving.files import give_usual_mode, name_folder, new_folder, remove_leftovers, sha256_of, writing
from nnc.runtime.saving.packing import Unpackable, distinct, pack, unpack
from nnc.runtime.saving.shards import SHARD, SHARDS, filled, read_shards

__all__ = ["Checkpoint", "CheckpointFolder", "Contents", "Damaged"]

FORMAT = 1
PARTS = ("model.safetensors", "state.json", "state.safetensors")
MANIFEST = "manifest.json"
KEEP = 2  # the newest, and the one before in case it is damaged; the best one besides
MAX_JSON = 64 << 20


class Damaged(Exception):
    """A checkpoint that is not what was written; the text says how that is known."""


@dataclass(frozen=True)
class Checkpoint:
    """What was saved. `model` has every name of the state_dict, tied ones too; `path` is its folder."""

    path: Path
    model: Mapping[str, torch.Tensor]
    state: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True)
class Contents:
    """What a checkpoint holds beside its shards, as it is written: tensors of the model by name, further names for them, the
    state as plain data with marks, and the tensors that the marks name."""

    tensors: Mapping[str, torch.Tensor]
    aliases: Mapping[str, str]
    state: Any
    others: Mapping[str, torch.Tensor]


class CheckpointFolder:
    """The checkpoints of one run. One process at a time may save."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """The checkpoints there are, the oldest first."""
        if not self.path.is_dir():
            return []
        return sorted(p.name for p in self.path.iterdir() if re.fullmatch(r"\d{6,}", p.name))

    def next_name(self) -> str:
        """What the next checkpoint will be called."""
        names = self.names()
        return f"{int(names[-1]) + 1 if names else 1:06d}"

    def save(self, model: Mapping[str, torch.Tensor], state: Mapping[str, Any], *, keep: str | None = None) -> str:
        """Writes the next checkpoint and removes those no longer needed; `keep` names one that is. Raises `Failure`."""
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.path)
        name = self.next_name()
        contents = self.contents(model, state, name)
        with new_folder(self.path / name) as folder:
            _write(folder, contents)
        self._prune({*self.names()[-KEEP:], *([keep] if keep else [])})
        return name

    def contents(self, model: Mapping[str, torch.Tensor], state: Mapping[str, Any], name: str) -> Contents:
        """What is to be written, on the CPU. Raises `Failure` where it is no plain data and tensors."""
        tensors, aliases = distinct(model)
        try:
            plain, others = pack(dict(state))
        except Unpackable as error:
            raise Failure("NNC0903", self.path / name, f"the state cannot be saved: {error}") from None
        return Contents(tensors, aliases, plain, others)

    def commit(self, contents: Contents, temporary: Path, name: str, *, keep: str | None = None) -> None:
        """Makes a checkpoint of a folder with a temporary name, which may have shards in it already, and removes those no longer
        needed. Raises `Failure`."""
        with writing(self.path / name):
            try:
                temporary.mkdir(exist_ok=True)
                _write(temporary, contents)
                name_folder(temporary, self.path / name)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        self._prune({*self.names()[-KEEP:], *([keep] if keep else [])})

    def _prune(self, needed: set[str]) -> None:
        for name in self.names():
            if name not in needed:
                shutil.rmtree(self.path / name, ignore_errors=True)

    def load(self, name: str) -> Checkpoint:
        """One checkpoint, every byte of it compared with its manifest. Raises `Damaged`."""
        path = self.path / name
        if re.fullmatch(r"\d{6,}", name) is None:
            raise Damaged(f"{path} is no checkpoint's name")
        try:
            verify(path)
            document = _read_json(path / "state.json")
            tensors = load_file(path / "model.safetensors")
            model = tensors | {alias: tensors[stored] for alias, stored in document["aliases"].items()}
            # Copies in memory of their own: sums over tensors mapped from the file, which are aligned otherwise, differ
            # in the last bit.
            others = {name: tensor.clone() for name, tensor in load_file(path / "state.safetensors").items()}
            state = unpack(document["state"], others)
            if (path / SHARDS).is_dir():
                shards = read_shards(path / SHARDS)
                model |= {n.removeprefix("model."): t for n, t in shards.items() if n.startswith("model.")}
                model = {
                    n: model[n] for n in sorted(model, key=lambda n: (-model[n].itemsize, n))
                }  # as safetensors has it
                state = filled(state, shards)
            return Checkpoint(path, model, state)
        except (OSError, KeyError, TypeError, ValueError, AttributeError, Unpackable, RecursionError) as error:
            raise Damaged(f"{path}: {error}") from None
        except Exception as error:
            if type(error).__module__.split(".")[0] != "safetensors":
                raise
            raise Damaged(f"{path}: {error}") from None

    def newest(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest good checkpoint, and what is wrong with newer ones. None where there never was one.
        Raises `Failure` where there are some and none is good."""
        wrong: list[str] = []
        for name in reversed(self.names()):
            try:
                return self.load(name), wrong
            except Damaged as damaged:
                wrong.append(str(damaged))
        if wrong:
            raise Failure("NNC0901", self.path, "no checkpoint is whole", notes=wrong)
        return None, wrong


def verify(path: Path) -> None:
    """Compares a checkpoint's files with its manifest. Raises `Damaged`, OSError or ValueError."""
    if path.is_symlink() or not path.is_dir():
        raise Damaged(f"{path} is no folder")
    manifest = _read_json(path / MANIFEST)
    if not isinstance(manifest, dict) or (path / MANIFEST).read_text(encoding="utf-8") != _dump(manifest):
        raise Damaged(f"{path / MANIFEST} is damaged")
    if manifest.get("format") != FORMAT:
        raise Damaged(f"{path / MANIFEST} has format {manifest.get('format')!r}, this version of nnc reads {FORMAT}")
    files = manifest.get("files")
    listed = sorted(f for f in files if not SHARD.fullmatch(f)) if isinstance(files, dict) else []
    if not isinstance(files, dict) or listed != sorted(PARTS):
        raise Damaged(f"{path / MANIFEST} does not list {', '.join(PARTS)}")
    there = _shards(path)
    if there != sorted(f for f in files if SHARD.fullmatch(f)):
        raise Damaged(f"{path / SHARDS} does not hold what {MANIFEST} lists")
    for part in files:
        file, expected = path / part, files[part]
        if file.is_symlink() or not file.is_file():
            raise Damaged(f"{file} is missing")
        if not isinstance(expected, dict) or file.stat().st_size != expected.get("size"):
            raise Damaged(f"{file} has {file.stat().st_size} bytes, not those that were written")
        if sha256_of(file) != expected.get("sha256"):
            raise Damaged(f"{file} is damaged: its SHA-256 is not the manifest's")


def _write(folder: Path, contents: Contents) -> None:
    """Everything but the shards, which are there; and the manifest of all."""
    save_file(dict(contents.tensors), folder / "model.safetensors", {"format": "pt"})
    save_file(dict(contents.others), folder / "state.safetensors", {"format": "pt"})
    document = {"format": FORMAT, "aliases": contents.aliases, "state": contents.state}
    (folder / "state.json").write_text(_dump(document), encoding="utf-8")
    parts = [*PARTS, *_shards(folder)]
    for part in parts:
        give_usual_mode(folder / part)
    files = {part: {"size": (folder / part).stat().st_size, "sha256": sha256_of(folder / part)} for part in parts}
    (folder / MANIFEST).write_text(_dump({"files": files, "format": FORMAT}), encoding="utf-8")


def _shards(folder: Path) -> list[str]:
    """The files of processes that wrote together, by their paths below the folder."""
    inner = folder / SHARDS
    if inner.is_symlink() or not inner.is_dir():
        return []
    return sorted(f"{SHARDS}/{file.name}" for file in inner.iterdir())


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def _read_json(path: Path) -> Any:
    if path.is_symlink() or path.stat().st_size > MAX_JSON:
        raise Damaged(f"{path} is a link, or too large")
    return json.loads(path.read_text(encoding="utf-8"))
