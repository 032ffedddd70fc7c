"""Runs whose processes are killed: torch's agent starts them again, and they end where they would have without it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nnc.cli import main
from nnc.runtime.commands import run_training
from nnc.runtime.parallel import World
from nnc.runtime.parallel.again import place
from nnc.runtime.runs import CHECKPOINTS, RUN
from nnc.runtime.saving.checkpoint import CheckpointFolder
from tests.parallel.helpers import distance, write_images
from tests.parallel.processes import together

SPEC = """\
nnc: 1
name: elastic
inputs: {image: [B, 1, 8, 8]}
blocks:
  Block: {layers: {norm: LayerNorm, up: Linear(32), act: relu, down: Linear(16), out: x + down}}
layers: {flat: flatten(1), first: Linear(16), blocks: {repeat: 2, type: Block}, last: Linear(3)}
data: {train: Npz("train.npz"), validation: 12, transforms: {image: [ToImage, 'ToDtype(float32, scale=true)']}}
train:
  loss: CrossEntropyLoss
  optimizer: AdamW(0.003)
  epochs: 2
  batch_size: 6
  checkpoint_every: 12
  device: cpu
  parallel: PARALLEL
"""
LIMIT = 120.0


def command(folder: Path, *more: str, run: str = "run") -> list[str]:
    return [
        sys.executable,
        "-m",
        "nnc",
        "train",
        str(folder / "elastic.yaml"),
        "--run-dir",
        str(folder / run),
        "--quiet",
        *more,
    ]


def write(folder: Path, parallel: str) -> None:
    write_images(folder / "train.npz", 300)
    (folder / "elastic.yaml").write_text(SPEC.replace("PARALLEL", parallel))


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def train_there(world: World, folder: Path) -> None:
    run_training(folder / "elastic.yaml", folder=folder / "run", world=world)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and what it said; whatever it waits for, the test ends."""
    try:
        said, _ = process.communicate(timeout=LIMIT)
    finally:
        process.kill()
    return process.returncode, said


def start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(arguments, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def children(parent: int) -> list[int]:
    """Processes of this machine that `parent` has started, the first one first."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent and fields[0] != "Z":
                found.append(int(entry.name))
    return sorted(found)


def steps(folder: Path) -> Iterator[str]:
    """Names of checkpoints, as they come."""
    known: set[str] = set()
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        for name in CheckpointFolder(folder / CHECKPOINTS).names():
            if name not in known:
                known.add(name)
                yield name
        time.sleep(0.01)
    raise AssertionError(f"no checkpoint came: {known}")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Where a run on two processes is that nothing happened to; one for each way of sharing."""
    known: dict[str, Path] = {}

    def run(parallel: str) -> Path:
        kind = "fsdp" if "fsdp" in parallel else "ddp"
        if kind not in known:
            base = known[kind] = tmp_path_factory.mktemp(kind)
            write(base, kind)
            together(2, base / "said", train_there, base)
        return known[kind] / "run"

    return run


def same(folder: Path, other: Path) -> None:
    one, two = (CheckpointFolder(f / CHECKPOINTS).newest()[0] for f in (folder, other))
    assert one is not None
    assert two is not None
    assert one.state["position"]["step"] == two.state["position"]["step"]
    assert distance(one.model, two.model) == 0.0, "the same bits"
    for part in ("optimizer", "average", "position"):
        assert distance(_timeless(one.state[part]), _timeless(two.state[part])) == 0.0, part
    losses = [
        [json.loads(x)["train"]["loss"] for x in (f / "log.jsonl").read_text().splitlines()] for f in (folder, other)
    ]
    assert losses[0] == losses[1], "every epoch once, on the same data"


def _timeless(state: Any) -> Any:
    """Without seconds, bytes of a log that tells them, and numbers of checkpoints."""
    if not isinstance(state, dict):
        return state
    kept = {k: v for k, v in state.items() if k not in ("elapsed", "epoch_seconds", "log")}
    if kept.get("best"):
        kept["best"] = {k: v for k, v in kept["best"].items() if k != "checkpoint"}  # a stop adds one
    return kept


KINDS = [
    pytest.param("fsdp", 1, (1,), id="fsdp"),
    *(pytest.param("ddp", n, (1, 4), id=f"ddp-{n}", marks=pytest.mark.nightly) for n in range(2)),
    *(
        pytest.param("{type: fsdp, background_saves: true}", n, (n, n + 3), id=f"behind-{n}", marks=pytest.mark.nightly)
        for n in range(4)
    ),
]


@pytest.mark.parametrize(("parallel", "which", "when"), KINDS)
def test_a_killed_rank_is_started_again(
    tmp_path: Path, uninterrupted: Callable[[str], Path], parallel: str, which: int, when: tuple[int, ...]
) -> None:
    write(tmp_path, parallel)
    process = start(command(tmp_path, "--processes", "2", "--max-restarts", "3"))
    for number, _ in enumerate(steps(tmp_path / "run")):
        if number in when:
            workers = children(process.pid)
            assert len(workers) >= 2, workers
            os.kill(workers[(which + number) % 2], signal.SIGKILL)
        if number == when[-1]:
            break
    code, said = finish(process)
    assert code == 0, said
    same(tmp_path / "run", uninterrupted(parallel))


@pytest.mark.nightly
def test_a_stopped_run_saves_first_and_goes_on(tmp_path: Path, uninterrupted: Callable[[str], Path]) -> None:
    write(tmp_path, "fsdp")
    process = start(command(tmp_path, "--processes", "2"))
    next(steps(tmp_path / "run"))
    process.send_signal(signal.SIGTERM)
    code, said = finish(process)
    assert code == 128 + signal.SIGTERM, said
    code, said = finish(start(command(tmp_path, "--processes", "2", "--resume")))
    assert code == 0, said
    same(tmp_path / "run", uninterrupted("fsdp"))


@pytest.mark.nightly
def test_torchrun_itself(tmp_path: Path, uninterrupted: Callable[[str], Path]) -> None:
    write(tmp_path, "ddp")
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--max-restarts",
        "2",
        "--standalone",
    ]
    process = start([*torchrun, *command(tmp_path)[1:]])
    seen = steps(tmp_path / "run")
    next(seen)
    next(seen)
    os.kill(children(process.pid)[-1], signal.SIGKILL)
    code, said = finish(process)
    assert code == 0, said
    same(tmp_path / "run", uninterrupted("ddp"))


# -- where the run is --------------------------------------------------------------------------------------------------


class Again(World):
    """A process that has been started `attempt` times, with a store that may have outlived the others."""

    def __init__(self, attempt: int, store: dict[str, str] | None = None) -> None:
        self.attempt, self.store = attempt, {} if store is None else store

    def remember(self, key: str, value: str) -> None:
        self.store[key] = value

    def recall(self, key: str) -> str:
        return self.store.get(key, "")


def numbered(folder: Path) -> tuple[dict[bool, Path], Path]:
    last = folder / "net-3"
    return {True: last, False: folder / "net-4"}, last


def test_the_first_attempt_has_a_new_folder(tmp_path: Path) -> None:
    folders, _ = numbered(tmp_path)
    assert place(Again(0), None, folders.__getitem__, resume=False) == (tmp_path / "net-4", False)
    assert place(Again(0), str(tmp_path / "mine"), folders.__getitem__, resume=False) == (tmp_path / "mine", False)
    assert place(Again(0), None, folders.__getitem__, resume=True) == (tmp_path / "net-3", True)


def test_the_next_one_goes_on_in_it(tmp_path: Path) -> None:
    folders, _ = numbered(tmp_path)
    store: dict[str, str] = {}
    where, _ = place(Again(0, store), None, folders.__getitem__, resume=False)
    assert place(Again(1, store), None, folders.__getitem__, resume=False) == (where, False), "it had not begun"
    where.mkdir()
    (where / RUN).write_text("{}")
    assert place(Again(1, store), None, folders.__getitem__, resume=False) == (where, True)
    assert place(Again(0, store), None, folders.__getitem__, resume=False) == (where, True), "after a change of members"


def test_without_a_store_it_is_the_last_run(tmp_path: Path) -> None:
    folders, last = numbered(tmp_path)
    last.mkdir()
    (last / RUN).write_text("{}")
    assert place(Again(2), None, folders.__getitem__, resume=False) == (last, True)


def test_one_process_is_not_restarted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "ddp")
    assert main(["train", str(tmp_path / "elastic.yaml"), "--max-restarts", "2"]) == 2
    assert "--max-restarts goes with --processes or --gpus" in capsys.readouterr().err
