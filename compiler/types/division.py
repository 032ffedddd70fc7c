"""Floor division, maximum and minimum of sizes, simplified as far as it is exact.

Multiples of the divisor stand outside a floor-div, common factors are cancelled, nested floor-divs are one, and the
leading coefficient inside is positive:

    (4*H + 7) // 2            2*H + 3
    (2*H + 5) // 4            (H + 2)//2 = H//2 + 1
    (H//2 + 3) // 4           (H + 6)//8
    (-H) // 7                 -((H + 6)//7)
    (B*H*W) // (H*W)          B
    (T + K - 1) // K          (T - 1)//K + 1

Symbols stand for sizes ≥ 1. Where a divisor is zero the result need not be: who divides by a size that can be zero also
demands that it is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import gcd

from nnc.compiler.types.bounds import interval, lower_bound
from nnc.compiler.types.polynomial import (
    MAX_WEIGHT,
    Dim,
    DimLike,
    FloorDiv,
    Max,
    Min,
    Monomial,
    Symbol,
    Term,
    atom_size,
    divide_monomial,
    from_terms,
    order,
    terms_of,
)

__all__ = ["ceildiv", "common_monomial", "extreme", "floor_divide", "maximum", "minimum"]


@lru_cache(maxsize=8192)
def floor_divide(a: DimLike, b: DimLike) -> DimLike:
    """`a // b` in canonical form. Raises ZeroDivisionError for b = 0."""
    if isinstance(b, Dim):
        return _by_dim(-a, -b) if b.terms[0][0] < 0 else _by_dim(a, b)
    if isinstance(a, int) or not b:
        if not b:
            raise ZeroDivisionError("a size is divided by zero")
        return a // b
    return _by_integer(a, b) if b > 0 else _by_integer(-a, -b)


def ceildiv(a: DimLike, b: DimLike) -> DimLike:
    """`a / b` rounded up, for b ≥ 1."""
    return (a + b - 1) // b


def _by_integer(a: DimLike, b: int) -> DimLike:
    """`a // b` for b ≥ 1."""
    if isinstance(a, int) or b == 1:
        return a // b if isinstance(a, int) else a
    settled = _settled(a, b)
    if settled is not None:
        return settled
    merged = _merged(a, b)
    if merged is not None:
        return merged
    quotients: list[Term] = []
    rests: list[Term] = []
    for coefficient, monomial in a.terms:
        q, r = divmod(coefficient, b)
        if monomial and 2 * r > b:
            if not rests:  # ⌊-x/b⌋ = -⌊(x + b - 1)/b⌋
                return -_by_integer(b - 1 - a, b)
            q, r = q + 1, r - b
        if q:
            quotients.append((q, monomial))
        if r:
            rests.append((r, monomial))
    quotient = from_terms(quotients)
    common = gcd(b, *(r for r, monomial in rests if monomial))
    if common > 1:  # ⌊(g·x + c)/(g·b)⌋ = ⌊(x + ⌊c/g⌋)/b⌋
        rests = [(r // common, monomial) for r, monomial in rests]
        b //= common
    rest = from_terms(rests)
    if isinstance(rest, int) or b == 1:
        return quotient + rest // b
    merged = _merged(rest, b)
    if merged is not None:
        return quotient + merged
    settled = _settled(rest, b) if quotients else None
    return quotient + (atom_size(FloorDiv((rest, b))) if settled is None else settled)


def _settled(a: Dim, b: int) -> int | None:
    """`a // b` where `a` stays within one multiple of b, as a remainder may; symbols alone never do."""
    if all(isinstance(atom, Symbol) for _, monomial in a.terms for atom, _ in monomial):
        return None
    low, high = interval(a)
    return low // b if low is not None and high is not None and low // b == high // b else None


def _merged(rest: Dim, b: DimLike) -> DimLike | None:
    """⌊(⌊n/m⌋ + r)/b⌋ = ⌊(n + m·r)/(m·b)⌋ and ⌊(-⌊n/m⌋ + r)/b⌋ = ⌊(m·r - n + m - 1)/(m·b)⌋, for b ≥ 1 and m ≥ 1."""
    for coefficient, monomial in rest.terms:
        if abs(coefficient) != 1 or len(monomial) != 1 or monomial[0][1] != 1:
            continue
        atom = monomial[0][0]
        if not isinstance(atom, FloorDiv):
            continue
        n, m = atom.operands
        if not _positive(m):
            continue
        others = rest - coefficient * atom_size(atom)
        return floor_divide(m * others + (n if coefficient == 1 else m - 1 - n), m * b)
    return None


def _by_dim(a: DimLike, b: Dim) -> DimLike:
    """`a // b` for a symbolic b whose leading coefficient is positive: long division first."""
    quotient: DimLike = 0
    for _ in range(MAX_WEIGHT):
        step = _step(a, b)
        if step is None:
            break
        quotient, a = quotient + step, a - step * b
    if a == 0:
        return quotient
    positive = _positive(b)
    if positive and isinstance(a, Dim) and a.terms[0][0] < 0:
        return quotient - _by_dim(b - 1 - a, b)
    if positive and _never_below(a, 0) and _never_below(b - a, 1):
        return quotient
    if positive and _never_below(-a, 1) and _never_below(a + b, 0):
        return quotient - 1
    common = gcd(*(c for c, _ in terms_of(a)), *(c for c, _ in b.terms))
    shared = common_monomial(monomial for _, monomial in (*terms_of(a), *b.terms))
    if common > 1 or shared:
        return quotient + floor_divide(_cancel(a, common, shared), _cancel(b, common, shared))
    merged = _merged(a, b) if positive and isinstance(a, Dim) else None
    return quotient + (merged if merged is not None else atom_size(FloorDiv((a, b))))


def _step(a: DimLike, b: Dim) -> DimLike | None:
    """The next term of the quotient: the first term of `a` that the leading term of `b` divides."""
    lead, highest = b.terms[0]
    for coefficient, monomial in terms_of(a):
        over = divide_monomial(monomial, highest) if coefficient // lead else None
        if over is not None:
            return from_terms([(coefficient // lead, over)])
    return None


def common_monomial(monomials: Iterable[Monomial]) -> Monomial:
    """The largest monomial that divides all of one or more."""
    first, *others = monomials
    shared = dict(first)
    for monomial in others:
        powers = dict(monomial)
        shared = {atom: min(power, powers[atom]) for atom, power in shared.items() if atom in powers}
    return tuple(shared.items())


def _cancel(d: DimLike, common: int, shared: Monomial) -> DimLike:
    return from_terms((c // common, divide_monomial(monomial, shared) or ()) for c, monomial in terms_of(d))


def _positive(d: DimLike) -> bool:
    return _never_below(d, 1)


def _never_below(d: DimLike, limit: int) -> bool:
    low = lower_bound(d)
    return low is not None and low >= limit


# -- max and min -------------------------------------------------------------------------------------------------------


def maximum(a: DimLike, b: DimLike) -> DimLike:
    """The larger of two sizes."""
    return extreme(Max, a, b)


def minimum(a: DimLike, b: DimLike) -> DimLike:
    """The smaller of two sizes."""
    return extreme(Min, a, b)


def extreme(kind: type[Max] | type[Min], *sizes: DimLike) -> DimLike:
    """The `Max` or `Min` of sizes, without those that another one always beats."""
    kept: list[DimLike] = []
    for candidate in (operand for d in sizes for operand in _operands(kind, d)):
        if any(_beats(kind, other, candidate) for other in kept):
            continue
        kept = [other for other in kept if not _beats(kind, candidate, other)]
        kept.append(candidate)
    return kept[0] if len(kept) == 1 else atom_size(kind(tuple(sorted(kept, key=order))))


def _operands(kind: type[Max] | type[Min], d: DimLike) -> tuple[DimLike, ...]:
    atom = d.atom if isinstance(d, Dim) else None
    return atom.operands if isinstance(atom, kind) else (d,)


def _beats(kind: type[Max] | type[Min], a: DimLike, b: DimLike) -> bool:
    return _never_below(a - b if kind is Max else b - a, 0)
