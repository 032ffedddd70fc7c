"""What a network asks of its free dimensions: `left == right`, `left >= right`, `left % right == 0`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from nnc.compiler.types.dim import Bounds, DimLike, Symbol, lower_bound, substitute, upper_bound

__all__ = ["Demand", "Relation"]


class Relation(StrEnum):
    EQUAL = "=="
    AT_LEAST = ">="
    MULTIPLE = "%"


@dataclass(frozen=True, slots=True)
class Demand:
    """`reason` says what goes wrong where it does not hold, as a sentence that can stand as the error."""

    relation: Relation
    left: DimLike
    right: DimLike
    reason: str

    def decide(self, bounds: Bounds | None = None) -> bool | None:
        """True or False where it holds, or fails, for all sizes within `bounds` (else ≥ 1); None where it depends."""
        if self.relation is Relation.MULTIPLE:
            rest = self.left % self.right
            return rest == 0 if isinstance(rest, int) else None
        difference = self.left - self.right
        if isinstance(difference, int):
            return difference == 0 if self.relation is Relation.EQUAL else difference >= 0
        low, high = lower_bound(difference, bounds), upper_bound(difference, bounds)
        if self.relation is Relation.EQUAL:
            return False if (low is not None and low > 0) or (high is not None and high < 0) else None
        if low is not None and low >= 0:
            return True
        return False if high is not None and high < 0 else None

    def substitute(self, sizes: Mapping[Symbol, DimLike]) -> Demand:
        return Demand(self.relation, substitute(self.left, sizes), substitute(self.right, sizes), self.reason)

    def __str__(self) -> str:
        if self.relation is Relation.MULTIPLE:
            return f"{self.left} % {self.right} == 0"
        return f"{self.left} {self.relation} {self.right}"
