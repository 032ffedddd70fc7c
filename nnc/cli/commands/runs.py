"""Lists the runs in a folder: how far each came, its best epoch, and what was measured then. One run is shown with all its
epochs. With two, shows where their specs and settings differ, and their quantities side by side. --plot draws the loss,
the metrics and the learning rate by epoch, of all of them in one picture."""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnc.cli.exits import OK, Misuse
from nnc.cli.filters import chosen, condition
from nnc.cli.options import add_format
from nnc.cli.output import note_written, print_json
from nnc.compiler.render.visible import visible

if TYPE_CHECKING:
    from nnc.runtime.runs import Run

EXAMPLES = """\
nnc runs
nnc runs experiments --sort validation.loss
nnc runs --where status=finished --where 'validation.accuracy>=0.98' --where 'spec.train.optimizer=Adam*'
nnc runs runs/digits-1 --plot curves.svg
nnc runs runs/digits-1 runs/digits-2
nnc runs --format json"""
MOST_EPOCHS = 40  # of a run, in a terminal


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "folders", nargs="*", metavar="FOLDER", help="folders of runs (default: runs), a run, or two runs to compare"
    )
    parser.add_argument("--sort", metavar="QUANTITY", help="the best first: validation.accuracy, validation.loss …")
    parser.add_argument(
        "--where",
        action="append",
        type=condition,
        default=[],
        metavar="CONDITION",
        help="only runs for which it holds, with = != >= <= > <, of a quantity, network, status, run, epoch, args.NAME, "
        "overrides.seed, or a place of the spec",
    )
    parser.add_argument(
        "--plot", metavar="FILE", help="draw their curves: a .png, .svg or .pdf file (needs matplotlib)"
    )
    add_format(parser, "text", "json")


def run(options: Namespace) -> int:
    from nnc.runtime.runs import RUN, read_run

    if options.plot and Path(options.plot).suffix.lower() not in (".png", ".svg", ".pdf"):
        raise Misuse("--plot writes a .png, .svg or .pdf file")
    folders = [Path(f) for f in options.folders or ["runs"]]
    named = [f for f in folders if (f / RUN).is_file()]
    plain = not (options.where or options.sort)
    if len(folders) == 2 and plain and len(named) + sum(not f.is_dir() for f in folders) == 2:
        runs = [read_run(f) for f in folders]
        _compare(runs[0], runs[1], options.format)
    elif len(folders) == len(named) == 1 and plain:
        runs = [read_run(folders[0])]
        _show(runs[0], options.format)
    else:
        runs = _list(folders, options)
    if options.plot:
        from nnc.runtime.plots import write_curves

        write_curves(runs, Path(options.plot))
        note_written(options.plot)
    return OK


def _list(folders: Sequence[Path], options: Namespace) -> list[Run]:
    from nnc.runtime.runs import find_runs

    runs = chosen([r for f in folders for r in find_runs(f)], options.where)
    if options.sort:
        runs = _sorted(runs, options.sort)
    if options.format == "json":
        print_json([_as_json(r) for r in runs])
    elif not runs:
        print(f"no runs{' like that' if options.where else ''} in {', '.join(visible(str(f)) for f in folders)}")
    else:
        _print(_rows(runs))
    return runs


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
    if value is None:
        return ""
    return f"{value:.4f}" if not value or 1e-3 <= abs(value) < 1e6 else f"{value:.3g}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{seconds:.1f} s"


# -- one run -----------------------------------------------------------------------------------------------------------


def _show(one: Run, form: str) -> None:
    if form == "json":
        from nnc.runtime.report import finite

        settings = {
            k: one.document.get(k) for k in ("args", "sizes", "overrides", "base", "version", "torch", "provenance")
        }
        print_json(_as_json(one) | settings | {"epochs": finite(list(one.epochs)), "events": finite(list(one.events))})
        return
    print(f"{visible(one.name)} in {visible(str(one.folder))}, {one.status}, {_duration(one.seconds)}")
    for key, value in _settings(one):
        print(f"  {visible(key)}: {visible(value)}")
    if not one.epochs:
        print("  no epoch has ended")
        return
    print()
    _print(_epochs(one))
    for event in one.events:
        print(f"step {event.get('step')}: {visible(str(event.get('reason')))}; {visible(str(event['event']))}")


def _settings(one: Run) -> Iterator[tuple[str, str]]:
    """What the run was begun with, beside its spec."""
    for key in ("args", "sizes", "overrides"):
        values = one.document.get(key)
        if isinstance(values, dict) and values:
            yield key, ", ".join(f"{k}={v}" for k, v in values.items())
    from nnc.runtime.saving.provenance import provenance_rows

    known = one.document.get("provenance")
    if isinstance(known, dict):
        yield from provenance_rows(known)
    else:
        yield "begun with", f"nnc {one.document.get('version')}, torch {one.document.get('torch')}"


def _epochs(one: Run) -> Iterator[list[str]]:
    """A line for each epoch; of many the first, the last and the best."""
    from nnc.runtime.runs import quantities_of

    names = list(dict.fromkeys(q for e in one.epochs for q in quantities_of(e)))
    yield ["epoch", *names, "lr", "seconds", ""]
    total, skipped = len(one.epochs), False
    for i, record in enumerate(one.epochs):
        best = record is one.best
        if MOST_EPOCHS // 2 <= i < total - MOST_EPOCHS // 2 and not best:
            if not skipped:
                yield ["…"] + [""] * (len(names) + 3)
            skipped = True
            continue
        skipped = False
        values, rates = quantities_of(record), record.get("lr")
        rate = rates[0] if isinstance(rates, list) and rates else rates
        yield [
            str(record["epoch"]), *(_number(values.get(n)) for n in names),
            f"{rate:.3g}" if isinstance(rate, int | float) else "", f"{record['seconds']:.1f}", "best" if best else "",
        ]  # fmt: skip


# -- two runs ----------------------------------------------------------------------------------------------------------


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
