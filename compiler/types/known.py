"""What is known of one dimension, and from which premises: which of them say something together, and which are needed.

A premise is a demand, by its index, or the promise about a symbol.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain, combinations
from typing import TypeAlias

from nnc.compiler.types.dim import Symbol
from nnc.compiler.types.sizeset import ALL, NONE, SizeSet, Unwieldy

__all__ = [
    "Known",
    "Premise",
    "Premises",
    "all_premises",
    "excluding",
    "forcing",
    "met",
    "met_if_small",
    "sources",
]

Premise: TypeAlias = int | Symbol
Premises: TypeAlias = frozenset[Premise]

MAX_WORK = 100_000  # residue classes looked at in search of a smallest set; above it all are taken


@dataclass(frozen=True, slots=True)
class Known:
    """The sizes of one dimension that its premises leave. `also` are premises that say the same on their own."""

    sizes: SizeSet
    premises: Premises
    also: Premises = frozenset()


def all_premises(knowns: Iterable[Known]) -> Premises:
    return frozenset(chain.from_iterable(known.premises for known in knowns))


def met(knowns: Iterable[Known]) -> SizeSet:
    """The sizes that all leave. Raises Unwieldy."""
    return reduce(SizeSet.__and__, (known.sizes for known in knowns), ALL)


def met_if_small(a: SizeSet, b: SizeSet) -> SizeSet | None:
    """The intersection; None where it is unwieldy."""
    try:
        return a & b
    except Unwieldy:
        return None


def excluding(knowns: Sequence[Known]) -> Premises:
    """The premises of one, two or, failing that, a few knowns that leave no size together."""
    if _work(knowns) <= MAX_WORK:
        for few in chain(((known,) for known in knowns), combinations(knowns, 2)):
            if _implies(few, ALL, NONE):
                return all_premises(few)
    return forcing(knowns, NONE)


def forcing(knowns: Sequence[Known], sizes: SizeSet) -> Premises:
    """The premises of knowns that suffice to leave nothing but `sizes`."""
    return all_premises(_needed(knowns, ALL, sizes))


def sources(knowns: Sequence[Known], given: SizeSet, sizes: SizeSet) -> Premises:
    """The premises behind "only `sizes`": those that say so alone, else with what is given, else together."""
    try:
        found = [k for k in knowns if k.sizes <= sizes]
        found = found or [k for k in knowns if k.sizes & given <= sizes]
    except Unwieldy:
        found = []
    found = found or _needed(knowns, given, sizes)
    return all_premises(found).union(*(known.also for known in found))


def _needed(knowns: Sequence[Known], given: SizeSet, sizes: SizeSet) -> list[Known]:
    """Without those that the others make superfluous."""
    kept = list(knowns)
    if _work(knowns) <= MAX_WORK:
        for known in knowns:
            others = [k for k in kept if k is not known]
            if _implies(others, given, sizes):
                kept = others
    return kept


def _work(knowns: Sequence[Known]) -> int:
    return len(knowns) * sum(len(known.sizes.classes) for known in knowns)


def _implies(knowns: Iterable[Known], given: SizeSet, sizes: SizeSet) -> bool:
    """Whether knowns, with what is given, leave nothing but `sizes`; no where that cannot be computed."""
    try:
        return met(knowns) & given <= sizes
    except Unwieldy:
        return False
