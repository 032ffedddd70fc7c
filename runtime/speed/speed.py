"""A network's training steps as the choices say: layout, compilation, checkpointing, and torch's global settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from nnc.compiler.training.config import OptimizerConfig, TrainConfig
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.speed.checkpointing import checkpointing
from nnc.runtime.speed.choose import Choices, choose
from nnc.runtime.speed.graphs import Graphed
from nnc.runtime.speed.memory import kept_memory

__all__ = ["Speed"]

LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}


class Speed:
    """What is called in a training step instead of the network. The network itself, its names and its `state_dict` stay as
    they are: validation, checkpoints and artifacts know nothing of this.

    `module` is what runs: the network, or what a distributed run puts around it.
    """

    def __init__(self, model: nn.Module, config: TrainConfig, device: torch.device) -> None:
        self.model, self.device = model, device
        self._module = model
        self.choices: Choices = choose(config, model, device)
        self.config = _with_implementation(config, self.choices)
        self._fast: Callable[..., Any] | None = None
        self._full = config.batch_size

    @property
    def module(self) -> nn.Module:
        return self._module

    @module.setter
    def module(self, module: nn.Module) -> None:
        if module is not self._module:
            self._module, self._fast = module, None

    @property
    def full(self) -> int:
        """How many samples a batch has that is compiled or recorded."""
        return self._full

    @full.setter
    def full(self, samples: int) -> None:
        self._full, self._fast = samples, None

    def forward(self, *inputs: torch.Tensor) -> Any:
        """The network's outputs for a batch. What is compiled or recorded for full batches leaves smaller ones as they are:
        a second compilation would take longer."""
        choices = self.choices
        if choices.channels_last:
            inputs = tuple(_laid_out(x) for x in inputs)
        if choices.compile is None and not choices.cuda_graphs:
            return self._module(*inputs)
        any_size = choices.compile is not None and choices.compile.dynamic is True
        if not any_size and inputs[0].shape[0] != self._full:
            return self._module(*inputs)
        if self._fast is None:
            self._fast = self._made()
        return self._fast(*inputs)

    def _made(self) -> Callable[..., Any]:
        if self.choices.cuda_graphs:
            return Graphed(self.module, self.device)
        return self.compiled(self.module)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A network, or a part of it, where compilation is asked for."""
        wanted = self.choices.compile
        if wanted is None:
            return function
        mode = None if wanted.mode == "default" else wanted.mode
        made: Callable[..., Any] = torch.compile(
            function, mode=mode, fullgraph=wanted.fullgraph, dynamic=wanted.dynamic
        )
        return made

    def applied_to(self, config: TrainConfig) -> TrainConfig:
        """The same for one of several steps, with an optimizer of its own."""
        return _with_implementation(config, self.choices)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While the network is trained. Afterwards the network and torch are as they were before."""
        choices = self.choices
        with ExitStack() as stack:
            stack.enter_context(_settings(choices))
            if choices.keep_memory:
                stack.enter_context(kept_memory())
            if choices.channels_last:
                stack.enter_context(_channels_last(self.model))
            if choices.checkpointed:
                stack.enter_context(checkpointing(self.model, choices.checkpointed))
            yield

    def align(self, optimizer: Optimizer) -> None:
        """An optimizer's state as it was loaded, laid out as the parameters are: fused kernels take them for equal."""
        if not self.choices.channels_last:
            return
        for parameter, state in optimizer.state.items():
            for name, value in state.items():
                if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                    state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _laid_out(x: torch.Tensor) -> torch.Tensor:
    layout = LAYOUTS.get(x.ndim)
    return x if layout is None else x.contiguous(memory_format=layout)


def _with_implementation(config: TrainConfig, choices: Choices) -> TrainConfig:
    """The implementation as an argument of every optimizer that has it, unless the spec gives one itself."""
    wanted = choices.implementation
    if wanted is None:
        return config
    argument = {"fused": True} if wanted == "fused" else {"foreach": wanted == "foreach"}

    def told(optimizer: OptimizerConfig) -> OptimizerConfig:
        call, further = optimizer.call, tuple(map(told, optimizer.further))
        known = all(VOCABULARY["optimizer"][call.name].argument(name) for name in argument)
        if known and not {"fused", "foreach"} & call.arguments.keys():
            call = replace(call, arguments={**call.arguments, **argument})
        return replace(optimizer, call=call, further=further)

    return replace(config, optimizer=told(config.optimizer))


@contextmanager
def _channels_last(model: nn.Module) -> Iterator[None]:
    """Weights of convolutions with their channels last; what they are does not change."""
    parameters = [p for p in model.parameters() if p.ndim in LAYOUTS]
    for parameter in parameters:
        parameter.data = parameter.data.contiguous(memory_format=LAYOUTS[parameter.ndim])
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.data = parameter.data.contiguous()


@contextmanager
def _settings(choices: Choices) -> Iterator[None]:
    """torch's global settings."""
    with ExitStack() as stack:
        if choices.tf32:
            stack.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
            torch.set_float32_matmul_precision("high")
        if choices.cudnn_benchmark:
            stack.callback(setattr, torch.backends.cudnn, "benchmark", torch.backends.cudnn.benchmark)
            torch.backends.cudnn.benchmark = True
        if choices.deterministic:
            stack.enter_context(_deterministic())
        yield


@contextmanager
def _deterministic() -> Iterator[None]:
    """Algorithms that give the same bits in every run; where torch has none, it warns."""
    before, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    settings: Any = torch.utils.deterministic
    fills = settings.fill_uninitialized_memory
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else cuBLAS may differ from run to run
    torch.use_deterministic_algorithms(True, warn_only=True)
    settings.fill_uninitialized_memory = False  # it costs time, and nothing reads what nobody wrote
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
        settings.fill_uninitialized_memory = fills
