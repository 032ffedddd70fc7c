"""The garbage collector, paused."""

from __future__ import annotations

import gc

import pytest

from nnc.compiler.collector import collector_paused


def test_it_runs_again_whatever_happens() -> None:
    seen = []
    with pytest.raises(ZeroDivisionError), collector_paused():
        seen.append(gc.isenabled() or 1 / 0)
    assert gc.isenabled()
    assert seen == []


def test_who_has_switched_it_off_keeps_it_off() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
