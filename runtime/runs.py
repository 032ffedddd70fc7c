"""What the folders of runs tell, read without torch: `run.json`, `log.jsonl`, and what else lies there."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nnc.runtime.failure import Failure

__all__ = [
    "ARTIFACT",
    "CHECKPOINTS",
    "LOCK",
    "LOG",
    "RUN",
    "RUN_FORMAT",
    "Difference",
    "Run",
    "differences",
    "epochs_of",
    "find_runs",
    "leaves",
    "quantities_of",
    "rates_of",
    "read_document",
    "read_run",
    "refuse_links",
]  # fmt: skip

# What a run's folder holds.
RUN, LOG, LOCK, CHECKPOINTS = "run.json", "log.jsonl", ".lock", "checkpoints"
ARTIFACT = "model.safetensors"  # the best weights
RUN_FORMAT = 1
MAX_JSON = 64 << 20
Status = Literal["finished", "running", "stopped"]


@dataclass(frozen=True)
class Run:
    """A run as its folder shows it. `epochs` are the records of the log, one per epoch; `events` its other lines."""

    folder: Path
    document: Mapping[str, Any]
    epochs: tuple[Mapping[str, Any], ...]
    events: tuple[Mapping[str, Any], ...]
    status: Status

    @property
    def name(self) -> str:
        return str(self.document["spec"].get("name", self.folder.name))

    @property
    def last(self) -> Mapping[str, Any] | None:
        return self.epochs[-1] if self.epochs else None

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The record of the best epoch."""
        return next((e for e in reversed(self.epochs) if e.get("best")), None)

    @property
    def seconds(self) -> float:
        return sum(float(e.get("seconds", 0)) for e in self.epochs)

    def quantities(self) -> dict[str, float]:
        """Those of the best epoch: `validation.accuracy`, `train.loss` …"""
        return quantities_of(self.best or self.last or {})


@dataclass(frozen=True)
class Difference:
    """A place in two runs' specs or settings; None where it is not there."""

    path: str
    left: Any
    right: Any


def quantities_of(record: Mapping[str, Any]) -> dict[str, float]:
    """What a line of the log measured: `validation.accuracy`, `train.loss` …"""
    parts = {part: record.get(part) or {} for part in ("validation", "train")}
    return {f"{part}.{k}": float(v) for part, values in parts.items() for k, v in values.items()}


def rates_of(lr: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The learning rates of a line of the log by group of parameters, `group 1`; "" where there is one group. Those of
    several optimizers have the optimizer's name before that."""
    if isinstance(lr, Mapping):
        for name, inner in lr.items():
            yield from rates_of(inner, f"{name} ")
    elif isinstance(lr, list):
        for i, value in enumerate(lr, 1):
            yield f"{prefix}group {i}" if len(lr) > 1 else prefix.strip(), value
    elif lr is not None:
        yield prefix.strip(), lr


def find_runs(root: Path) -> list[Run]:
    """The runs in the folders below `root`, or `root` itself, those begun last at the end. Folders that hold no run are
    passed over, and so are runs that cannot be read."""
    if (root / RUN).is_file():
        return [read_run(root)]
    found = []
    for path in sorted(root.glob(f"*/{RUN}"), key=lambda p: (p.stat().st_mtime, p)) if root.is_dir() else ():
        try:
            found.append(read_run(path.parent))
        except Failure:
            continue
    return found


def refuse_links(folder: Path) -> None:
    """A run keeps what it writes in its own folder. Raises `Failure` where a name in it leads elsewhere: a log that is
    continued there would be written into somebody's file."""
    link = next((p for p in folder.iterdir() if p.is_symlink()), None) if folder.is_dir() else None
    if link is not None:
        raise Failure("NNC0907", link, "this is a link, and a run keeps its files in its own folder")


def read_document(folder: Path) -> dict[str, Any]:
    """`run.json`: what is trained, with what it was begun. Raises `Failure`."""
    refuse_links(folder)
    path = folder / RUN
    try:
        run = json.loads(_text(path))
        kinds = {"spec": dict, "args": dict, "sizes": dict, "base": str, "overrides": dict}
        texts = ("precision", "speed", "fold")
        whole = all(
            isinstance(v, str) if k in texts else type(v) is int and v >= 0 for k, v in run["overrides"].items()
        )
        if run["format"] != RUN_FORMAT or not whole or not all(isinstance(run[k], kind) for k, kind in kinds.items()):
            raise ValueError("it is not what nnc writes")
        return dict(run)
    except FileNotFoundError:
        raise Failure("NNC0907", folder, "there is no run in this folder") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Failure("NNC0907", path, f"the run cannot be read: {error}") from None


def read_run(folder: Path) -> Run:
    """One run. Raises `Failure`."""
    document, records = read_document(folder), _log(folder)
    epochs = tuple(_epoch(r, folder) for r in records if "event" not in r)
    events = tuple(r for r in records if "event" in r)
    return Run(folder, document, epochs, events, _status(folder, epochs))


def epochs_of(folder: Path) -> list[dict[str, Any]]:
    """The epochs in the log of a run's folder. Raises `Failure`."""
    return [_epoch(r, folder) for r in _log(folder) if "event" not in r]


def _log(folder: Path) -> list[dict[str, Any]]:
    try:
        return list(_records(folder / LOG))
    except (OSError, ValueError, RecursionError) as error:
        raise Failure("NNC0907", folder / LOG, f"the log cannot be read: {error}") from None


def _epoch(record: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The record of an epoch, if it is like those that a run writes. Raises `Failure`."""
    try:
        if not all(type(record[k]) is int for k in ("epoch", "epochs")) or not math.isfinite(record["seconds"]):
            raise ValueError("epoch, epochs and seconds are numbers")
        quantities_of(record)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise Failure("NNC0907", folder / LOG, f"the log holds something else than epochs: {error}") from None
    return record


def _text(path: Path) -> str:
    if path.stat().st_size > MAX_JSON:
        raise ValueError(f"{path.name} is larger than {MAX_JSON >> 20} MiB")
    return path.read_text(encoding="utf-8")


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of the log; a last one that is half written is left out."""
    if not path.exists():
        return
    lines = _text(path).splitlines()
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except ValueError:
            if number == len(lines):
                return
            raise
        if isinstance(record, dict):
            yield record


def _status(folder: Path, epochs: tuple[Mapping[str, Any], ...]) -> Status:
    if _held(folder / LOCK):
        return "running"
    ended = bool(epochs) and (
        epochs[-1].get("epoch") == epochs[-1].get("epochs") or bool(epochs[-1].get("stopped early"))
    )
    return "finished" if ended and (folder / ARTIFACT).is_file() else "stopped"


def _held(lock: Path) -> bool:
    """Whether a process trains in the folder now."""
    from filelock import FileLock, Timeout

    if not lock.exists() or not os.access(lock, os.W_OK):
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def differences(left: Run, right: Run) -> list[Difference]:
    """Where two runs' specs, arguments and settings differ, in the order of the first."""
    a, b = (dict(leaves(_decisive(run.document))) for run in (left, right))
    return [Difference(k, a.get(k), b.get(k)) for k in dict.fromkeys((*a, *b)) if a.get(k) != b.get(k)]


def _decisive(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a run's course depends on, or may: not when it was begun."""
    keys = ("spec", "args", "sizes", "overrides", "base", "torch", "version")
    written = document.get("provenance")
    made = written if isinstance(written, dict) else {}
    return {k: document.get(k) for k in keys} | {k: made.get(k) for k in ("git", "data", "versions", "platform")}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values in nested plain data, each with its path: `spec.train.optimizer`, `spec.layers[0].type`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(i, dict | list) for i in value):
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{number}]")
    else:
        yield path, value
