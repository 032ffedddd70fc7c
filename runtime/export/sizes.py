"""Sizes for the free dimensions of a network, to trace it with and to compare it at: ordinary ones that it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nnc.compiler.driver import Compilation
from nnc.compiler.suggest import closest
from nnc.compiler.types.dim import Dim
from nnc.compiler.types.requirements import Requirement, Solution
from nnc.runtime.failure import Failure

__all__ = ["batch_of", "free_sizes", "trials"]

MOST_TRIED = 2048  # sizes of one dimension
BATCHES = ("B", "N", "batch")
BATCH, IMAGE, OTHER = (2, 3), (64, 96), (12, 17)  # what a dimension gets, first and second


def free_sizes(compiled: Compilation) -> tuple[str, ...]:
    """The free dimensions that the inputs have, in order."""
    shapes = (d for value in compiled.graph.inputs for d in value.type.shape if isinstance(d, Dim))
    return tuple(dict.fromkeys(s.name for d in shapes for s in sorted(d.symbols, key=lambda s: s.name)))


def trials(compiled: Compilation, fixed: Mapping[str, int]) -> list[dict[str, int]]:
    """Sizes by name, the first to trace with: different ones for different dimensions, and none of them 1, so that nothing
    is taken for something else. The last has a batch of one. Raises `Failure` where `fixed` does not fit."""
    names, solution = free_sizes(compiled), compiled.solution
    assert solution is not None, "the network was compiled as far as its requirements"
    for name in fixed:
        if name not in names:
            meant = closest(name, names)
            hint = f"did you mean {meant}?" if meant else f"there is {', '.join(names) or 'none'}"
            raise Failure("NNC0912", compiled.graph.name, f"`{name}` is no free size of the network: {hint}")
    found: list[dict[str, int]] = []
    for turn in (0, 1):
        sizes = _met({**dict(_wishes(compiled, turn)), **fixed}, fixed, solution)
        if sizes is not None and sizes not in found:
            found.append(sizes)
    if not found:
        required = ", ".join(r.text for r in solution.requirements)
        raise Failure(
            "NNC0912", compiled.graph.name, "no sizes to export it with were found",
            notes=(f"it requires {required}", "give them: --size H=224,W=224"),
        )  # fmt: skip
    batch = batch_of(compiled)
    single = found[0] | {batch: 1} if batch and batch not in fixed else None
    return [*found, single] if single is not None and solution.holds(single) else found


def batch_of(compiled: Compilation) -> str | None:
    """The dimension that counts samples: by its name, else the first of the first input, if that is free."""
    names = free_sizes(compiled)
    first = compiled.graph.inputs[0].type.shape[:1] if compiled.graph.inputs else ()
    return next((n for n in [*BATCHES, *map(str, first)] if n in names), None)


def _wishes(compiled: Compilation, turn: int) -> Iterator[tuple[str, int]]:
    batch = batch_of(compiled)
    of_images = {
        s.name
        for value in compiled.graph.inputs
        if value.type.rank == 4
        for d in value.type.shape[2:]
        if isinstance(d, Dim)
        for s in d.symbols
    }
    images = others = 0
    for name in free_sizes(compiled):
        if name == batch:
            yield name, BATCH[turn]
        elif name in of_images:
            yield name, IMAGE[turn] + 32 * (images % 4)
            images += 1
        else:
            yield name, OTHER[turn] + others
            others += 1


def _met(wished: dict[str, int], fixed: Mapping[str, int], solution: Solution[Any]) -> dict[str, int] | None:
    """The sizes nearest to those wished for that meet all requirements, looked for in the simplest ways."""
    if solution.holds(wished):
        return wished
    alone = {n: v if n in fixed else _nearest(n, v, solution) for n, v in wished.items()}
    if solution.holds(alone):
        return alone
    shared = [r for r in solution.requirements if len(r.symbols) > 1]
    tied = {s.name for r in shared for s in r.symbols if s.name in wished and s.name not in fixed}
    for size in sorted({v for n, v in alone.items() if n in tied}, reverse=True):
        equal = alone | dict.fromkeys(tied, size)
        if solution.holds(equal):
            return equal
    known = {n: v for n, v in (solution.example or {}).items() if n in wished}
    example = {**alone, **known, **fixed}
    return example if known and solution.holds(example) else None


def _nearest(name: str, wished: int, solution: Solution[Any]) -> int:
    """The size nearest to the one wished for that keeps what is asked of this dimension alone."""
    own: list[Requirement[Any]] = [r for r in solution.requirements if {s.name for s in r.symbols} == {name}]
    promised = [p.sizes for s, p in solution.promises.items() if s.name == name]
    fitting = (
        n
        for n in sorted(range(1, MOST_TRIED), key=lambda n: (abs(n - wished), -n))
        if all(r.holds({name: n}) for r in own) and all(n in sizes for sizes in promised)
    )
    return next(fitting, wished)
