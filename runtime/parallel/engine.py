"""How a network is trained: by one process, as it is. What several do differently is in replicated.py and sharded.py."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from nnc.compiler.training.config import TrainConfig
from nnc.runtime.data import Batch
from nnc.runtime.parallel.world import World

__all__ = ["Engine", "engine_of"]


class Engine:
    """What one process does, which is nothing beside training; the engines of several say what they do."""

    name = ""

    def __init__(self, world: World, config: TrainConfig, device: torch.device) -> None:
        self.world, self.config, self.device = world, config, device
        self.data = world  # the processes that have different samples

    def adapted(self, config: TrainConfig) -> TrainConfig:
        """With what `speed:` leaves open chosen so that it goes together with this engine. Raises `Failure` where what it asks
        for does not."""
        return config

    # -- before training -----------------------------------------------------------------------------------------------

    def prepare(self, model: nn.Module) -> nn.Module:
        """The network before its optimizer is made, changed in place. Raises `Failure`."""
        return model

    def prepare_average(self, average: nn.Module) -> None:
        """A copy of the network that was made before `prepare`, and is compared and saved, but not trained."""

    def wrap(self, model: nn.Module) -> nn.Module:
        """What is called in training instead of the prepared network; again, after other parameters may have become trainable.
        Raises `Failure`."""
        return model

    def about(self) -> str:
        """In a few words, for the head of a report; "" where there is nothing to say."""
        return ""

    # -- a step --------------------------------------------------------------------------------------------------------

    @contextmanager
    def accumulating(self, *, last: bool) -> Iterator[None]:
        """Around forward and backward of one of the batches of a step; gradients need to be exchanged in the last one
        alone."""
        yield

    def reseed(self, step: int) -> None:
        """Before a step: every process draws other numbers, for dropout, and the same ones when the run is resumed."""

    def weighed(self, loss: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The loss of this process's part of a step, for gradients that come to the step's when the processes' are averaged."""
        return loss

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """The mean of the processes' values, without gradient."""
        return value

    def anywhere(self, condition: bool) -> bool:
        """Whether it holds for any process."""
        return condition

    def exchange(self, parameters: Sequence[nn.Parameter]) -> None:
        """After the backward passes of a step: gradients are the processes' average, where that has not happened yet."""

    def number(self, value: torch.Tensor) -> torch.Tensor:
        """A sum over all of a parameter, which may be known in parts."""
        return value

    def norm(self, gradients: Sequence[torch.Tensor]) -> torch.Tensor:
        """The norm of all together."""
        return nn.utils.get_total_norm(gradients)

    def clip_norm(self, parameters: Sequence[nn.Parameter], norm: float) -> None:
        """As nn.utils.clip_grad_norm_."""
        nn.utils.clip_grad_norm_(parameters, norm)

    def average_function(self, function: Any) -> Any:
        """torch's function that averages lists of tensors, for parameters that may be sharded."""
        return function

    # -- between steps -------------------------------------------------------------------------------------------------

    @contextmanager
    def trying(self, model: nn.Module) -> Iterator[nn.Module]:
        """The prepared network in training mode, to try something on without a trace."""
        yield copy.deepcopy(model).train()

    def copied(self, model: nn.Module) -> nn.Module:
        """The network as it was before `prepare`, for a copy of it."""
        return model

    def rest(self, model: nn.Module) -> None:
        """After a forward pass without a backward pass, and before the parameters are looked at."""

    def agree(self, model: nn.Module) -> None:
        """Buffers, such as batch statistics, as the main process has them."""

    # -- saving and restoring ------------------------------------------------------------------------------------------

    def gathered(self, tensor: torch.Tensor, dim: int | None) -> torch.Tensor:
        """What the processes have of a batch, one behind the other along `dim`; of None, all have the same."""
        return tensor

    def share(self, tensor: torch.Tensor, dim: int | None) -> torch.Tensor:
        """This process's part of what `gathered` gave."""
        return tensor

    def whole(self, tree: Any) -> Any:
        """The same tree with every tensor whole. All processes call it."""
        return tree

    def parts(self, tensors: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Of whole tensors, this process's parts, as it has `own`."""
        return tensors

    def optimizer_parts(self, state: Mapping[str, Any], optimizer: Optimizer) -> dict[str, Any]:
        """The same for the state of an optimizer."""
        return dict(state)


def engine_of(world: World, config: TrainConfig, device: torch.device) -> Engine:
    """What `parallel:` asks for; a single process trains as it does without. torch.distributed is imported where it is
    needed."""
    if world.size == 1:
        return Engine(world, config, device)
    if config.parallel.kind == "fsdp":
        from nnc.runtime.parallel.sharded import Sharded

        return Sharded(world, config, device)
    from nnc.runtime.parallel.replicated import Replicated

    return Replicated(world, config, device)
