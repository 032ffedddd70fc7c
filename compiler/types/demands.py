"""What a network asks of its free dimensions: `left == right`, `left >= right`, `left % right == 0`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nnc.compiler.types.constraint import Constraint, Normal, Relation, normalize
from nnc.compiler.types.dim import Bounds, DimLike, Symbol, substitute, symbols
from nnc.compiler.types.univariate import solution_set

__all__ = ["Demand", "Relation"]

_QUICK_PERIOD = 64  # how many residues `decide` is ready to look at


@dataclass(frozen=True, slots=True)
class Demand:
    """`reason` says what goes wrong where it does not hold, as a sentence that can stand as the error."""

    relation: Relation
    left: DimLike
    right: DimLike
    reason: str

    @property
    def normal(self) -> Normal:
        """The same in simplest form."""
        return normalize(self.relation, self.left, self.right)

    @property
    def symbols(self) -> frozenset[Symbol]:
        return symbols(self.left) | symbols(self.right)

    def decide(self, bounds: Bounds | None = None) -> bool | None:
        """True or False where it holds, or fails, for all sizes within `bounds` (else ≥ 1); None where it depends."""
        normal = self.normal
        if isinstance(normal, bool):
            return normal
        verdicts = [_decide(constraint, bounds) for constraint in normal]
        if False in verdicts:
            return False
        return None if None in verdicts else True

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether it holds for these sizes. Raises KeyError for a size that is missing."""
        return Constraint(self.relation, self.left, self.right).holds(sizes)

    def substitute(self, sizes: Mapping[Symbol, DimLike]) -> Demand:
        return Demand(self.relation, substitute(self.left, sizes), substitute(self.right, sizes), self.reason)

    def __str__(self) -> str:
        return str(Constraint(self.relation, self.left, self.right))


def _decide(constraint: Constraint, bounds: Bounds | None) -> bool | None:
    if bounds:
        verdict = constraint.decide(bounds)
        if verdict is not None:
            return verdict
    if len(constraint.symbols) != 1:
        return None
    found = solution_set(constraint, _QUICK_PERIOD)
    if found is None:
        return None
    return False if found.empty else True if found.everything else None
