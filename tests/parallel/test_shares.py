"""Every sample of a batch is one process's, in order; and a process by itself imports nothing of torch.distributed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc.compiler.diagnostics import Source, Span
from nnc.runtime.data import Batch
from nnc.runtime.failure import Failure
from nnc.runtime.parallel import ALONE, World
from nnc.runtime.parallel.shares import StandIn, check_shares, part_size, samples_of, share_sizes, shares, whole_of

CPU = torch.device("cpu")


class Numbers:
    """Sample n is n."""

    fields, certain = ("x",), True

    def batches(
        self,
        order: torch.Tensor,
        batch_size: int,
        device: torch.device,
        *,
        seed: int = 0,
        epoch: int = 0,
        start: int = 0,
    ) -> Iterator[Batch]:
        for at in range(start * batch_size, len(order), batch_size):
            yield {"x": order[at : at + batch_size]}


class Member(World):
    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 6), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_every_sample_once_in_order(samples: int, batch_size: int, size: int, start: int) -> None:
    size, start = min(size, batch_size), min(start, -(-samples // batch_size))
    order = torch.randperm(samples)
    split: Any = Numbers()
    found = [list(shares(split, order, batch_size, CPU, Member(rank, size), start=start)) for rank in range(size)]
    whole = torch.split(order, batch_size)[start:]
    assert {len(parts) for parts in found} == {len(whole)}
    for number, batch in enumerate(whole):
        parts = [parts[number] for parts in found]
        counted = [p["x"] for p in parts if samples_of(p, len(p["x"]))]
        assert torch.equal(torch.cat(counted), batch)
        assert all(len(p["x"]) for p in parts)  # everyone has something to compute
        if size > 1:
            assert [whole_of(p, -1) for p in parts] == [len(batch)] * size
            assert {samples_of(p, len(p["x"])) for p in parts} <= share_sizes(samples, batch_size, Member(0, size)) | {
                0
            }
            assert all(torch.isin(p["x"], batch).all() for p in parts if isinstance(p, StandIn))
    if samples >= batch_size and not start:
        assert [len(parts[0]["x"]) for parts in found] == [part_size(batch_size, Member(r, size)) for r in range(size)]


def test_a_batch_that_is_too_small() -> None:
    span = Span(Source("spec.yaml", "batch_size: 2"), 0, 13)
    check_shares(2, Member(0, 2), span)
    with pytest.raises(Failure, match="batches of 2 cannot be divided among 3 processes"):
        check_shares(2, Member(0, 3), span)


def test_alone() -> None:
    split: Any = Numbers()
    assert type(next(shares(split, torch.arange(4), 2, CPU, ALONE))) is dict
    assert (ALONE.highest(3), ALONE.poll(3), ALONE.settle(3), ALONE.texts("a")) == (3, 3, 3, ["a"])
    assert ALONE.agreed("key", lambda: "value") == "value"


PROBE = """
import sys
import nnc.runtime.commands
names = ("group", "several", "replicated", "sharded", "launch", "saves")
def there(): return [n for n in names if f"nnc.runtime.parallel.{n}" in sys.modules]
print(there())
import nnc.runtime.parallel.group
print(there())
"""


def test_one_process_imports_no_engine_of_several() -> None:
    """And the probe finds one that is imported."""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.splitlines() == ["[]", "['group']"]
