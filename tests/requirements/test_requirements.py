"""What `nnc check` asks of free sizes: the shortest statement, true, and needed.

Each situation is tried over its sizes: where the statement holds torch runs, and gives the shapes that were inferred;
where it does not, torch refuses, or gives others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from itertools import product

import pytest
import torch
from torch import Tensor

from nnc.compiler.backends.torch.build import build
from nnc.compiler.driver import Compilation, compile_text
from nnc.compiler.types.dim import evaluate
from nnc.compiler.types.tensor import TensorType
from tests.requirements.situations import SITUATIONS, Situation
from tests.soundness.empty import NoEmptyTensors

USUAL = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.name)
def test_the_shortest_statement(situation: Situation) -> None:
    compiled = compile_text(situation.text)
    assert compiled.ok, compiled.problems.sorted()
    assert compiled.solution is not None
    assert tuple(r.text for r in compiled.solution.requirements) == situation.asks


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.name)
def test_it_holds_where_torch_runs_and_only_there(situation: Situation) -> None:
    assert brute(situation, compile_text(situation.text)) == []


def brute(situation: Situation, compiled: Compilation) -> list[str]:
    """Where torch and the statement differ."""
    assert compiled.solution is not None
    model = build(compiled.graph, device="meta").eval()
    found = []
    tried = 0
    for sizes in combinations(compiled, situation):
        tried += 1
        holds = all(r.holds(sizes) for r in compiled.solution.requirements)
        inputs = [torch.empty(shape_at(v.type, sizes), device="meta") for v in compiled.graph.inputs]
        try:
            with torch.no_grad(), nullcontext() if holds else NoEmptyTensors():
                out = model(*inputs)
        except (RuntimeError, ValueError, IndexError) as error:
            if holds:
                found.append(f"{sizes}: torch says {error}")
            continue
        got = [tuple(out.shape)] if isinstance(out, Tensor) else [tuple(v.shape) for v in out.values()]
        if holds and got != [shape_at(v.type, sizes) for v in compiled.graph.outputs.values()]:
            found.append(f"{sizes}: torch gives {got}")
        elif not holds and not stretches(compiled, sizes):
            found.append(f"{sizes}: refused, and torch gives {got}")
    assert tried > 3 or not situation.asks
    return found


def combinations(compiled: Compilation, situation: Situation) -> Iterator[dict[str, int]]:
    names = sorted({s.name for v in compiled.graph.inputs for s in v.type.symbols})
    ranges = [situation.sizes.get(n, (2,) if n == "B" else USUAL) for n in names]
    yield from (dict(zip(names, sizes, strict=True)) for sizes in product(*ranges))


def shape_at(kind: TensorType, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(d if isinstance(d, int) else evaluate(d, sizes) for d in kind.shape)


def stretches(compiled: Compilation, sizes: Mapping[str, int]) -> bool:
    """Whether a broken equality has a 1 on one side: torch broadcasts it, nnc does not (docs/decisions/0004)."""
    demands = [d for d, _ in compiled.graph.demands if d.relation.value == "==" and not d.holds(sizes)]
    return any(1 in (evaluate(d.left, sizes), evaluate(d.right, sizes)) for d in demands)
