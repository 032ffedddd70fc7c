"""`parallel: fsdp`: every process has a part of each parameter, of its gradient and of the optimizer's state. torch's
`fully_shard` gathers the parameters of one part of the network at a time, while it is computed."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, FSDPModule, MixedPrecisionPolicy, OffloadPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.optim import Optimizer

from nnc.compiler.backends.torch.build import origin
from nnc.compiler.graph.blocks import blocks_of
from nnc.compiler.graph.pairs import Pair, pairs_of
from nnc.compiler.training.config import TrainConfig
from nnc.compiler.training.config.parallel import UNSHARDED
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.parallel.several import Several, Side
from nnc.runtime.parallel.world import World
from nnc.runtime.training.modes import modes, restore_modes
from nnc.runtime.training.several import Several as Optimizers

__all__ = ["Sharded"]

NUMBERS = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Sharded(Several):
    """torch's FSDP2. Parameters become DTensors in place: names, optimizer and clipping stay what they are; what is saved is
    put together first, so a checkpoint is the same as any other."""

    name = "fsdp"

    def __init__(self, world: World, config: TrainConfig, device: torch.device) -> None:
        super().__init__(world, config, device)
        self.units: tuple[str, ...] = ()  # the network's blocks
        self.pairs: tuple[Pair, ...] = ()
        self._count = 1
        self._offloads = config.parallel.cpu_offload and device.type != "cpu"  # there they are anyway
        self._check()
        tensor = config.parallel.tensor
        self._tensor = tensor.size if tensor is not None else 1
        if world.size % self._tensor:
            where = config.parallel.span or config.span
            raise Failure("NNC0932", where, f"{world.size} processes are no multiple of `tensor: {self._tensor}`")
        self._mesh = init_device_mesh(
            device.type, (world.size // self._tensor, self._tensor), mesh_dim_names=("data", "tensor")
        )
        if self._tensor > 1:
            logging.getLogger("torch.distributed.tensor._redistribute").setLevel(
                logging.ERROR
            )  # that two steps take two
            self.data = Side(world, self._mesh.get_group("data"))
        self._model: Any = None
        self._copy: nn.Module | None = None

    def _check(self) -> None:
        """What `nnc check` says of a spec, for `--parallel`. Raises `Failure`."""
        name, where = self.config.optimizer.call.name, self.config.optimizer.call.span
        if name in UNSHARDED:
            raise Failure("NNC0932", where, f"torch's {name} cannot step over sharded parameters", notes=("ddp can",))
        if self.config.steps:
            raise Failure("NNC0932", where, "several steps for each batch go with `ddp`")

    def adapted(self, config: TrainConfig) -> TrainConfig:
        config, speed = super().adapted(config), config.speed
        if speed.channels_last:
            message = "a sharded parameter lies flat in memory: `channels_last` goes with `ddp`"
            raise Failure("NNC0932", config.spans.get("speed", config.span), message)
        speed = replace(speed, channels_last=False)
        if self._tensor > 1 and self.device.type != "cpu":  # parameters on two meshes do not go through one kernel
            speed = replace(speed, optimizer="loop")
        return replace(config, speed=speed)

    def prepare(self, model: nn.Module) -> nn.Module:
        converted = self.synchronize_statistics(model)
        made = origin(model)
        if made is not None and made.graph is not None:
            self.units, self.pairs = tuple(b.path for b in blocks_of(made.graph)), pairs_of(made.graph)
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
        words += ["parameters wait on the CPU"] if self._offloads else []
        words += [f"feed-forward parts divided by {self._tensor}"] if self._tensor > 1 else []
        return ", ".join(words)

    def _shard(self, model: nn.Module) -> None:
        """The parts first, then what is left, with the network itself. Raises `Failure`."""
        config, number = self.config.parallel, self.config.parallel.param_dtype
        if number is None and self.config.precision == "bf16":
            number = "bf16"  # what autocast would make of them, sent in half the bytes
        options: dict[str, Any] = {
            "mesh": self._mesh["data"],
            "reshard_after_forward": config.reshard_after_forward,
            "mp_policy": MixedPrecisionPolicy(
                param_dtype=NUMBERS.get(number or ""),
                reduce_dtype=NUMBERS[config.reduce_dtype or "float32"] if number or config.reduce_dtype else None,
            ),
            "offload_policy": CPUOffloadPolicy() if self._offloads else OffloadPolicy(),
        }
        try:
            self._divide(model)
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

    def _divide(self, model: nn.Module) -> None:
        """Tensor parallelism: of two Linear of a feed-forward part, each process has some of the features between them."""
        tensor = self.config.parallel.tensor
        if tensor is None or self._tensor == 1:
            return
        globs = tensor.match or ("*",)
        pairs = [p for p in self.pairs if any(fnmatchcase(p.first, g) or fnmatchcase(p.first, f"{g}.*") for g in globs)]
        if not pairs:
            raise Failure(
                "NNC0932", tensor.span or self.config.span, "the network has no part that processes can divide"
            )
        plan: dict[str, Any] = {p.first: ColwiseParallel() for p in pairs} | {
            p.second: RowwiseParallel() for p in pairs
        }
        parallelize_module(model, self._mesh["tensor"], plan)

    def _units(self, model: nn.Module) -> list[nn.Module]:
        """The modules that are gathered one at a time: those that `units:` names, else the network's blocks."""
        named, globs = dict(model.named_modules()), self.config.parallel.units
        if globs is None:
            return [named[name] for name in self.units if name in named]
        fitting = [n for n, m in named.items() if n and any(fnmatchcase(n, g) for g in globs) and _has_own(m)]
        if not fitting:
            where = self.config.parallel.span or self.config.span
            raise Failure("NNC0932", where, f"no module is called {' or '.join(f'`{g}`' for g in globs)}")
        inner = {n for n in fitting for other in fitting if n.startswith(f"{other}.")}
        return [named[name] for name in fitting if name not in inner]

    # -- a step --------------------------------------------------------------------------------------------------------

    @contextmanager
    def accumulating(self, *, last: bool) -> Iterator[None]:
        if isinstance(self._model, FSDPModule):
            self._model.set_requires_gradient_sync(last)
        yield

    def number(self, value: torch.Tensor) -> torch.Tensor:
        return value.full_tensor() if isinstance(value, DTensor) else value

    def norm(self, gradients: Sequence[torch.Tensor]) -> torch.Tensor:
        if self._tensor == 1:
            return super().norm(gradients)
        meshes = {g.device_mesh for g in gradients if isinstance(g, DTensor)}  # torch takes those of one at a time
        parts = [[g for g in gradients if isinstance(g, DTensor) and g.device_mesh == mesh] for mesh in meshes]
        norms = torch.stack([self.number(nn.utils.get_total_norm(part)) for part in parts])
        whole: torch.Tensor = torch.linalg.vector_norm(norms)
        return whole

    def clip_norm(self, parameters: Sequence[nn.Parameter], norm: float) -> None:
        if self._tensor == 1:
            super().clip_norm(parameters, norm)
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        factor = (norm / (self.norm(gradients) + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            _local(gradient).mul_(factor)

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
        if isinstance(optimizer, Optimizers):
            return {name: self.optimizer_parts(state[name], part) for name, part in optimizer.parts.items()}
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
