"""If `nnc check` passes, forward passes; and what it requires is needed.

For random networks: sizes that meet the printed requirements run on meta tensors and give the shapes and dtypes that were
inferred; sizes that break one make torch fail, or give others. `--nightly` draws thousands.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import pytest
import torch
from hypothesis import HealthCheck, event, given, note, settings
from torch import Tensor

from nnc.compiler.backends.torch.build import build
from nnc.compiler.driver import Compilation, compile_mapping
from nnc.compiler.types.dim import evaluate
from nnc.compiler.types.tensor import TensorType
from tests.soundness.empty import NoEmptyTensors
from tests.soundness.networks import Network, networks

SIZES = range(1, 41)
TRIES = 60


def shape_at(kind: TensorType, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(d if isinstance(d, int) else evaluate(d, sizes) for d in kind.shape)


Results = list[tuple[tuple[int, ...], str]]  # shape and dtype of each


def forward_results(
    compiled: Compilation, sizes: Mapping[str, int], mode: AbstractContextManager[object] | None = None
) -> Results:
    """What torch gives. Raises what torch raises, or `mode`."""
    model = build(compiled.graph, device="meta").eval()
    inputs = [torch.empty(shape_at(v.type, sizes), device="meta") for v in compiled.graph.inputs]
    with torch.no_grad(), mode or nullcontext():
        out = model(*inputs)
    tensors = [out] if isinstance(out, Tensor) else list(out.values())
    return [(tuple(t.shape), str(t.dtype).removeprefix("torch.")) for t in tensors]


def inferred_results(compiled: Compilation, sizes: Mapping[str, int]) -> Results:
    return [(shape_at(v.type, sizes), str(v.type.dtype)) for v in compiled.graph.outputs.values()]


def draws(network: Network, seed: int) -> list[dict[str, int]]:
    rng = random.Random(seed)
    small = [rng.choice((1, 2, 3, 4)) for _ in range(TRIES)]
    return [{n: (b if n == "B" else rng.choice(SIZES)) for n in network.dimensions} for b in small]


def check(network: Network, seed: int = 0) -> None:
    compiled = compile_mapping(network.spec)
    if not compiled.ok:
        event("refused")
        note("\n".join(map(str, compiled.problems)))
        return
    event("accepted")
    assert compiled.solution is not None
    requirements = [r.text for r in compiled.solution.requirements]
    holds, kept = compiled.solution.holds, compiled.solution.keeps
    for sizes in draws(network, seed + 2):
        said = all(r.holds(sizes) for r in compiled.solution.requirements)
        assert not kept(sizes) or said == holds(sizes), f"{requirements} do not say what is demanded of {sizes}"
    meeting = [s for s in draws(network, seed) if holds(s)]
    breaking = [s for s in draws(network, seed + 1) if not holds(s) and kept(s) and min(s.values()) > 1]
    for sizes in meeting[:3]:
        note(f"{sizes} meets {requirements}")
        assert forward_results(compiled, sizes) == inferred_results(compiled, sizes)
    for sizes in breaking[:2]:
        if stretches(compiled, sizes) or cut_short(compiled, sizes):
            continue
        event("a requirement broken")
        try:
            found = forward_results(compiled, sizes, NoEmptyTensors())
        except (RuntimeError, ValueError, IndexError):
            continue
        assert found != inferred_or_none(compiled, sizes), f"{sizes} breaks {requirements}, and torch does not mind"


def inferred_or_none(compiled: Compilation, sizes: Mapping[str, int]) -> Results | None:
    try:
        return inferred_results(compiled, sizes)
    except (ZeroDivisionError, ValueError):
        return None


def stretches(compiled: Compilation, sizes: Mapping[str, int]) -> bool:
    """Whether a broken equality has a 1 on one side: torch broadcasts it, nnc does not (docs/decisions/0004)."""
    demands = [d for d, _ in compiled.graph.demands if d.relation.value == "=="]
    sides = [{evaluate(d.left, sizes), evaluate(d.right, sizes)} for d in demands]
    return any(1 in pair and len(pair) == 2 for pair in sides)


def cut_short(compiled: Compilation, sizes: Mapping[str, int]) -> bool:
    """Whether a slice would leave its dimension: torch takes less, which a later layer may hide, nnc does not."""
    failing = [d.reason for d, _ in compiled.graph.demands if not d.holds(sizes)]
    return any("slice" in reason or "would count from" in reason for reason in failing)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks())
def test_what_passes_the_check_runs_and_what_is_required_is_needed(network: Network) -> None:
    check(network)


@pytest.mark.nightly
@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks())
def test_two_thousand_networks(network: Network) -> None:
    check(network, seed=7)


def test_the_test_can_fail() -> None:
    """A compiler that forgot its requirements would be caught."""
    spec = {
        "nnc": 1,
        "name": "t",
        "inputs": {"x": ["B", 3, "H", "W"]},
        "layers": {"n0": "MaxPool2d(2)", "n1": "Conv2d(4, 5)"},
    }
    compiled = compile_mapping(spec)
    assert compiled.solution is not None
    assert not compiled.solution.holds({"B": 2, "H": 8, "W": 20})
    with pytest.raises(RuntimeError):
        forward_results(compiled, {"B": 2, "H": 8, "W": 20})
