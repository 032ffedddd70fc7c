"""The confusion matrix as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnc.runtime.plots.figure import drawing, label, picture_kind, render
from nnc.runtime.saving.files import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nnc.runtime.evaluation.classes import ClassReport

__all__ = ["write_confusion"]

MOST_COUNTED = 40  # classes up to which every cell has its count
MOST_NAMED = 80
CELL = 0.42  # inches
LARGEST = 14.0


def write_confusion(report: ClassReport, path: Path, title: str = "") -> None:
    """Rows are classes, columns what they were taken for; a shade is a cell's share of its row. Counts stand in the cells
    where there is room, names of classes at every row, or at some. Raises `Failure`."""
    kind = picture_kind(path, "a confusion matrix")
    with drawing():
        write_file(path, render(_figure(report, title), kind))


def _figure(report: ClassReport, title: str) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    counts = np.array(report.matrix, dtype=np.float64).reshape(len(report.names), len(report.names))
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = [label(n, 20) for n in report.names]
    widest = max(map(len, names), default=1)
    size = min(LARGEST, max(2.6, CELL * len(names)))
    beside = 0.075 * widest
    upright = widest > 3
    figure = Figure(figsize=(size + beside + 1.4, size + (beside if upright else 0.2) + 1.0), layout="constrained")
    axes = figure.add_subplot()
    shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
    every = max(1, -(-len(names) // MOST_NAMED))
    ticks = range(0, len(names), every)
    axes.set_xticks(ticks, names[::every], rotation=90 if upright else 0)
    axes.set_yticks(ticks, names[::every])
    axes.tick_params(length=0)
    axes.set_xlabel("taken for")
    axes.set_ylabel("class")
    right, total = int(counts.trace()), int(counts.sum())
    axes.set_title(label(title or f"{right:,} of {total:,} right", 60))
    figure.colorbar(shown, ax=axes, shrink=0.8, pad=0.02, label="share of the class", format=PercentFormatter(1, 0))
    if len(names) <= MOST_COUNTED:
        _count(axes, counts, shares, size / max(1, len(names)))
    return figure


def _count(axes: Axes, counts: npt.NDArray[np.float64], shares: npt.NDArray[np.float64], cell: float) -> None:
    """The counts that are not 0, as large as the cell (in inches) has room for."""
    points = min(9.0, 100 * cell / len(f"{int(counts.max(initial=0))}"))
    for (i, j), count in np.ndenumerate(counts):
        if count:
            color = "white" if shares[i, j] > 0.55 else "#222222"
            axes.text(j, i, f"{int(count)}", ha="center", va="center", color=color, fontsize=points)
