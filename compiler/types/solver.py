"""From many demands on free dimensions to the few statements that say the same.

    demands                                       requirements
    2*(H//2) == H, 4*(H//4) == 2*(H//2), …        H % 16 == 0
    H >= 11, (H + 1)//4 - 1 >= 3, …               H >= 63
    H == W, W % 2 == 0                            H == W, H % 2 == 0

1. Every demand is brought to its normal form (`constraint.py`); equal ones are one.
2. A linear equality of two dimensions puts one in the place of the other, everywhere (`system.py`).
3. What is asked of one dimension becomes an exact set of sizes (`univariate.py`, `sizeset.py`), and the intersection of
   these the shortest statements (`statement.py`). A dimension with one possible size is replaced by it.
4. What still ties dimensions together is stated as it is, unless the sizes found so far decide it.

The requirements hold for exactly the sizes ≥ 1, among those that the promises allow, for which all demands hold. Where
no size is left, a smallest set of demands and promises that exclude each other is a conflict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import TypeVar

from nnc.compiler.types.dim import Symbol, evaluate
from nnc.compiler.types.known import Premises
from nnc.compiler.types.requirements import Conflict, Located, Promise, Requirement, Solution
from nnc.compiler.types.sizeset import SizeSet
from nnc.compiler.types.system import MAX_TRIED, System

__all__ = ["Conflict", "Located", "Promise", "Requirement", "Solution", "solve"]

T = TypeVar("T")

_USUAL = (224, 16, 32, 64, 96, 112, 128, 160, 192, 256, 299, 320, 384, 448, 512, 640, 768, 1024, 2048, 4096)


def solve(demands: Sequence[Located[T]], promises: Mapping[Symbol, Promise]) -> Solution[T]:
    """The requirements that these demands come to, or the conflicts that leave no size."""
    system = System(promises)
    for index, located in enumerate(demands):
        system.demand(index, located.demand.normal)
    system.solve()
    requirements = tuple(
        Requirement(f.text, f.symbols, _of(f.premises, demands), f.form, f.meets) for f in system.findings
    )
    conflicts = tuple(
        Conflict(_of(c, demands), _promised(c), _conflict_text(c, demands, promises)) for c in system.conflicts
    )
    if conflicts:
        requirements = ()
    return Solution(requirements, conflicts, tuple(demands), promises, None if conflicts else _example(system, demands))


def _of(premises: Premises, demands: Sequence[Located[T]]) -> tuple[Located[T], ...]:
    return tuple(demands[i] for i in sorted(p for p in premises if isinstance(p, int)))


def _promised(premises: Premises) -> tuple[Symbol, ...]:
    return tuple(sorted((p for p in premises if isinstance(p, Symbol)), key=lambda s: s.name))


def _conflict_text(premises: Premises, demands: Sequence[Located[T]], promises: Mapping[Symbol, Promise]) -> str:
    """`H >= 63 and H <= 32`."""
    texts: list[str] = []
    for located in _of(premises, demands):
        normal = located.demand.normal
        texts += [str(located.demand)] if isinstance(normal, bool) else map(str, normal)
    texts += [promises[symbol].text(symbol.name) for symbol in _promised(premises)]
    return " and ".join(dict.fromkeys(texts))


def _example(system: System, demands: Sequence[Located[T]]) -> dict[str, int] | None:
    """Sizes that meet everything, by a short search over those that each dimension allows by itself."""
    named = frozenset[Symbol]().union(system.promises, *(located.demand.symbols for located in demands))
    free = sorted(named - system.replaced.keys(), key=lambda s: s.name)
    facts = [fact.constraint for fact in system.several]
    facts += [fact.constraint for single in system.singles.values() for fact in single.unsolved]
    tied = frozenset[Symbol]().union(*(constraint.symbols for constraint in facts))
    smallest = {s.name: system.sizes_of(s).smallest for s in free}
    tries = _tries({s.name: system.sizes_of(s) for s in free if s in tied})
    for sizes in islice(tries, MAX_TRIED // max(len(facts), 1)):
        found = smallest | sizes
        found |= {s.name: evaluate(d, found) for s, d in system.replaced.items()}
        if all(constraint.holds(found) for constraint in facts):
            return found
    return None


def _tries(sets: Mapping[str, SizeSet]) -> Iterator[dict[str, int]]:
    """Usual sizes, the same for all first; then small and usual ones in all combinations."""
    if not sets:
        yield {}
        return
    for n in _USUAL:
        if all(n in sizes for sizes in sets.values()):
            yield dict.fromkeys(sets, n)
    each = int(MAX_TRIED ** (1 / len(sets)))
    for combination in product(*(_choices(sizes, each) for sizes in sets.values())):
        yield dict(zip(sets, combination, strict=True))


def _choices(sizes: SizeSet, number: int) -> list[int]:
    """The smallest sizes of a set, and usual ones."""
    smallest = list(islice(sizes, (number + 1) // 2))
    return smallest + [n for n in _USUAL if n in sizes and n > smallest[-1]][: number // 2]
