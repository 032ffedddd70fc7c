"""`parallel: fsdp`: every process has a part of each parameter, of its gradient and of the optimizer's state. torch's
`fully_shard` gathers the parameters of one part of the network at a time, while it is computed."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, FSDPModule, MixedPrecisionPolicy, OffloadPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from nnc.compiler.backends.torch.build import origin
from nnc.compiler.graph.blocks import blocks_of
from nnc.compiler.training.config import TrainConfig
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.modes import modes, restore_modes
from nnc.runtime.parallel.several import Several
from nnc.runtime.parallel.world import World

__all__ = ["Sharded"]

NUMBERS = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Sharded(Several):
    """torch's FSDP2. Parameters become DTensors in place: names, optimizer and clipping stay what they are; what is saved is
    put together first, so a checkpoint is the same as any other."""

    name = "fsdp"

    def __init__(self, world: World, config: TrainConfig, device: torch.device) -> None:
        super().__init__(world, config, device)
        self.units: tuple[str, ...] = ()  # of the network's blocks
        self._count = 1
        self._model: Any = None
        self._copy: nn.Module | None = None

    def prepare(self, model: nn.Module) -> nn.Module:
        converted = self.synchronize_statistics(model)
        made = origin(model)
        self.units = () if made is None or made.graph is None else tuple(b.path for b in blocks_of(made.graph))
        self._copy = copy.deepcopy(converted) if self.config.averaging else None
        self._shard(converted)
        self._model = converted
        return converted

    def copied(self, model: nn.Module) -> nn.Module:
        assert self._copy is not None, "a copy is wanted where there is an average"
        copied, self._copy = self._copy, None
        return copied

    @contextmanager
    def trying(self, model: nn.Module) -> Iterator[nn.Module]:
        """A sharded network cannot be copied: this one is tried, and what it keeps of that is undone."""
        buffers, before = [(b, b.clone()) for b in model.buffers()], modes(model)
        try:
            yield model.train()
        finally:
            self.rest(model)
            restore_modes(before)
            for buffer, value in buffers:
                buffer.copy_(value)

    def prepare_average(self, average: nn.Module) -> None:
        self._shard(average)

    def about(self) -> str:
        config, count = self.config.parallel, self._count
        words = [f"{self.world.size}, fsdp", f"in {count} part{'s' if count > 1 else ''}"]
        words += [f"{config.param_dtype} parameters"] if config.param_dtype else []
        words += ["parameters wait on the CPU"] if config.cpu_offload else []
        return ", ".join(words)

    def _shard(self, model: nn.Module) -> None:
        """The parts first, then what is left, with the network itself. Raises `Failure`."""
        config, mesh = self.config.parallel, self._mesh()
        options: dict[str, Any] = {
            "mesh": mesh,
            "reshard_after_forward": config.reshard_after_forward,
            "mp_policy": MixedPrecisionPolicy(
                param_dtype=NUMBERS.get(config.param_dtype or ""), reduce_dtype=NUMBERS.get(config.reduce_dtype or "")
            ),
            "offload_policy": CPUOffloadPolicy() if config.cpu_offload else OffloadPolicy(),
        }
        try:
            units = self._units(model)
            self._count = len(units) + 1
            for unit in units:
                fully_shard(unit, **options)
            fully_shard(model, **options)
        except (RuntimeError, ValueError, NotImplementedError) as error:
            self.world.check(error)
            raise Failure(
                "NNC0932", config.span or self.config.span, f"torch refuses FSDP: {reason_of(error)}"
            ) from error

    def _units(self, model: nn.Module) -> list[nn.Module]:
        """The modules that are gathered one at a time: those that `units:` names, else the network's blocks."""
        named, globs = dict(model.named_modules()), self.config.parallel.units
        if globs is None:
            return [named[name] for name in self.units if name in named]
        fitting = [n for n, m in named.items() if n and any(fnmatchcase(n, g) for g in globs) and _has_own(m)]
        return [named[name] for name in reversed(fitting)]  # inner ones before those around them

    def _mesh(self) -> DeviceMesh:
        return init_device_mesh(self.device.type, (self.world.size,))

    # -- a step --------------------------------------------------------------------------------------------------------

    @contextmanager
    def accumulating(self, *, last: bool) -> Iterator[None]:
        if isinstance(self._model, FSDPModule):
            self._model.set_requires_gradient_sync(last)
        yield

    def number(self, value: torch.Tensor) -> torch.Tensor:
        return value.full_tensor() if isinstance(value, DTensor) else value

    def average_function(self, function: Any) -> Any:
        """Averages go tensor by tensor, so each process averages its own parts."""

        def averaged(averages: Sequence[torch.Tensor], current: Sequence[torch.Tensor], count: Any) -> None:
            function([_local(t) for t in averages], [_local(t) for t in current], count)

        return averaged

    # -- between steps -------------------------------------------------------------------------------------------------

    def rest(self, model: nn.Module) -> None:
        modules: Iterable[Any] = model.modules()
        for module in modules:
            if isinstance(module, FSDPModule):
                module.reshard()

    # -- saving and restoring ------------------------------------------------------------------------------------------

    def whole(self, tree: Any) -> Any:
        match tree:
            case DTensor():
                return tree.full_tensor().detach()
            case dict():
                return {k: self.whole(v) for k, v in tree.items()}
            case list():
                return [self.whole(v) for v in tree]
            case tuple():
                return tuple(self.whole(v) for v in tree)
        return tree

    def parts(self, tensors: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        return {name: _like(tensor, own.get(name)) for name, tensor in tensors.items()}

    def optimizer_parts(self, state: Mapping[str, Any], optimizer: Optimizer) -> dict[str, Any]:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        parts = {
            number: {
                k: _like(v, parameters[number]) if isinstance(v, torch.Tensor) and v.ndim else v
                for k, v in kept.items()
            }
            for number, kept in state["state"].items()
        }
        return {**state, "state": parts}


def _local(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _like(tensor: torch.Tensor, own: torch.Tensor | None) -> torch.Tensor:
    """This process's part of a whole tensor, divided as `own` is; nothing is sent, for every process has the whole."""
    if not isinstance(own, DTensor) or tensor.shape != own.shape:
        return tensor
    return distribute_tensor(tensor.to(own.device), own.device_mesh, own.placements, src_data_rank=None)


def _has_own(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())
