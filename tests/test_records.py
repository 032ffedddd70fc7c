"""A record is a frozen dataclass: to mypy in all, at run time in all but the guard."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import pytest

from nnc.compiler.records import record


@record(frozen=True, slots=True)
class Place:
    name: str
    at: int = 3
    notes: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Frozen:
    name: str
    at: int = 3
    notes: tuple[str, ...] = field(default=(), repr=False)


def test_it_is_what_a_frozen_dataclass_is() -> None:
    one, other = Place("a", 1, ("n",)), Place("a", 1, notes=("n",))
    assert one == other
    assert one != Place("a", 2, ("n",))
    assert one != Frozen("a", 1, ("n",))
    assert hash(one) == hash(other) == hash(Frozen("a", 1, ("n",)))
    assert repr(Place("a")) == repr(Frozen("a")).replace("Frozen", "Place")
    assert [(f.name, f.default) for f in fields(Place)] == [(f.name, f.default) for f in fields(Frozen)]
    assert Place.__slots__ == Frozen.__slots__
    assert Place.__match_args__ == Frozen.__match_args__
    assert replace(one, at=2) == Place("a", 2, ("n",))
    assert copy.deepcopy(one) == one
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301  # our own


def test_what_may_change_is_no_record() -> None:
    with pytest.raises(AssertionError):
        record(frozen=False, slots=True)


@pytest.mark.nightly  # mypy takes seconds
def test_mypy_refuses_to_change_one(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("from nnc.compiler.diagnostics import Source, Span\nSpan(Source('a', 'b'), 0, 1).start = 1\n")
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "mypy", program], capture_output=True, text=True, check=False, cwd=root
    )
    assert 'program.py:2: error: Property "start" defined in "Span" is read-only' in done.stdout
