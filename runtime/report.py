"""What a run tells: a progress bar on a terminal, one line per epoch elsewhere, JSON lines in the run's folder
always."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from nnc.runtime.saving.files import writing

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from nnc.runtime.data import Data
    from nnc.runtime.signature import Signature
    from nnc.runtime.training.training import Training

__all__ = ["Lines", "Live", "Log", "NoLog", "Reporter", "Watched", "reporter_for"]


@dataclass(frozen=True)
class Watched:
    """A run as it begins, for who wants to see more of it than the loop tells. `inputs` are the fields that go into the
    network, in its order; `resumed` says that steps were made before."""

    folder: Path
    training: Training
    data: Data
    signature: Signature
    inputs: Sequence[str]
    resumed: bool


class Reporter:
    """Says nothing. The loop calls these in order; `loss` is a function because reading it waits for the device."""

    def watch(self, run: Watched) -> None:
        """The run itself, before the first word."""

    def begin(self, facts: Mapping[str, Any]) -> None:
        """What is trained, on what, with what."""

    def note(self, text: str) -> None:
        """Something a user should know."""

    def begin_epoch(self, epoch: int, epochs: int, steps: int, done: int) -> None: ...

    def step(self, done: int, loss: Callable[[], float]) -> None: ...

    def end_epoch(self, record: Mapping[str, Any]) -> None: ...

    def end(self) -> None: ...


class Lines(Reporter):
    """One line per epoch: for logs, pipes and terminals that cannot redraw."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def _say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def begin(self, facts: Mapping[str, Any]) -> None:
        for key, value in facts.items():
            self._say(f"{key}: {value}")

    def note(self, text: str) -> None:
        self._say(f"note: {text}")

    def end_epoch(self, record: Mapping[str, Any]) -> None:
        self._say(epoch_line(record))


class Live(Reporter):
    """A progress bar that is redrawn at most ten times a second."""

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False)
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._shown = 0.0

    def begin(self, facts: Mapping[str, Any]) -> None:
        width = max(map(len, facts))
        for key, value in facts.items():
            self._console.print(f"[dim]{key:>{width}}[/dim]  {_escaped(str(value))}", soft_wrap=True)

    def note(self, text: str) -> None:
        self._console.print(f"[yellow]note:[/yellow] {_escaped(text)}", soft_wrap=True)

    def begin_epoch(self, epoch: int, epochs: int, steps: int, done: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn(f"epoch {epoch}/{epochs}"), BarColumn(None), MofNCompleteColumn())
        rest = (TextColumn("{task.fields[loss]}"), TimeRemainingColumn())
        self._progress = Progress(*columns, *rest, console=self._console, transient=True, auto_refresh=False)
        self._progress.start()
        self._task = self._progress.add_task("", total=steps, completed=done, loss="")
        self._shown = 0.0

    def step(self, done: int, loss: Callable[[], float]) -> None:
        now = time.monotonic()
        if self._progress is None or self._task is None or now - self._shown < 0.1:
            return
        self._shown = now
        self._progress.update(self._task, completed=done, loss=f"loss {loss():.4f}", refresh=True)

    def end_epoch(self, record: Mapping[str, Any]) -> None:
        self.end()
        self._console.print(_escaped(epoch_line(record)), soft_wrap=True)

    def end(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def epoch_line(record: Mapping[str, Any]) -> str:
    """`epoch 3/15  train loss 0.1234  validation loss 0.2345  accuracy 0.9876  best  1.2 s`"""
    parts = [f"epoch {record['epoch']}/{record['epochs']}", f"train loss {_number(record['train']['loss'])}"]
    validation = record.get("validation")
    if validation:
        parts.append("validation " + "  ".join(f"{k} {_number(v)}" for k, v in validation.items()))
    if record.get("best"):
        parts.append("best")
    return "  ".join([*parts, f"{record['seconds']:.1f} s"])


def _number(value: float) -> str:
    return f"{value:.4f}"


def reporter_for(stream: IO[str] | None = None) -> Reporter:
    """The progress bar where the stream is a terminal that can redraw, else lines."""
    stream = sys.stderr if stream is None else stream
    live = stream.isatty() and os.environ.get("TERM") != "dumb"
    return Live(stream) if live else Lines(stream)


class Log:
    """`log.jsonl` of a run: one JSON object a line. A resumed run cuts off what came after the checkpoint it resumes
    from, so the file is the same as if nothing had happened."""

    def __init__(self, path: Path, keep: int = 0) -> None:
        self._path = path
        with writing(path):
            self._stream = path.open("r+b" if path.exists() else "x+b")
            self._stream.seek(0, os.SEEK_END)
            self._stream.truncate(min(keep, self._stream.tell()))
            self._stream.seek(0, os.SEEK_END)

    def write(self, record: Mapping[str, Any]) -> None:
        with writing(self._path):
            self._stream.write(json.dumps(finite(record)).encode() + b"\n")
            self._stream.flush()

    @property
    def size(self) -> int:
        """Bytes written so far; what a checkpoint remembers, after they are on the disk."""
        with writing(self._path):
            os.fsync(self._stream.fileno())
        return self._stream.tell()

    def close(self) -> None:
        self._stream.close()


class NoLog:
    """The log of a process that is not the one which writes."""

    size = 0

    def write(self, record: Mapping[str, Any]) -> None: ...

    def close(self) -> None: ...


def finite(value: Any) -> Any:
    """JSON has no NaN and no infinities: they are written as text, not left out."""
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {k: finite(v) for k, v in value.items()}
        case list() | tuple():
            return [finite(v) for v in value]
    return value
