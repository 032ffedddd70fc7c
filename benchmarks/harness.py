"""Fair timing on noisy machines: rivals take turns within one run, medians are compared, the table says how noisy it was."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["Row", "interleave", "table"]


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds of one contestant: the median, and the middle half's range."""

    name: str
    median: float
    low: float
    high: float


def interleave(
    contestants: Mapping[str, Callable[[], object]], *, repeats: int, inner: int = 1, warm: int = 1
) -> list[Row]:
    """Runs every contestant `repeats` times in turn; each sample is the mean of `inner` calls. The order rotates
    between rounds."""
    names = list(contestants)
    samples: dict[str, list[float]] = {n: [] for n in names}
    for name in names:
        for _ in range(warm):
            contestants[name]()
    for turn in range(repeats):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            call = contestants[name]
            start = time.perf_counter()
            for _ in range(inner):
                call()
            samples[name].append((time.perf_counter() - start) / inner)
    rows = []
    for name in names:
        quarter = statistics.quantiles(samples[name], n=4)
        rows.append(Row(name, statistics.median(samples[name]), quarter[0], quarter[2]))
    return rows


def table(title: str, rows: list[Row], *, base: str, goal: str) -> str:
    """A text table; `base` is the contestant that ratios refer to."""
    reference = next(r.median for r in rows if r.name == base)
    width = max(len(r.name) for r in rows)
    load = os.getloadavg()[0]
    lines = [f"{title}   (goal: {goal}; load {load:.2f})"]
    lines += [
        f"  {r.name:<{width}}  {r.median * 1e3:10.3f} ms   ×{r.median / reference:.3f}"
        f"   middle half {r.low * 1e3:.3f}–{r.high * 1e3:.3f}"
        for r in rows
    ]
    return "\n".join(lines)
