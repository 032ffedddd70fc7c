"""Samples that a run leaves out because they cannot be read: named in the log once, and counted in every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnc.runtime.data import Batch
from nnc.runtime.data.broken import Broken, CountedBatch
from nnc.runtime.report import Log, NoLog, Reporter
from nnc.runtime.training.state import Position

__all__ = ["Leavings", "Seen"]

NAMED = 100  # samples that are called by their names; more are only counted
SHOWN = 5


@dataclass
class Seen:
    """Counts the samples that an evaluation has really had."""

    samples: int = 0

    def update(self, outputs: Any, batch: Batch) -> None:
        self.samples += len(next(iter(batch.values())))


@dataclass(frozen=True)
class Leavings:
    """What is said about them. A run that is resumed says what it would have said."""

    def begin(self, dropped: Sequence[Broken], log: Log | NoLog, reporter: Reporter, *, new: bool) -> None:
        """Those that were left out when the data were opened."""
        if not dropped:
            return
        if new:
            log.write({"event": "left out", "samples": len(dropped), "names": [str(b) for b in dropped[:NAMED]]})
        more = f" and {len(dropped) - SHOWN:,} more" if len(dropped) > SHOWN else ""
        reporter.note(f"left out {'; '.join(map(str, dropped[:SHOWN]))}{more}")

    def without(self, batches: Sequence[Batch], at: Position, log: Log | NoLog, reporter: Reporter) -> list[Batch]:
        """The batches that have samples, after counting those that they lack."""
        for batch in batches:
            for broken in batch.dropped if isinstance(batch, CountedBatch) else ():
                at.dropped += 1
                if broken.name not in at.broken and len(at.broken) < NAMED:
                    at.broken.append(broken.name)
                    log.write({"event": "left out", "samples": 1, "names": [str(broken)], "epoch": at.epoch})
                    reporter.note(f"left out {broken}")
        return [batch for batch in batches if batch]
