"""Damaged files are read or refused: no traceback, no hang over 2 s, no memory over 1 GiB."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.mutating import KINDS, tried

EACH = 60
MANY = 7700  # of each of 13 kinds: 100,000 in all


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("specs", "data: and train:")])
def test_damaged_files(kind: str, tmp_path: Path) -> None:
    """Those of specs and their sections, 2,500 in all, have tests of their own: tests/test_mutations.py, tests/training."""
    found = tried(kind, tmp_path, range(EACH))
    assert found.cases == EACH
    assert not found.faults, found
    assert found.refused > EACH // 20, "the damage is real"


@pytest.mark.nightly
@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_thousand_damaged_files(kind: str, tmp_path: Path) -> None:
    found = tried(kind, tmp_path, range(10_000, 10_000 + MANY))
    assert not found.faults, found
