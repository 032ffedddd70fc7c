"""What every engine of several processes has: sums over all of them, and one opinion on buffers and batch statistics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from nnc.compiler.training.config import TrainConfig
from nnc.runtime.data import Batch
from nnc.runtime.failure import Failure
from nnc.runtime.parallel.engine import Engine
from nnc.runtime.parallel.shares import StandIn
from nnc.runtime.parallel.world import World
from nnc.runtime.training.seed import derive

__all__ = ["Several", "Side"]


class Side(World):
    """Those processes of a world that have different samples: one of each group that divides its layers."""

    def __init__(self, world: World, group: dist.ProcessGroup) -> None:
        self.rank, self.size = dist.get_rank(group), dist.get_world_size(group)
        self._world, self._group = world, group

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        dist.all_reduce(tensor, group=self._group)
        return tensor

    def texts(self, text: str) -> list[str]:
        """Those of the whole world: of one in each group that divides its layers."""
        return self._world.texts(text)[:: self._world.size // self.size]


class Several(Engine):
    """An engine of more than one process."""

    def adapted(self, config: TrainConfig) -> TrainConfig:
        if config.speed.cuda_graphs:
            message = "CUDA graphs record the steps of one process: what several send each other is in none"
            raise Failure("NNC0932", config.spans.get("speed", config.span), message)
        return config

    def reseed(self, step: int) -> None:
        torch.manual_seed(derive(self.config.seed, "step", step, self.data.rank))

    def weighed(self, loss: torch.Tensor, batch: Batch) -> torch.Tensor:
        return loss * (0 if isinstance(batch, StandIn) else self.data.size)

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        return self.world.sum(value.detach().clone()) / self.world.size

    def anywhere(self, condition: bool) -> bool:
        return self.world.highest(int(condition)) > 0

    def gathered(self, tensor: torch.Tensor, dim: int | None) -> torch.Tensor:
        if dim is None:
            return tensor
        rows = [int(n) for n in self.data.texts(str(tensor.shape[dim]))]
        mine = tensor.movedim(dim, 0)
        whole = mine.new_zeros((sum(rows), *mine.shape[1:]))
        before = sum(rows[: self.data.rank])
        whole[before : before + len(mine)] = mine
        return self.data.sum(whole).movedim(0, dim)

    def share(self, tensor: torch.Tensor, dim: int | None) -> torch.Tensor:
        return tensor if dim is None else tensor.tensor_split(self.data.size, dim)[self.data.rank].contiguous()

    def agree(self, model: nn.Module) -> None:
        for buffer in _unique(model.buffers()):
            dist.broadcast(buffer, src=0)

    def synchronize_statistics(self, model: nn.Module) -> nn.Module:
        """`sync_batchnorm: true`. Raises `Failure` where torch has none for the device."""
        if not self.config.parallel.sync_batchnorm:
            return model
        if self.device.type == "cpu":
            message = (
                "torch's SyncBatchNorm works on GPUs: on the CPU each process has the statistics of its own samples"
            )
            raise Failure("NNC0932", self.config.parallel.span or self.config.span, message)
        convert: Any = nn.SyncBatchNorm.convert_sync_batchnorm  # torch has no types for it
        converted: nn.Module = convert(model)
        return converted


def _unique(tensors: Iterable[torch.Tensor]) -> Iterable[torch.Tensor]:
    return {id(t): t for t in tensors}.values()
