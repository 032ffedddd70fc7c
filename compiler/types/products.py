"""Products of sizes that were rounded down: what a view of an image as windows demands, taken apart.

H*W == 16*(H//4)*(W//4)                       H % 4 == 0 and W % 4 == 0
(H//2)*(W//2) == 16*(H//8)*(W//8)             the same of H//2 and W//2, where both are at least 1
2*(H//2)*(W//2) >= 1                          H//2 >= 1 and W//2 >= 1
"""

from __future__ import annotations

from itertools import combinations

from nnc.compiler.types.bounds import Bounds, lower_bound
from nnc.compiler.types.polynomial import Atom, Dim, DimLike, FloorDiv, atom_size, from_terms, terms_of

__all__ = ["exact_divisions", "positive_factors"]

MAX_FLOORS = 6


def exact_divisions(d: Dim, bounds: Bounds | None = None) -> list[tuple[DimLike, int]] | None:
    """The (n, m) of which `d == 0` says, within `bounds`, exactly that every n is a multiple of its m; None where it
    says something else, or that is not seen.

    `d` is taken as a polynomial in its floor-divs F, each ⌊n/m⌋ ≤ n/m. Let it be 0 where every F is n/m, and let -d not
    fall where an F grows, alone or with others. From the actual F to the n/m, one after the other, -d then climbs to 0
    and never falls: it was 0 from the start only if no step climbed. As the last step an F climbs by (n/m - F) times the
    slope of -d where all others are n/m already; where that is positive, F was n/m.
    """
    floors = _rounded_down(d)
    if not 2 <= len(floors) <= MAX_FLOORS or any(power > 1 for _, m in d.terms for a, power in m if a in floors):
        return None
    try:
        for sign in (1, -1):
            if _at_the_top(sign * d, floors) == 0 and _climbs(-sign * d, floors, bounds):
                return list(floors.values())
    except OverflowError:
        pass
    return None


def _rounded_down(d: Dim) -> dict[Atom, tuple[DimLike, int]]:
    """The floor-divs, each with n and m; where `d` has ⌊n/a⌋ too, ⌊n/(a·b)⌋ is taken as ⌊⌊n/a⌋/b⌋."""
    found = {a: a for _, monomial in d.terms for a, _ in monomial if isinstance(a, FloorDiv)}
    floors: dict[Atom, tuple[DimLike, int]] = {}
    coarser = set()
    for atom in found:
        n, m = atom.operands
        if not isinstance(m, int):
            continue
        for other in found:
            a = other.operands[1]
            if other.operands[0] == n and isinstance(a, int) and m > a and m % a == 0:
                floors[atom] = atom_size(other), m // a
                coarser.add(other)
        floors.setdefault(atom, (n, m))
    return {atom: parts for atom, parts in floors.items() if atom not in coarser}


def _at_the_top(d: DimLike, floors: dict[Atom, tuple[DimLike, int]]) -> DimLike:
    """`d`, times all m, where every floor-div is n/m."""
    total: DimLike = 0
    for coefficient, monomial in terms_of(d):
        here = {a for a, _ in monomial if a in floors}
        product: DimLike = from_terms([(coefficient, tuple(part for part in monomial if part[0] not in here))])
        for atom, (n, m) in floors.items():
            product = product * (n if atom in here else m)
        total = total + product
    return total


def _climbs(d: DimLike, floors: dict[Atom, tuple[DimLike, int]], bounds: Bounds | None) -> bool:
    """Whether `d` never falls where floor-divs grow, and climbs with each where the others are n/m."""
    for count in range(1, len(floors) + 1):
        for few in combinations(floors, count):
            slope = _slope(d, few)
            least = lower_bound(slope, bounds)
            if least is None or least < 0:
                return False
            if count == 1:
                top = lower_bound(_at_the_top(slope, floors), bounds)
                if top is None or top < 1:
                    return False
    return True


def _slope(d: DimLike, atoms: tuple[Atom, ...]) -> DimLike:
    """The derivative by each of these, in each of which `d` is linear."""
    return from_terms(
        (coefficient, tuple(part for part in monomial if part[0] not in atoms))
        for coefficient, monomial in terms_of(d)
        if all(any(a == atom for a, _ in monomial) for atom in atoms)
    )


def positive_factors(d: Dim, bounds: Bounds | None = None) -> list[DimLike] | None:
    """The factors that `d >= 0` says, of `c*a*b*… - k` with 0 < k ≤ c, must each be at least 1; None for another form,
    or where one may be negative."""
    if len(d.terms) != 2 or not 0 < -d.constant <= d.terms[0][0] or sum(power for _, power in d.terms[0][1]) < 2:
        return None
    factors: list[DimLike] = [atom_size(atom) for atom, _ in d.terms[0][1]]
    lows = [lower_bound(factor, bounds) for factor in factors]
    return factors if all(low is not None and low >= 0 for low in lows) else None
