"""What is known of a symbolic size without knowing the sizes: an interval that it never leaves."""

from __future__ import annotations

from collections.abc import Mapping
from math import lcm
from typing import TypeAlias

from nnc.compiler.types.polynomial import (
    MAX_COEFFICIENT,
    Atom,
    Dim,
    DimLike,
    FloorDiv,
    Max,
    Min,
    Monomial,
    Symbol,
    atom_size,
    divide_monomial,
    from_terms,
    terms_of,
)

__all__ = ["Bounds", "Interval", "interval", "lower_bound", "upper_bound"]

Interval: TypeAlias = tuple[int | None, int | None]  # smallest and largest; None: unbounded, or unknown
Bounds: TypeAlias = Mapping[Symbol, tuple[int, int | None]]
"""Smallest and largest size of a symbol; one that is not named has (1, None): at least 1, without an upper bound."""

_NONE: Bounds = {}


def lower_bound(d: DimLike, bounds: Bounds | None = None) -> int | None:
    """A number that `d` is never below within `bounds`, not always the largest such; None where none is known."""
    return d if isinstance(d, int) else interval(d, bounds)[0]


def upper_bound(d: DimLike, bounds: Bounds | None = None) -> int | None:
    """A number that `d` is never above within `bounds`, not always the smallest such; None where none is known."""
    return d if isinstance(d, int) else interval(d, bounds)[1]


def interval(d: DimLike, bounds: Bounds | None = None) -> Interval:
    """Both bounds at once."""
    return _interval(d, _NONE if bounds is None else bounds, {})


def _interval(d: DimLike, bounds: Bounds, memo: dict[Dim, Interval]) -> Interval:
    if isinstance(d, int):
        return d, d
    known = memo.get(d)
    if known is None:
        known = memo[d] = _estimate(d, bounds, memo)
    return known


def _estimate(d: Dim, bounds: Bounds, memo: dict[Dim, Interval]) -> Interval:
    """The tightest of three: term by term; each ⌊n/m⌋ taken as (n - remainder)/m; each atom shifted by its minimum."""
    result: Interval = (0, 0)
    for coefficient, monomial in d.terms:
        result = _plus(result, _scaled(_product(monomial, bounds, memo), coefficient))
    if sum(1 for _, monomial in d.terms if monomial) == 1 or (result[0] is not None and result[0] == result[1]):
        return result
    relaxed = _relaxed(d, bounds, memo)
    if relaxed is not None:
        result = _both(result, relaxed)
    if any(len(monomial) > 1 or (monomial and monomial[0][1] > 1) for _, monomial in d.terms):
        if result[0] is None:
            result = _shifted(d, bounds, memo), result[1]
        if result[1] is None:
            low = _shifted(-d, bounds, memo)
            result = result[0], None if low is None else -low
    return result


def _relaxed(d: Dim, bounds: Bounds, memo: dict[Dim, Interval]) -> Interval | None:
    """With L the lcm of the divisors, L·d has each c·⌊n/m⌋ replaced by (c/m)·(n - remainder), 0 ≤ remainder < m."""
    found: list[tuple[int, Monomial, FloorDiv, int]] = []
    for coefficient, monomial in d.terms:
        for atom, _ in monomial:
            if isinstance(atom, FloorDiv) and isinstance(atom.denominator, int):
                found.append((coefficient, monomial, atom, atom.denominator))
                break
    scale = lcm(*(m for *_, m in found))
    if not found or scale >= MAX_COEFFICIENT:
        return None
    error: Interval = (0, 0)
    try:
        total = d * scale
        for coefficient, monomial, atom, m in found:
            others = from_terms([(coefficient * scale // m, divide_monomial(monomial, ((atom, 1),)) or ())])
            total = total + others * (atom.numerator - m * atom_size(atom))
            error = _plus(error, _scaled(_cross(_interval(others, bounds, memo), (0, m - 1)), -1))
        low, high = _plus(_interval(total, bounds, memo), error)
    except OverflowError:
        return None
    return (None if low is None else -(-low // scale)), (None if high is None else high // scale)


def _shifted(d: Dim, bounds: Bounds, memo: dict[Dim, Interval]) -> int | None:
    """Each atom is its minimum plus something ≥ 0: where no coefficient is negative then, the constant is a bound."""
    total: DimLike = 0
    try:
        for coefficient, monomial in d.terms:
            product: DimLike = coefficient
            for atom, power in monomial:
                low = _atom(atom, bounds, memo)[0]
                if low is None:
                    return None
                for _ in range(power):
                    product = product * (atom_size(atom) + low)
            total = total + product
    except OverflowError:
        return None
    if any(coefficient < 0 for coefficient, monomial in terms_of(total) if monomial):
        return None
    return total if isinstance(total, int) else total.constant


def _atom(atom: Atom, bounds: Bounds, memo: dict[Dim, Interval]) -> Interval:
    if isinstance(atom, Symbol):
        return bounds.get(atom, (1, None))
    parts = [_interval(d, bounds, memo) for d in atom.operands]
    if isinstance(atom, FloorDiv):
        return _quotient(*parts)
    lows = [low for low, _ in parts if low is not None]
    highs = [high for _, high in parts if high is not None]
    if isinstance(atom, Max):
        return max(lows, default=None), (max(highs) if len(highs) == len(parts) else None)
    if isinstance(atom, Min):
        return (min(lows) if len(lows) == len(parts) else None), min(highs, default=None)
    raise TypeError(f"not an atom: {atom!r}")


def _product(monomial: Monomial, bounds: Bounds, memo: dict[Dim, Interval]) -> Interval:
    result: Interval = (1, 1)
    for atom, power in monomial:
        part = _atom(atom, bounds, memo)
        for _ in range(power):
            result = _cross(result, part)
    return result


# -- arithmetic on intervals -------------------------------------------------------------------------------------------


def _plus(a: Interval, b: Interval) -> Interval:
    low = None if a[0] is None or b[0] is None else a[0] + b[0]
    return low, (None if a[1] is None or b[1] is None else a[1] + b[1])


def _scaled(a: Interval, factor: int) -> Interval:
    low, high = [None if end is None else end * factor for end in a]
    return (low, high) if factor >= 0 else (high, low)


def _cross(a: Interval, b: Interval) -> Interval:
    """A product; an unbounded factor makes it unbounded unless neither can be negative."""
    (al, ah), (bl, bh) = a, b
    if al is not None and bl is not None and al >= 0 and bl >= 0:
        if ah == 0 or bh == 0:
            return 0, 0
        return al * bl, (None if ah is None or bh is None else ah * bh)
    if al is None or ah is None or bl is None or bh is None:
        return None, None
    ends = (al * bl, al * bh, ah * bl, ah * bh)
    return min(ends), max(ends)


def _quotient(a: Interval, b: Interval) -> Interval:
    """⌊a/b⌋; unknown where b can be below 1."""
    (low, high), (least, most) = a, b
    if least is None or least < 1:
        return None, None
    if low is not None:
        low = low // least if low < 0 else 0 if most is None else low // most
    if high is not None:
        high = high // least if high >= 0 else -1 if most is None else high // most
    return low, high


def _both(a: Interval, b: Interval) -> Interval:
    lows = [end for end in (a[0], b[0]) if end is not None]
    highs = [end for end in (a[1], b[1]) if end is not None]
    return max(lows, default=None), min(highs, default=None)
