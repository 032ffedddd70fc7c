"""Lists the runs in a folder: how far each came, its best epoch, and what was measured then. With two runs, shows where
their specs and settings differ, and their quantities side by side."""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnc.cli.exits import OK, Misuse
from nnc.cli.options import add_format
from nnc.cli.output import print_json
from nnc.compiler.render.visible import visible

if TYPE_CHECKING:
    from nnc.runtime.runs import Run

EXAMPLES = """\
nnc runs
nnc runs experiments --sort validation.loss
nnc runs runs/digits-1 runs/digits-2
nnc runs --format json"""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "folders", nargs="*", metavar="FOLDER", help="a folder of runs (default: runs), or two runs to compare"
    )
    parser.add_argument("--sort", metavar="QUANTITY", help="the best first: validation.accuracy, validation.loss …")
    add_format(parser, "text", "json")


def run(options: Namespace) -> int:
    from nnc.runtime.runs import find_runs, read_run

    if len(options.folders) > 2:
        raise Misuse("one folder of runs is listed, or two runs are compared")
    if len(options.folders) == 2:
        left, right = (read_run(Path(f)) for f in options.folders)
        _compare(left, right, options.format)
        return OK
    root = Path(options.folders[0] if options.folders else "runs")
    runs = find_runs(root)
    if options.sort:
        runs = _sorted(runs, options.sort)
    if options.format == "json":
        print_json([_as_json(r) for r in runs])
    elif not runs:
        print(f"no runs in {visible(str(root))}")
    else:
        _print(_rows(runs))
    return OK


def _sorted(runs: list[Run], quantity: str) -> list[Run]:
    known = dict.fromkeys(q for r in runs for q in r.quantities())
    if quantity not in known:
        raise Misuse(f"--sort {quantity}: there is {', '.join(known) or 'no quantity'}")
    goals = {str(r.best["monitor"]): str(r.best["goal"]) for r in runs if r.best and "monitor" in r.best}
    sign = -1 if goals.get(quantity, "min" if quantity.endswith("loss") else "max") == "max" else 1
    values = {r.folder: r.quantities().get(quantity, math.nan) for r in runs}
    return sorted(runs, key=lambda r: (math.isnan(values[r.folder]), sign * values[r.folder]))


def _rows(runs: Sequence[Run]) -> list[list[str]]:
    names = [q for q in dict.fromkeys(q for r in runs for q in r.quantities()) if q != "train.loss"][:4]
    head = ["run", "network", "status", "epochs", "best", *(n.removeprefix("validation.") for n in names), "time"]
    rows = [head]
    for one in runs:
        last, best, values = one.last, one.best, one.quantities()
        rows.append(
            [
                visible(str(one.folder)), visible(one.name), one.status,
                f"{last['epoch']}/{last['epochs']}" if last else "0",
                str(best["epoch"]) if best else "",
                *(_number(values.get(n)) for n in names),
                _duration(one.seconds),
            ]
        )  # fmt: skip
    return rows


def _print(rows: Iterable[Sequence[str]]) -> None:
    table = list(rows)
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{seconds:.1f} s"


def _compare(left: Run, right: Run, form: str) -> None:
    from nnc.runtime.runs import differences

    found = differences(left, right)
    values = left.quantities(), right.quantities()
    names = list(dict.fromkeys((*values[0], *values[1])))
    if form == "json":
        changes = [{"path": d.path, "left": d.left, "right": d.right} for d in found]
        print_json({"left": _as_json(left), "right": _as_json(right), "differences": changes})
        return
    head = ["", visible(str(left.folder)), visible(str(right.folder))]
    rows = [[visible(d.path), _shown(d.left), _shown(d.right)] for d in found]
    measured = [[n, _number(values[0].get(n)), _number(values[1].get(n))] for n in names]
    _print([head, *(rows or [["(the same spec and settings)", "", ""]]), ["", "", ""], *measured])


def _shown(value: Any) -> str:
    return "–" if value is None else visible(str(value))


def _as_json(one: Run) -> dict[str, Any]:
    from nnc.runtime.report import finite

    best = one.best
    return {
        "run": str(one.folder),
        "network": one.name,
        "status": one.status,
        "epoch": one.last["epoch"] if one.last else 0,
        "best": best["epoch"] if best else None,
        "quantities": finite(one.quantities()),
        "seconds": one.seconds,
    }
