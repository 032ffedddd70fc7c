"""Large networks: what `nnc check` does grows with the number of layers, and not faster. benchmarks/scale.py measures it."""

from __future__ import annotations

import time

import pytest

from nnc.compiler.driver import Compilation, compile_text
from tests.elaborate.scale import KINDS, spec


def seconds(kind: str, layers: int) -> float:
    begun = time.process_time()
    assert compile_text(spec(kind, layers)).ok
    return time.process_time() - begun


@pytest.mark.parametrize("kind", KINDS)
def test_four_times_the_layers_take_about_four_times_as_long(kind: str) -> None:
    """Were it the square, they would take sixteen times as long. The best of three: the machine may be busy."""
    seconds(kind, 200)  # what is read once
    assert any(seconds(kind, 2_000) / seconds(kind, 500) < 9 for _ in range(3))


def test_more_layers_than_work_is_free_for() -> None:
    """From one line of a file: it ends, with one fault."""
    assert compile_text(spec("repeated", 10_000)).ok
    compiled: Compilation = compile_text(spec("repeated", 300_000))
    assert [d.code for d in compiled.problems] == ["NNC0704"]  # once, though every entry after it failed too


@pytest.mark.nightly
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "repeated"])
def test_a_hundred_thousand_layers(kind: str) -> None:
    assert compile_text(spec(kind, 100_000)).ok
