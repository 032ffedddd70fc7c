"""Checkpoints that several processes write together: read again by any number of them, in the background too, and never half
of one."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from nnc.runtime.parallel import World
from nnc.runtime.report import Reporter
from nnc.runtime.runs import CHECKPOINTS
from nnc.runtime.saving.checkpoint import CheckpointFolder, Damaged
from tests.parallel.helpers import DATA, TRAIN, distance, run, saved, write_images
from tests.parallel.processes import together

TEXT = DATA + TRAIN.replace("SGD(0.05, momentum=0.9)", "Adam(0.01)") + "      checkpoint_every: 3\n"
FSDP = TEXT + "      parallel: {type: fsdp, background_saves: false}\n"
BEHIND = TEXT + "      parallel: {type: fsdp, background_saves: true}\n"
DDP_BEHIND = TEXT + "      parallel: {type: ddp, background_saves: true}\n"
CLOSE = 1e-12
HOW = [pytest.param(FSDP, id="at once", marks=pytest.mark.nightly), pytest.param(BEHIND, id="in the background")]


class Stop(Reporter):
    """Asks this process to stop after some steps, as a signal does."""

    def __init__(self, steps: int, which: signal.Signals = signal.SIGTERM) -> None:
        self.left, self.which = steps, which

    def step(self, done: int, loss: Any) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.which)


def part(world: World, folder: Path, text: str, stop: int, rank: int, resume: bool) -> None:
    """A run that one process stops after some steps; 0 lets it end."""
    world.begin(torch.device("cpu"), 30)
    reporter = Stop(stop) if stop and world.rank == rank else None
    result = run(folder, text, world, resume=resume, reporter=reporter)
    print(result.status, result.step, flush=True)
    world.end()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One process, never interrupted."""
    base = tmp_path_factory.mktemp("plain")
    write_images(base / "train.npz")
    run(base / "run", TEXT)
    return base / "run"


@pytest.mark.parametrize("text", HOW)
def test_four_then_two_then_one(tmp_path: Path, plain: Path, text: str) -> None:
    write_images(tmp_path / "train.npz")
    folder = tmp_path / "run"
    said = together(4, tmp_path / "four", part, folder, text, 5, 2, False)
    steps = {s.split()[1] for s in said}
    assert len(steps) == 1, "all stop at one step, which all have done"
    shards = sorted(p.name for p in (folder / CHECKPOINTS).glob("*/shards/*"))
    assert len(set(shards)) == 4, "each wrote its own part"
    together(2, tmp_path / "two", part, folder, text, 7, 0, True)
    run(folder, text, resume=True)
    assert distance(saved(folder).model, saved(plain).model) < CLOSE
    assert distance(saved(folder).state["optimizer"], saved(plain).state["optimizer"]) < CLOSE
    assert not list((folder / CHECKPOINTS).glob(".tmp-*"))


@pytest.mark.nightly
def test_ddp_in_the_background(tmp_path: Path, plain: Path) -> None:
    write_images(tmp_path / "train.npz")
    folder = tmp_path / "run"
    together(2, tmp_path / "a", part, folder, DDP_BEHIND, 4, 1, False)
    together(2, tmp_path / "b", part, folder, DDP_BEHIND, 0, 0, True)
    assert distance(saved(folder).model, saved(plain).model) < CLOSE


def kill_while_saving(world: World, folder: Path, text: str, rank: int, place: str) -> None:
    """Kills this process where it writes a part of the second checkpoint, or names it."""
    world.begin(torch.device("cpu"), 5)
    if world.rank == rank:
        _kill_at(place, 2)
    run(folder, text, world)


def _kill_at(place: str, time: int) -> None:
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter as Writer

    import nnc.runtime.saving.checkpoint as checkpoint

    home, name = {"write": (Writer, "write_data"), "name": (checkpoint, "name_folder"), "add": (checkpoint, "_write")}[
        place
    ]
    before, count = getattr(home, name), [0]

    def killed(*args: Any, **named: Any) -> Any:
        count[0] += 1
        if count[0] == time:
            os.kill(os.getpid(), signal.SIGKILL)
        return before(*args, **named)

    setattr(home, name, killed)


@pytest.mark.parametrize("place", ["name", *(pytest.param(p, marks=pytest.mark.nightly) for p in ("write", "add"))])
@pytest.mark.parametrize("text", HOW)
def test_killed_while_it_saves(tmp_path: Path, plain: Path, text: str, place: str) -> None:
    write_images(tmp_path / "train.npz")
    folder, rank = tmp_path / "run", 1 if place == "write" else 0
    together(
        2, tmp_path / "killed", kill_while_saving, folder, text, rank, place, expect=(-9, 1) if rank == 0 else (1, -9)
    )
    names = CheckpointFolder(folder / CHECKPOINTS).names()
    assert names == ["000001"], "the second one was not there yet, and is not taken"
    assert saved(folder).state["position"]["step"] == 3
    together(2, tmp_path / "again", part, folder, text, 0, 0, True)
    assert distance(saved(folder).model, saved(plain).model) < CLOSE
    assert not list((folder / CHECKPOINTS).glob(".tmp-*")), "what was left is cleared away"


def cannot_write(world: World, folder: Path, text: str) -> None:
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter as Writer

    world.begin(torch.device("cpu"), 10)
    if world.rank == 1:

        def full(*args: Any, **named: Any) -> Any:
            raise OSError(28, "No space left on device")

        Writer.write_data = full  # type: ignore[method-assign]
    run(folder, text, world)


@pytest.mark.parametrize("text", HOW)
def test_a_part_that_cannot_be_written_is_said(tmp_path: Path, text: str) -> None:
    write_images(tmp_path / "train.npz")
    said = together(2, tmp_path / "said", cannot_write, tmp_path / "run", text, expect=(1, 1))
    assert "NNC0903" in "".join(said)
    assert "No space left on device" in "".join(said)
    assert CheckpointFolder(tmp_path / "run" / CHECKPOINTS).names() == []


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("sharded")
    write_images(base / "train.npz")
    together(2, base / "said", part, base / "run", FSDP, 4, 0, False)
    return base / "run" / CHECKPOINTS


def copy(folder: Path, to: Path) -> tuple[CheckpointFolder, str]:
    import shutil

    shutil.copytree(folder, to)
    found = CheckpointFolder(to)
    return found, found.names()[-1]


@pytest.mark.parametrize("what", ["missing", "changed", "more", "link", "other"])
def test_damaged_shards_are_refused(tmp_path: Path, sharded: Path, what: str) -> None:
    folder, name = copy(sharded, tmp_path / CHECKPOINTS)
    assert folder.load(name).model
    first, second = sorted((folder.path / name / "shards").iterdir())
    if what == "missing":
        first.unlink()
    elif what == "changed":
        data = bytearray(first.read_bytes())
        data[-3] ^= 4
        first.write_bytes(data)
    elif what == "more":
        (first.parent / "shard-00003-model-00001-of-00001.safetensors").write_bytes(first.read_bytes())
    elif what == "link":
        moved = tmp_path / "elsewhere"
        first.rename(moved)
        first.symlink_to(moved)
    else:
        first.write_bytes(second.read_bytes())
    with pytest.raises(Damaged):
        folder.load(name)


def test_parts_that_do_not_make_a_whole_are_refused(tmp_path: Path, sharded: Path) -> None:
    """A manifest that fits a header which asks for 2⁶⁰ numbers."""
    import hashlib
    import json

    folder, name = copy(sharded, tmp_path / CHECKPOINTS)
    path = folder.path / name
    file = sorted((path / "shards").iterdir())[1]
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    info = json.loads(header["__metadata__"]["DCP_SHARDING_INFO"])
    key = next(k for k in info if info[k]["saved_offsets"])
    info[key]["saved_offsets"][0] = 1 << 60
    header["__metadata__"]["DCP_SHARDING_INFO"] = json.dumps(info)
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    manifest = json.loads((path / "manifest.json").read_text())
    new = file.read_bytes()
    manifest["files"][f"shards/{file.name}"] = {"size": len(new), "sha256": hashlib.sha256(new).hexdigest()}
    (path / "manifest.json").write_text(json.dumps(manifest, separators=(",", ":"), ensure_ascii=True))
    with pytest.raises(Damaged, match="do not make a whole"):
        folder.load(name)


def test_nothing_in_it_is_pickled(sharded: Path) -> None:
    files = [p for p in sharded.rglob("*") if p.is_file()]
    assert {p.suffix for p in files} == {".safetensors", ".json"}


def test_one_process_writes_as_ever(tmp_path: Path) -> None:
    write_images(tmp_path / "train.npz")
    run(tmp_path / "run", BEHIND, epochs=1)
    assert not list((tmp_path / "run" / CHECKPOINTS).glob("*/shards"))
