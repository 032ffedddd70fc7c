"""What the solver takes and gives: located demands and promises in, requirements and conflicts out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from nnc.compiler.types.constraint import Normal, Relation, normalize
from nnc.compiler.types.demands import Demand
from nnc.compiler.types.dim import DimLike, Symbol
from nnc.compiler.types.sizeset import SizeSet

__all__ = ["Conflict", "Located", "Promise", "Requirement", "Solution"]

T = TypeVar("T")


class Located(NamedTuple, Generic[T]):
    """A demand, and where it comes from: a span, or whatever the caller wants back."""

    demand: Demand
    origin: T


@dataclass(frozen=True, slots=True)
class Promise:
    """What the caller promises of a dimension (`dims:`)."""

    minimum: int | None = None
    maximum: int | None = None
    multiple_of: int | None = None

    @property
    def sizes(self) -> SizeSet:
        """The sizes that keep it."""
        found = SizeSet.between(self.minimum or 1, self.maximum)
        return found & SizeSet.residues(self.multiple_of, [0]) if self.multiple_of else found

    def text(self, name: str) -> str:
        """`H >= 64 and H <= 512 and H % 32 == 0`."""
        limits = ((">= {}", self.minimum), ("<= {}", self.maximum), ("% {} == 0", self.multiple_of))
        return " and ".join(f"{name} {form.format(n)}" for form, n in limits if n is not None)

    def said_of(self, d: DimLike) -> list[Normal]:
        """The same of an expression that stands for the dimension."""
        found = [normalize(Relation.AT_LEAST, d, self.minimum or 1)]
        if self.maximum is not None:
            found.append(normalize(Relation.AT_LEAST, self.maximum, d))
        if self.multiple_of:
            found.append(normalize(Relation.MULTIPLE, d, self.multiple_of))
        return found


@dataclass(frozen=True, eq=False)
class Requirement(Generic[T]):
    """One statement that the sizes must meet, `H % 32 == 0`, in Python's notation. All of a solution's hold together.

    symbols    the dimensions it is about
    demands    the demands that it stands for
    form       the same for a program: see `Statement.form`; `{"expression": text}` where it is about several dimensions
    """

    text: str
    symbols: tuple[Symbol, ...]
    demands: tuple[Located[T], ...]
    form: Mapping[str, object]
    meets: Callable[[Mapping[str, int]], bool] = field(repr=False)

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether these sizes, by name, meet it. Raises KeyError for one that is missing."""
        return self.meets(sizes)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False)
class Conflict(Generic[T]):
    """Demands, and promises about `promises`, that no sizes meet together; none that the proof could do without.

    `demands` is empty where a promise contradicts itself. `text` says them in simplest form: `H >= 63 and H <= 32`.
    """

    demands: tuple[Located[T], ...]
    promises: tuple[Symbol, ...]
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False)
class Solution(Generic[T]):
    """`example` has sizes, by name, that meet everything; None where there are none, or a short search finds none."""

    requirements: tuple[Requirement[T], ...]
    conflicts: tuple[Conflict[T], ...]
    demands: tuple[Located[T], ...]
    promises: Mapping[Symbol, Promise]
    example: Mapping[str, int] | None

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether these sizes, by name, meet every demand and keep every promise. KeyError for one that is missing."""
        return (
            all(size >= 1 for size in sizes.values())
            and self.keeps(sizes)
            and all(located.demand.holds(sizes) for located in self.demands)
        )

    def keeps(self, sizes: Mapping[str, int]) -> bool:
        """Whether these sizes, by name, keep every promise."""
        return all(sizes[s.name] in promise.sizes for s, promise in self.promises.items() if s.name in sizes)
