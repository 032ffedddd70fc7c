"""`parallel: ddp`: every process has the whole network, and gradients are averaged while the backward pass runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from nnc.compiler.backends.torch.build import origin
from nnc.compiler.training.config import TrainConfig
from nnc.compiler.training.reached import reached
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.parallel.several import Several
from nnc.runtime.parallel.world import World

__all__ = ["Replicated"]


class Replicated(Several):
    """torch's DistributedDataParallel around the network; the optimizer, averages and checkpoints work on the network
    itself, as they do on a single process."""

    name = "ddp"

    def prepare(self, model: nn.Module) -> nn.Module:
        return self.synchronize_statistics(model)

    def __init__(self, world: World, config: TrainConfig, device: torch.device) -> None:
        super().__init__(world, config, device)
        self._wrapped: DistributedDataParallel | None = None
        self._trained: list[str] = []

    def wrap(self, model: nn.Module) -> nn.Module:
        config, trained = self.config.parallel, [n for n, p in model.named_parameters() if p.requires_grad]
        if trained != self._trained:  # DDP knows the parameters that were trainable when it was made
            self._wrapped, self._trained = None, trained
        if self._wrapped is not None or not trained:
            return self._wrapped or model
        if self.config.steps:  # DDP waits for the gradients of all parameters, and these come in turns
            for parameter in model.parameters():
                dist.broadcast(parameter.detach(), src=0)
            return model
        self._leave_out(model, trained)
        try:
            self._wrapped = DistributedDataParallel(
                model,
                device_ids=[self.device] if self.device.type == "cuda" else None,
                static_graph=config.static_graph,
                gradient_as_bucket_view=True,  # saves a copy of all gradients
                bucket_cap_mb=config.bucket_cap_mb,
            )
        except (RuntimeError, ValueError) as error:
            self.world.check(error)
            raise Failure(
                "NNC0932", config.span or self.config.span, f"torch refuses DDP: {reason_of(error)}"
            ) from error
        return self._wrapped

    def _leave_out(self, model: nn.Module, trained: list[str]) -> None:
        """Parameters that the loss does not come to, such as those of a head that no loss names: DDP would wait for their
        gradients, or look for them in every step."""
        made, names = origin(model), set[str]()
        if made is not None and made.graph is not None:
            names = set(trained) - reached(made.graph, self.config.loss)
        leave: Any = DistributedDataParallel._set_params_and_buffers_to_ignore_for_model
        leave(model, sorted(names))

    def about(self) -> str:
        return f"{self.world.size}, ddp" + (", synchronized batch norm" if self.config.parallel.sync_batchnorm else "")

    def exchange(self, parameters: Sequence[nn.Parameter]) -> None:
        if not self.config.steps:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        for kind in {g.dtype for g in gradients}:
            some = [g for g in gradients if g.dtype == kind]
            flat = torch.cat([g.reshape(-1) for g in some])
            self.world.sum(flat).div_(self.world.size)
            parts: Sequence[torch.Tensor] = torch.split(flat, [g.numel() for g in some])
            for gradient, part in zip(some, parts, strict=True):
                gradient.copy_(part.view_as(gradient))

    @contextmanager
    def accumulating(self, *, last: bool) -> Iterator[None]:
        if last or self._wrapped is None:
            yield
            return
        with self._wrapped.no_sync():
            yield
