"""docs/reliability.md says what the experiments found, and every promise has its row."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.reliability.report import EXPERIMENTS, FILE, Row, read, write


def test_what_is_written_is_read_again() -> None:
    rows = {e.title: Row(1000 + i, 999 + i, f"note {i}") for i, e in enumerate(EXPERIMENTS.values())}
    assert {k: v for k, v in read(write(rows)).items() if k != "**all**"} == rows


def test_the_table_that_is_committed_holds() -> None:
    text = FILE.read_text(encoding="utf-8")
    rows = read(text)
    assert write({k: v for k, v in rows.items() if k != "**all**"}).splitlines()[5:] == text.splitlines()[5:]
    for experiment in EXPERIMENTS.values():
        assert experiment.title in rows, "make reliability"
        row = rows[experiment.title]
        assert (row.held == row.trials) == experiment.bound, experiment.title


@pytest.mark.parametrize("name", ["read-only", "cuts"])
def test_an_experiment_runs(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        row = EXPERIMENTS[name].run(Path(folder), lambda count: min(count, 10))
    assert row.trials == row.held > 0
