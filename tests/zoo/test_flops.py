"""The multiply-adds of every shipped spec, at real sizes, are those that `torch.utils.flop_counter` counts (its flops ÷ 2).

It counts by dispatched kernels, on meta tensors; the compiler counts without torch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import pytest
import torch
from hypothesis import settings
from torch.utils.flop_counter import FlopCounterMode

import nnc
from nnc.compiler.graph.ir import Graph
from nnc.compiler.summary import summarize
from nnc.compiler.types.dim import symbols
from nnc.compiler.types.tensor import TensorType
from nnc.specs import families, names

NIGHTLY = settings.get_current_profile_name() == "nightly"

# Sizes of free dimensions, by their names; of one that no line names, 8.
SIZES: Mapping[str, int] = {"B": 2, "H": 224, "W": 224, "T": 16}
# Of single specs, where these do not fit.
OTHERS: Mapping[str, Mapping[str, int]] = {"inception_v3": {"H": 299, "W": 299}}


def sizes(name: str, graph: Graph) -> dict[str, int]:
    free = {s.name for value in graph.inputs for size in value.type.shape for s in symbols(size)}
    return {n: OTHERS.get(name, {}).get(n, SIZES.get(n, 8)) for n in sorted(free)}


def _shape(kind: TensorType) -> tuple[int, ...]:
    known = tuple(size for size in kind.shape if isinstance(size, int))
    assert len(known) == kind.rank, f"{kind} has a size that is free"
    return known


def counted_by_nnc(name: str, given: Mapping[str, int]) -> object:
    return summarize(nnc.compile(f"zoo:{name}", sizes=given).graph).macs


def counted_by_torch(name: str, given: Mapping[str, int]) -> int:
    """On meta tensors and in training: kernels that are fused for inference are not counted. Those with a head of training
    alone have no such kernels, and are counted as they run."""
    result = nnc.compile(f"zoo:{name}", sizes=given)
    with warnings.catch_warnings(), torch.device("meta"), FlopCounterMode(display=False) as counter:
        warnings.simplefilter("ignore")
        model = nnc.load(f"zoo:{name}", sizes=given, device="meta")
        model.train(not result.graph.train_only)
        types = (value.type for value in result.graph.inputs)
        model(*(torch.zeros(_shape(t), dtype=getattr(torch, t.dtype)) for t in types))
    return int(counter.get_total_flops()) // 2


@pytest.mark.parametrize("name", names() if NIGHTLY else families())
def test_counts_what_torch_counts(name: str) -> None:
    given = sizes(name, nnc.compile(f"zoo:{name}").graph)
    assert counted_by_nnc(name, given) == counted_by_torch(name, given)
