"""`log.csv` of a run: a row for each epoch, for spreadsheets. It says what `log.jsonl` says, and is made of it again where a
run is resumed, or measures something new."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnc.runtime.report import Reporter, Watched
from nnc.runtime.runs import epochs_of, quantities_of, rates_of
from nnc.runtime.saving.files import write_file

__all__ = ["TABLE", "TableLog", "row_of", "table_of"]

TABLE = "log.csv"


def row_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the log as columns: `epoch`, `step`, `train.loss`, `validation.accuracy`, `lr`, `best`, `seconds` …"""
    rates = {" ".join(("lr", name)).strip(): rate for name, rate in rates_of(record.get("lr"))}
    row = {"epoch": record["epoch"], "step": record.get("step", "")} | quantities_of(record) | rates
    return (
        row
        | {"best": int(bool(record.get("best")))}
        | {k: record[k] for k in ("seconds", "samples_per_second") if k in record}
    )


def table_of(records: Sequence[Mapping[str, Any]]) -> tuple[list[str], str]:
    """The columns, and all rows under them; empty where an epoch did not have one."""
    rows = [row_of(r) for r in records]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return columns, _text(columns, rows, head=True)


def _text(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, head: bool = False) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    if head:
        writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


class TableLog(Reporter):
    """Appends a row after every epoch."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / TABLE
        self._columns: list[str] = []

    def watch(self, run: Watched) -> None:
        self._rewrite()

    def end_epoch(self, record: Mapping[str, Any]) -> None:
        row = row_of(record)
        if [*row] != self._columns:
            self._rewrite()
            return
        with self._path.open("a", encoding="utf-8", newline="") as file:
            file.write(_text(self._columns, [row]))

    def _rewrite(self) -> None:
        """From `log.jsonl`, which holds every epoch that has ended, the one at hand too."""
        records = epochs_of(self._folder)
        if records:
            self._columns, text = table_of(records)
            write_file(self._path, text.encode())
        else:
            self._path.unlink(missing_ok=True)
