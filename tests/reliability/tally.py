"""What came of many trials."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Tally"]

SHOWN = 5


@dataclass
class Tally:
    """`held` of `trials` ended as they should; `lost` says of the first others what happened. `seen` counts what the
    trials met on their way."""

    trials: int = 0
    held: int = 0
    lost: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, fault: str = "", *seen: str) -> None:
        """One trial: `fault` is empty where it ended as it should."""
        self.trials += 1
        self.held += not fault
        if fault and len(self.lost) < SHOWN:
            self.lost.append(fault)
        self.seen.update(seen)

    @property
    def whole(self) -> bool:
        return self.trials > 0 and self.held == self.trials

    def __str__(self) -> str:
        return "\n".join([f"{self.held} of {self.trials} held", *self.lost])
