"""Whether two things compute the same: inputs drawn for a network, and outputs held against its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from nnc.compiler.graph.ir import Graph
from nnc.compiler.types.dim import evaluate

__all__ = ["Sample", "difference", "draw", "run", "samples"]

MOST_TOKENS = 1000
TRIES = 2
SEED = 20_000


@dataclass(frozen=True)
class Sample:
    """Inputs at some sizes and the network's outputs, in order. Where `random`, it draws random numbers in evaluation mode
    too, and only the shapes of the outputs mean anything."""

    sizes: Mapping[str, int]
    inputs: tuple[torch.Tensor, ...]
    outputs: tuple[torch.Tensor, ...]
    random: bool = False

    @property
    def at(self) -> str:
        return ", ".join(f"{n}={v}" for n, v in self.sizes.items()) or "the network's sizes"


def draw(model: nn.Module, graph: Graph, sizes: Mapping[str, int]) -> tuple[torch.Tensor, ...]:
    """Random inputs. Whole numbers are below the smallest table that the network looks something up in."""
    rows = [m.num_embeddings for m in model.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)]
    most = min([MOST_TOKENS, *rows]) if rows else 2
    generator = torch.Generator().manual_seed(SEED)
    made = []
    for value in graph.inputs:
        shape = [d if isinstance(d, int) else evaluate(d, sizes) for d in value.type.shape]
        dtype = getattr(torch, str(value.type.dtype))
        if dtype.is_floating_point or dtype.is_complex:
            made.append(torch.randn(shape, generator=generator, dtype=torch.float32).to(dtype))
        else:
            made.append(torch.randint(0, 2 if dtype is torch.bool else most, shape, generator=generator).to(dtype))
    return tuple(made)


def run(model: Any, inputs: Sequence[torch.Tensor], *, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """The outputs, without gradients; the random generator is left as it was."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        return tuple(t for t in tree_leaves(model(*inputs)) if isinstance(t, torch.Tensor))


def samples(model: nn.Module, graph: Graph, trials: Sequence[Mapping[str, int]]) -> list[Sample]:
    """What the network, in evaluation mode, makes of inputs at each of the sizes."""
    found = []
    for sizes in trials:
        inputs = draw(model, graph, sizes)
        first, second = (run(model, inputs, seed=seed) for seed in range(TRIES))
        random = any(difference(a, b) != 0 for a, b in zip(first, second, strict=True))
        found.append(Sample(sizes, inputs, first, random))
    return found


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference, as a part of the largest absolute value; infinite for another shape or dtype, or where one has
    a number and the other none."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return float("inf")
    if not ours.numel():
        return 0.0
    if not (ours.is_floating_point() or ours.is_complex()):
        return 0.0 if torch.equal(ours, theirs) else float("inf")
    kind = torch.complex128 if ours.is_complex() else torch.float64
    a, b = ours.to(kind), theirs.to(kind)
    odd = ~torch.isfinite(a)
    if not torch.equal(odd, ~torch.isfinite(b)) or not torch.equal(a[odd].nan_to_num(), b[odd].nan_to_num()):
        return float("inf")
    a, b = a[~odd], b[~odd]
    if not a.numel():
        return 0.0
    apart, largest = float((a - b).abs().max()), float(a.abs().max())
    return apart / largest if largest else apart
