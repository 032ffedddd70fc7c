"""The curves of runs: the loss, every metric and the learning rate by epoch, of one run or of several in one picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nnc.runtime.failure import Failure
from nnc.runtime.plots.figure import PALETTE, drawing, label, picture_kind, render
from nnc.runtime.runs import Run, rates_of
from nnc.runtime.saving.files import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Curve", "curves_of", "write_curves"]

MOST_RUNS = 20  # more lines than this tell nothing apart
MOST_PANELS = 12
MOST_GROUPS = 6  # parameter groups whose learning rates are drawn
BEST = "#222222"


@dataclass(frozen=True)
class Curve:
    """One quantity by epoch; `part` is `train`, `validation` or `lr`, of which there is one for each parameter group."""

    part: str
    name: str
    points: tuple[tuple[int, float], ...]


@dataclass
class _Panel:
    title: str
    curves: list[tuple[int, Curve]] = field(default_factory=list)  # with the number of the run


def write_curves(runs: Sequence[Run], path: Path) -> None:
    """Draws what was measured in every epoch of the runs. Raises `Failure` where nothing was, there are too many of them,
    or matplotlib is missing."""
    kind = picture_kind(path)
    panels = _panels(runs)
    if not panels:
        raise Failure("NNC0907", path, "no run has finished an epoch: there is nothing to draw")
    if len(runs) > MOST_RUNS:
        raise Failure("NNC0907", path, f"{len(runs)} runs in one picture: draw at most {MOST_RUNS}")
    with drawing():
        write_file(path, render(_figure(runs, panels), kind))


# -- what there is to draw ---------------------------------------------------------------------------------------------


def curves_of(run: Run) -> list[Curve]:
    """Every quantity of the log that is a number, in the log's order."""
    found: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for record in run.epochs:
        epoch = record.get("epoch")
        if type(epoch) is not int:
            continue
        for part in ("train", "validation"):
            values = record.get(part)
            for name, value in values.items() if isinstance(values, Mapping) else ():
                _add(found, (part, str(name)), epoch, value)
        for name, value in islice(rates_of(record.get("lr")), MOST_GROUPS):
            _add(found, ("lr", name), epoch, value)
    return [Curve(part, name, tuple(points)) for (part, name), points in found.items()]


def _add(found: dict[tuple[str, str], list[tuple[int, float]]], key: tuple[str, str], epoch: int, value: Any) -> None:
    try:
        number = float(value)  # the log has NaN and the infinities as texts
    except (TypeError, ValueError, OverflowError):
        return
    found.setdefault(key, []).append((epoch, number if math.isfinite(number) else math.nan))


def _panels(runs: Sequence[Run]) -> list[_Panel]:
    """The loss first, then its terms and the metrics, the learning rate last."""
    panels: dict[str, _Panel] = {"loss": _Panel("loss")}
    rates = _Panel("learning rate")
    for number, one in enumerate(runs):
        for curve in curves_of(one):
            if curve.part == "lr":
                rates.curves.append((number, curve))
            else:
                panels.setdefault(curve.name, _Panel(curve.name)).curves.append((number, curve))
    rates.curves = _different(rates.curves)
    return [p for p in [*list(panels.values())[: MOST_PANELS - 1], rates] if p.curves]


def _different(curves: list[tuple[int, Curve]]) -> list[tuple[int, Curve]]:
    """Of a run's learning rates, one where all are the same, and of many runs one each."""
    kept: list[tuple[int, Curve]] = []
    several = len({number for number, _ in curves}) > 1
    for number, curve in curves:
        same = [c for n, c in kept if n == number]
        if not same or not (several or any(c.points == curve.points for c in same)):
            kept.append((number, curve))
    return kept


# -- drawing -----------------------------------------------------------------------------------------------------------


def _figure(runs: Sequence[Run], panels: Sequence[_Panel]) -> Figure:
    from matplotlib.figure import Figure

    columns = min(len(panels), 3 if len(panels) != 4 else 2)
    rows = -(-len(panels) // columns)
    names = _names(runs)
    # Below the panels: one line of the legend for about so many characters.
    legend = _legend_columns(names) if len(runs) > 1 else 0
    below = 0.3 + 0.22 * -(-len(runs) // legend) if legend else 0
    figure = Figure(figsize=(3.3 * columns + 0.4, 2.7 * rows + 0.45 + below), layout="constrained")
    figure.suptitle(_title(runs), fontsize=12, color="#222222")
    grid = figure.subplots(rows, columns, squeeze=False)
    axes = list(grid.flat)
    for one, panel in zip(axes, panels, strict=False):
        _draw(one, panel, runs)
    for spare in axes[len(panels) :]:
        spare.set_visible(False)
    for column in range(columns):
        bottom = [axes[i] for i in range(len(panels)) if i % columns == column][-1]
        bottom.set_xlabel("epoch")
    if legend:
        _legend(figure, names, legend)
    return figure


def _title(runs: Sequence[Run]) -> str:
    networks = dict.fromkeys(r.name for r in runs)
    if len(runs) == 1:
        folder = runs[0].folder.name or str(runs[0].folder)
        return label(f"{runs[0].name} ({folder})" if folder != runs[0].name else folder, 80)
    return label(", ".join(networks) + f": {len(runs)} runs", 80)


def _names(runs: Sequence[Run]) -> list[str]:
    """Names of the folders; in full where two are called alike."""
    short = [r.folder.name or str(r.folder) for r in runs]
    return [label(s if short.count(s) == 1 else str(r.folder)) for s, r in zip(short, runs, strict=True)]


def _legend_columns(names: Sequence[str]) -> int:
    return max(1, min(len(names), 5, 95 // (max(map(len, names)) + 6)))


def _legend(figure: Figure, names: Sequence[str], columns: int) -> None:
    """Which color is which run, and which line is which part, below the panels."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=_color(i), linestyle=_dash(i), label=name) for i, name in enumerate(names)]
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def _color(number: int) -> str:
    return PALETTE[number % len(PALETTE)]


def _dash(number: int) -> Literal["-", "--", ":"]:
    """Another kind of line when the colors are used up."""
    kinds: tuple[Literal["-", "--", ":"], ...] = ("-", "--", ":")
    return kinds[number // len(PALETTE) % 3]


def _draw(axes: Axes, panel: _Panel, runs: Sequence[Run]) -> None:
    from matplotlib.ticker import MaxNLocator

    several = len(runs) > 1
    parts = dict.fromkeys(c.part for _, c in panel.curves)
    for order, (number, curve) in enumerate(panel.curves):
        epochs, values = zip(*curve.points, strict=True)
        faint = several and curve.part == "train" and len(parts) > 1
        color = _color(number) if several else _color(order)
        axes.plot(
            epochs, values, color=color, label=_in_legend(curve, parts), alpha=0.4 if faint else 1,
            linewidth=1.0 if faint else 1.6, linestyle=_dash(number) if several else "-",
            marker="o" if len(epochs) <= 30 else None, markersize=2.5 if not faint else 1.5,
        )  # fmt: skip
        if curve.part == "validation" or parts.keys() == {"train"}:
            _mark_best(axes, runs[number], curve, color if several else BEST)
    axes.set_title(label(panel.title, 30) + (" (faint: training)" if several and len(parts) > 1 else ""))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _scale(axes, panel)
    _, labels = axes.get_legend_handles_labels()
    if labels and not several:
        axes.legend(loc="best")


def _in_legend(curve: Curve, parts: Mapping[str, None]) -> str:
    if curve.part == "lr":
        return label(curve.name, 20) if curve.name else "_lr"
    return {"train": "training"}.get(curve.part, curve.part) if len(parts) > 1 else f"_{curve.part}"


def _mark_best(axes: Axes, run: Run, curve: Curve, color: str) -> None:
    """A ring around the best epoch, in the panel of the quantity that chose it."""
    best = run.best
    if best is None or best.get("monitor") != f"{curve.part}.{curve.name}":
        return
    value = dict(curve.points).get(best.get("epoch", 0))
    if value is None or math.isnan(value):
        return
    axes.plot(
        [best["epoch"]], [value], marker="o", markersize=8, fillstyle="none", color=color, linestyle="none",
        label=f"best: {value:.4f} in epoch {best['epoch']}", clip_on=False,
    )  # fmt: skip


def _scale(axes: Axes, panel: _Panel) -> None:
    """Logarithmic for a loss that falls over two orders of magnitude."""
    values = [v for _, c in panel.curves for _, v in c.points if not math.isnan(v)]
    falling = panel.title.endswith("loss")
    if falling and values and min(values) > 0 and max(values) > 100 * min(values):
        axes.set_yscale("log")
    elif panel.title == "learning rate":
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.6g}")  # 0.001 and 1e-05, without an offset somewhere
