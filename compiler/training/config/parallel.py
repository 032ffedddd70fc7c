"""What `parallel:` of `train:` says, in typed form: read by `read/parallel.py`, obeyed by `runtime/parallel/`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nnc.compiler.diagnostics import Span

__all__ = ["KINDS", "NUMBERS", "UNSHARDED", "ParallelConfig", "TensorConfig"]

Kind = Literal["ddp", "fsdp"]
Number = Literal["float32", "bf16", "fp16"]
KINDS: tuple[Kind, ...] = ("ddp", "fsdp")
NUMBERS: tuple[Number, ...] = ("float32", "bf16", "fp16")
UNSHARDED = ("Adafactor", "LBFGS", "SparseAdam")  # optimizers of torch 2.15 that cannot step over sharded parameters


@dataclass(frozen=True, slots=True)
class TensorConfig:
    """Feed-forward parts (`graph/pairs.py`) that `size` neighboring processes divide among them: all, or those in the modules
    that fit a glob of `match`."""

    size: int
    match: tuple[str, ...] | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class ParallelConfig:
    """How several processes train: `ddp`, each with a copy of the network; `fsdp`, each with a part of every parameter. A
    single process trains as it does without.

    of both   `sync_batchnorm`: batch statistics of all processes' samples; `timeout`: seconds to wait for the others;
              `background_saves`: training goes on while a checkpoint is written, None for: on GPUs
    of ddp    `bucket_cap_mb`: gradients that are sent together; `static_graph`: every step takes the same way
    of fsdp   `units`: globs of the modules that are gathered one at a time, None for the network's blocks;
              `reshard_after_forward`: whether each is given back until the backward pass; `cpu_offload`: parameters wait in
              the CPU's memory; `param_dtype`, `reduce_dtype`: number formats of the forward pass and of what is sent
    """

    kind: Kind = "ddp"
    sync_batchnorm: bool = False
    timeout: int = 600
    background_saves: bool | None = None
    bucket_cap_mb: int | None = None
    static_graph: bool = False
    units: tuple[str, ...] | None = None
    reshard_after_forward: bool | None = None
    cpu_offload: bool = False
    param_dtype: Number | None = None
    reduce_dtype: Number | None = None
    tensor: TensorConfig | None = None
    span: Span | None = None
