"""docs/against-torch.md is written and read back; what it says of the whole catalogue is tested with --nightly."""

from __future__ import annotations

import pytest

from nnc.compiler.ops.catalogue import CATALOGUE
from tests.ops.report import FILE, Line, compared, read, write


def test_a_table_is_read_back() -> None:
    lines = {"Linear": Line(300, 200, 90, 10, 0), "relu": Line(100, 60, 40, 0, 0)}
    text = write(lines)
    assert read(text) == lines
    assert "| all 1 | 300 | 200 | 90 | 10 | 0 |" in text


def test_cases_are_counted() -> None:
    line = compared("ReLU", 30)
    assert line.cases == line.accepted + line.refused + line.stricter >= 30
    assert line.accepted
    assert line.refused
    assert not line.differs


def test_no_op_differs() -> None:
    lines = read(FILE.read_text(encoding="utf-8"))
    assert len(lines) > 400
    assert not [name for name, line in lines.items() if line.differs]
    modules = [name for name in lines if CATALOGUE[name].form == "module"]
    assert all(lines[name].cases >= 300 for name in modules)


@pytest.mark.nightly
def test_every_op_is_in_it() -> None:
    assert set(read(FILE.read_text(encoding="utf-8"))) == set(CATALOGUE), "run `make against-torch`"
