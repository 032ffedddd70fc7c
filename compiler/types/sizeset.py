"""Exact sets of sizes ≥ 1 that repeat: for each residue of a modulus, the stretches of sizes that belong.

`{H : H % 32 == 0, H >= 64}` has modulus 32 and one class, residue 0, with the stretch (64, None). Any statement about
one free dimension made of `+ - * // %` by known numbers, `min`, `max` and comparisons is such a set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from heapq import merge
from itertools import count
from math import gcd, lcm
from typing import TypeAlias

__all__ = ["ALL", "NONE", "SizeSet", "Stretch", "Unwieldy"]

Stretch: TypeAlias = tuple[int, int | None]  # first and last size, both of the class's residue; None: no end

MAX_CLASSES = 2048


class Unwieldy(Exception):
    """A set would need more than `MAX_CLASSES` residue classes: the caller keeps what it had."""


@dataclass(frozen=True, eq=False)
class SizeSet:
    """Sizes ≥ 1. `classes` holds, by residue, sorted stretches that neither overlap nor touch; no class is empty."""

    modulus: int
    classes: Mapping[int, tuple[Stretch, ...]]

    @classmethod
    def between(cls, low: int, high: int | None = None) -> SizeSet:
        """Every size from `low` to `high`."""
        low = max(low, 1)
        return NONE if high is not None and high < low else cls(1, {0: ((low, high),)})

    @classmethod
    def residues(cls, modulus: int, residues: Iterable[int]) -> SizeSet:
        """Every size with one of these residues."""
        return cls(modulus, {r: ((r or modulus, None),) for r in sorted(residues)})

    def __contains__(self, size: int) -> bool:
        stretches = self.classes.get(size % self.modulus, ())
        return any(low <= size and (high is None or size <= high) for low, high in stretches)

    def __and__(self, other: SizeSet) -> SizeSet:
        if self is other or other is ALL:
            return self
        modulus, common = lcm(self.modulus, other.modulus), gcd(self.modulus, other.modulus)
        partners: dict[int, list[int]] = {}
        for r in other.classes:
            partners.setdefault(r % common, []).append(r)
        pairs = [(r, s) for r in self.classes for s in partners.get(r % common, ())]
        if len(pairs) > MAX_CLASSES:
            raise Unwieldy
        classes: dict[int, tuple[Stretch, ...]] = {}
        for r, s in pairs:
            residue = _chinese_remainder(r, self.modulus, s, other.modulus)
            stretches = _aligned(_meet(self.classes[r], other.classes[s]), modulus, residue)
            if stretches:
                classes[residue] = stretches
        return SizeSet(modulus, dict(sorted(classes.items())))

    def __or__(self, other: SizeSet) -> SizeSet:
        modulus = lcm(self.modulus, other.modulus)
        left, right = self._lifted(modulus), other._lifted(modulus)
        residues = sorted(left.keys() | right.keys())
        return SizeSet(modulus, {r: _joined((*left.get(r, ()), *right.get(r, ())), modulus) for r in residues})

    def __le__(self, other: SizeSet) -> bool:
        """Whether every size of this set belongs to `other`."""
        if self is other or other is ALL:
            return True
        if not self.classes or not other.classes:
            return not self.classes
        modulus = lcm(self.modulus, other.modulus)
        for r, stretches in self._lifted(modulus).items():
            rivals = _aligned(other.classes.get(r % other.modulus, ()), modulus, r)
            for low, high in stretches:
                if not any(a <= low and (b is None or (high is not None and high <= b)) for a, b in rivals):
                    return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SizeSet) and self <= other and other <= self

    def __iter__(self) -> Iterator[int]:
        """The sizes, smallest first; endless where the set is."""
        return merge(*(self._members(stretch) for stretches in self.classes.values() for stretch in stretches))

    def _members(self, stretch: Stretch) -> Iterator[int]:
        low, high = stretch
        return count(low, self.modulus) if high is None else iter(range(low, high + 1, self.modulus))

    @property
    def empty(self) -> bool:
        return not self.classes

    @cached_property
    def everything(self) -> bool:
        """Whether every size ≥ 1 belongs."""
        return len(self.classes) == self.modulus and all(
            stretches[0] == (r or self.modulus, None) for r, stretches in self.classes.items()
        )

    @cached_property
    def smallest(self) -> int:
        """Raises ValueError for the empty set."""
        return min(stretches[0][0] for stretches in self.classes.values())

    @cached_property
    def largest(self) -> int | None:
        """None where the set has no end. Raises ValueError for the empty set."""
        ends = [stretches[-1][1] for stretches in self.classes.values()]
        known = [end for end in ends if end is not None]
        return max(known) if len(known) == len(ends) else None

    @cached_property
    def size(self) -> int | None:
        """How many there are; None for infinitely many."""
        total = 0
        for stretches in self.classes.values():
            for low, high in stretches:
                if high is None:
                    return None
                total += (high - low) // self.modulus + 1
        return total

    def where(self, keep: Callable[[int], bool]) -> SizeSet:
        """The members of a finite set that `keep` accepts."""
        return SizeSet(1, {0: _runs(n for n in self if keep(n))}) if self.classes else self

    def _lifted(self, modulus: int) -> Mapping[int, tuple[Stretch, ...]]:
        """The classes for a multiple of the modulus."""
        if modulus == self.modulus:
            return self.classes
        if len(self.classes) * (modulus // self.modulus) > MAX_CLASSES:
            raise Unwieldy
        classes: dict[int, tuple[Stretch, ...]] = {}
        for r, stretches in self.classes.items():
            for residue in range(r, modulus, self.modulus):
                aligned = _aligned(stretches, modulus, residue)
                if aligned:
                    classes[residue] = aligned
        return classes


ALL = SizeSet(1, {0: ((1, None),)})
NONE = SizeSet(1, {})


def _chinese_remainder(r: int, m: int, s: int, n: int) -> int:
    """The residue modulo lcm(m, n) that is r modulo m and s modulo n; they agree modulo gcd(m, n)."""
    common = gcd(m, n)
    step = (s - r) // common * pow(m // common, -1, n // common) % (n // common)
    return r + m * step


def _aligned(stretches: Iterable[Stretch], modulus: int, residue: int) -> tuple[Stretch, ...]:
    """The sizes of the stretches that have the residue."""
    found: list[Stretch] = []
    for low, high in stretches:
        low += (residue - low) % modulus
        if high is not None:
            high -= (high - residue) % modulus
        if high is None or low <= high:
            found.append((low, high))
    return _joined(found, modulus) if len(found) > 1 else tuple(found)


def _meet(left: tuple[Stretch, ...], right: tuple[Stretch, ...]) -> list[Stretch]:
    found: list[Stretch] = []
    for a, b in left:
        for c, d in right:
            high = d if b is None else b if d is None else min(b, d)
            if high is None or max(a, c) <= high:
                found.append((max(a, c), high))
    return found


def _joined(stretches: Iterable[Stretch], modulus: int) -> tuple[Stretch, ...]:
    """Sorted, and without overlap."""
    found: list[Stretch] = []
    for low, high in sorted(stretches, key=lambda stretch: stretch[0]):
        if found:
            first, last = found[-1]
            if last is None:
                break
            if low <= last + modulus:
                found[-1] = first, None if high is None else max(last, high)
                continue
        found.append((low, high))
    return tuple(found)


def _runs(sizes: Iterable[int]) -> tuple[Stretch, ...]:
    """Sorted sizes as stretches of neighbors."""
    found: list[tuple[int, int]] = []
    for n in sizes:
        if found and n == found[-1][1] + 1:
            found[-1] = found[-1][0], n
        else:
            found.append((n, n))
    return tuple(found)
