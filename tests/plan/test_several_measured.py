"""Planned against measured on several processes: what each one's allocator gives out in a step, DDP and FSDP."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from nnc.compiler.driver import compile_text
from nnc.compiler.graph.blocks import blocks_of
from nnc.compiler.plan.plan import Asked, make_plan
from nnc.compiler.training.config.parallel import ParallelConfig
from nnc.runtime.parallel import World
from tests.parallel.processes import together
from tests.plan.measured import Step, allocated
from tests.plan.test_plan import DEEP


class Shared(Step):
    """The step of one process of several, as the engine wraps it."""

    kind = "ddp"

    def wrap(self, model: nn.Module) -> nn.Module:
        if self.kind == "ddp":
            wrapped: nn.Module = DistributedDataParallel(model, gradient_as_bucket_view=True)
            return wrapped
        for block in blocks_of(self.graph):
            fully_shard(model.get_submodule(block.path))
        fully_shard(model)
        return model

    @property
    def resident(self) -> list[torch.Tensor]:
        return [t.to_local() if isinstance(t, DTensor) else t for t in super().resident]


def measure_here(world: World, kind: str, batch: int) -> None:
    world.begin(torch.device("cpu"), 60)
    torch.set_num_threads(1)
    step = type("Here", (Shared,), {"kind": kind})(
        compile_text(DEEP).graph, {"B": batch}, partial(torch.optim.AdamW, lr=1e-3)
    )
    buckets = 4 * sum(p.numel() for p in step.model.parameters()) if kind == "ddp" else 0  # are there throughout
    least = min(allocated(step) for _ in range(5))  # where the other process is late, what it is sent waits
    print("bytes", least + buckets, flush=True)
    world.end()


CASES: list[tuple[Literal["ddp", "fsdp"], int, int]] = [
    ("ddp", 2, 64), ("ddp", 2, 1024), ("fsdp", 2, 64), ("fsdp", 2, 1024), ("fsdp", 4, 64),
]  # fmt: skip


def compared_on_several(folder: Path, kind: Literal["ddp", "fsdp"], processes: int, batch: int) -> tuple[int, int]:
    """Bytes: planned, and the most that one of the processes' allocators gave out."""
    said = together(processes, folder / "said", measure_here, kind, batch)
    measured = [int(m[1]) for m in map(re.compile(r"bytes (\d+)").search, said) if m]
    assert len(measured) == processes
    asked = Asked(gpus=processes, parallel=ParallelConfig(kind), device="cpu", batch_size=batch * processes)
    return make_plan(compile_text(DEEP).graph, {}, asked).memory.total, max(measured)


@pytest.mark.nightly
@pytest.mark.parametrize(("kind", "processes", "batch"), CASES)
def test_is_what_each_process_allocates(
    tmp_path: Path, kind: Literal["ddp", "fsdp"], processes: int, batch: int
) -> None:
    planned, measured = compared_on_several(tmp_path, kind, processes, batch)
    assert planned == pytest.approx(measured, rel=0.1)
