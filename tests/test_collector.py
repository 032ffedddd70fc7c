"""The garbage collector, paused."""

from __future__ import annotations

import gc

import pytest

from nnc.compiler.collector import collector_paused


def test_it_runs_again_whatever_happens() -> None:
    with pytest.raises(ValueError, match="x"), collector_paused():
        assert not gc.isenabled()
        raise ValueError("x")
    assert gc.isenabled()


def test_who_has_switched_it_off_keeps_it_off() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
