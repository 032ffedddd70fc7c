"""What makes the steps of a run fast on a device: the whole decision, in one function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from nnc.compiler.backends.torch.build import origin
from nnc.compiler.graph.blocks import blocks_of
from nnc.compiler.graph.ir import Graph, Stored
from nnc.compiler.training.config import TrainConfig
from nnc.compiler.training.config.speed import CompileConfig, Implementation
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.failure import Failure
from nnc.runtime.speed.memory import can_keep_memory

__all__ = ["Choices", "checkpointed", "choose", "fusable"]


@dataclass(frozen=True)
class Choices:
    """`checkpointed` are the paths of modules; `implementation` is None where torch.optim chooses by itself. `why` says of
    everything that is not torch's own default what it is good for, in the order in which it is printed."""

    tf32: bool = False
    channels_last: bool = False
    compile: CompileConfig | None = None
    checkpointed: tuple[str, ...] = ()
    implementation: Implementation | None = None
    cuda_graphs: bool = False
    deterministic: bool = False
    cudnn_benchmark: bool = False
    keep_memory: bool = False
    why: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """`fused optimizer (one kernel for all parameters), …` for the head of a report."""
        return ", ".join(f"{what} ({reason})" for what, reason in self.why) or "torch's own defaults"


def choose(config: TrainConfig, model: nn.Module, device: torch.device) -> Choices:
    """What `precision:` and `speed:` ask for, and for what they leave open what suits the device.

    Nothing that makes two runs differ on one machine is chosen unasked (a choice by time, as cuDNN's benchmark makes it, or
    additions in random order); and on the CPU nothing that changes a bit of what torch's own defaults give. Raises `Failure`.
    """
    said, cuda = config.speed, device.type == "cuda"
    half = config.precision in ("bf16", "fp16")
    images = any(p.ndim in (4, 5) for p in model.parameters())
    optimizers = [*config.optimizer.all, *(o for step in config.steps for o in step.optimizer.all)]
    why: list[tuple[str, str]] = []

    def chosen(value: Any, automatic: bool, what: str, reason: str) -> bool:
        """What is said, else what suits the device; noted with its reason."""
        result = bool(automatic and not said.plain) if value is None else bool(value)
        if result:
            why.append((what, "asked for" if value else reason))
        return result

    keep_memory = chosen(
        None, device.type == "cpu" and can_keep_memory(), "memory kept between steps", "fewer page faults"
    )
    tf32 = config.precision == "tf32" and cuda and torch.cuda.get_device_capability(device)[0] >= 8
    if config.precision == "tf32":
        lacking = "the tensor cores of an Ampere GPU or newer have it, this device computes in float32"
        why.append(("TF32", "asked for") if tf32 else ("no TF32", lacking))
    channels_last = chosen(said.channels_last, cuda and half and images, "channels_last", "as tensor cores read images")
    benchmark = chosen(said.cudnn_benchmark, False, "cuDNN's benchmark", "")
    deterministic = chosen(said.deterministic, cuda and not benchmark, "deterministic", "the same bits in every run")
    if said.compile is not None:
        why.append((f"torch.compile {said.compile.mode}", "asked for"))
    cuda_graphs = bool(said.cuda_graphs) and cuda
    if said.cuda_graphs:
        why.append(("CUDA graphs", "asked for") if cuda else ("no CUDA graphs", f"there are none on {device.type}"))
    paths = checkpointed(model, said.checkpointing) if said.checkpointing else ()
    if said.checkpointing and not paths:
        names = said.checkpointing if isinstance(said.checkpointing, tuple) else ()
        reason = f"nothing is called {', '.join(names)}" if names else "it has no blocks"
        raise Failure("NNC0816", config.span, f"no part of the network can be computed again: {reason}")
    if paths:
        parts = f"{len(paths)} part{'s' if len(paths) != 1 else ''} of the network"
        why.append((f"activation checkpointing of {parts}", "asked for"))
    implementation = said.optimizer
    if implementation is not None:
        why.append((f"{implementation} optimizer", "asked for"))
    elif cuda and not said.plain and all(fusable(o.call.name, model) for o in optimizers):
        implementation = "fused"
        why.append(("fused optimizer", "one kernel for all parameters"))
    return Choices(
        tf32=tf32, channels_last=channels_last, compile=said.compile, checkpointed=paths, implementation=implementation,
        cuda_graphs=cuda_graphs, deterministic=deterministic, cudnn_benchmark=benchmark, keep_memory=keep_memory,
        why=tuple(why),
    )  # fmt: skip


def fusable(optimizer: str, model: nn.Module) -> bool:
    """Whether torch.optim has a fused implementation for these parameters: dense gradients of real numbers."""
    dense = not any(getattr(m, "sparse", False) for m in model.modules())
    real = all(p.is_floating_point() for p in model.parameters() if p.requires_grad)
    return VOCABULARY["optimizer"][optimizer].argument("fused") is not None and dense and real


def checkpointed(model: nn.Module, wanted: tuple[str, ...] | bool) -> tuple[str, ...]:
    """Paths of the modules that are meant: by a glob over their path, over the name of their block or of their layer's type,
    or with True every block that repeats. Of modules inside each other the outermost."""
    made = origin(model)
    if wanted is True:
        found = [b.path for b in blocks_of(made.graph) if b.repeated] if made is not None else []
    else:
        patterns = wanted or ()
        named = _named(made.graph) if made is not None else ()
        kinds = {**{p: type(m).__name__ for p, m in model.named_modules()}, **dict(named)}
        found = [p for p, kind in kinds.items() if p and any(fnmatchcase(n, g) for n in (p, kind) for g in patterns)]
    there = dict(model.named_modules())
    outermost: list[str] = []
    for path in sorted(p for p in found if p in there):
        if not any(path.startswith(f"{o}.") for o in outermost):
            outermost.append(path)
    return tuple(p for p in there if p in outermost)


def _named(graph: Graph) -> Iterator[tuple[str, str]]:
    """Every module's path, with the name of its block or layer type."""
    for path, node in graph.walk():
        if node.is_module and node.shares is None and not isinstance(node.target, Stored):
            yield path, node.target.name
