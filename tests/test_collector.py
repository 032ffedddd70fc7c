"""The collector rests inside, runs again afterwards, and does not look through what was made."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from nnc.compiler.collector import collector_paused


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def collections() -> list[int]:
    return [generation["collections"] for generation in gc.get_stats()]


def test_it_rests_and_runs_again() -> None:
    before = collections()
    with collector_paused():
        assert not gc.isenabled()
        kept = [[n] for n in range(50_000)]
        assert collections() == before
    assert gc.isenabled()
    old = {id(o) for o in gc.get_objects(generation=2)}
    assert all(id(o) in old for o in kept)


def test_it_runs_again_after_an_error_and_stays_off_where_it_was_off() -> None:
    with pytest.raises(ZeroDivisionError), collector_paused():
        raise ZeroDivisionError
    assert gc.isenabled()
    gc.disable()
    with collector_paused():
        pass
    assert not gc.isenabled()


def test_garbage_made_inside_is_found_later() -> None:
    class Loop:
        me: Loop

    with collector_paused():
        loop = Loop()
        loop.me = loop
        number = id(loop)
        del loop
    assert any(id(o) == number for o in gc.get_objects())
    gc.collect()
    assert not any(id(o) == number and isinstance(o, Loop) for o in gc.get_objects())


def test_what_somebody_has_frozen_stays_frozen() -> None:
    gc.freeze()
    frozen = gc.get_freeze_count()
    assert frozen
    with collector_paused():
        pass
    assert gc.get_freeze_count() == frozen
