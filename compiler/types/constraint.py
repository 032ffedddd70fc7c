"""One statement about sizes in its simplest form: `expression == 0`, `expression >= 0` or `expression % number == 0`.

`normalize` cancels what is positive anyway, drops what always holds and takes floor-divs apart where that is exact:

    B*C*H == B*C*W               H == W
    H*W == 4*(H//2)*(W//2)       H % 2 == 0 and W % 2 == 0
    (H + 1)//2 - 3 >= 4          H >= 13
    (H - 3)//2 == 6              H >= 15 and H <= 16
    2*(H//2) == H                H % 2 == 0
    3*H % 12 == 0                H % 4 == 0
    max(H, W) <= 512             H <= 512 and W <= 512
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import gcd
from typing import TypeAlias

from nnc.compiler.types.bounds import Bounds, interval
from nnc.compiler.types.dim import evaluate_named, substitute
from nnc.compiler.types.division import common_monomial
from nnc.compiler.types.notation import factor, left_operand, right_operand
from nnc.compiler.types.polynomial import (
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
    terms_of,
)
from nnc.compiler.types.products import exact_divisions, positive_factors

__all__ = ["Constraint", "Normal", "Relation", "is_linear", "normalize", "unit_symbols"]


class Relation(StrEnum):
    EQUAL = "=="
    AT_LEAST = ">="
    MULTIPLE = "%"


@dataclass(frozen=True, slots=True)
class Constraint:
    """`left == right`, `left >= right` or `left % right == 0`. In its normal form the right of the first two is 0."""

    relation: Relation
    left: DimLike
    right: DimLike = 0

    @property
    def symbols(self) -> frozenset[Symbol]:
        found = frozenset[Symbol]()
        return found.union(*(d.symbols for d in (self.left, self.right) if isinstance(d, Dim)))

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether it holds for these sizes. A division by zero holds for none."""
        try:
            left, right = evaluate_named(self.left, sizes), evaluate_named(self.right, sizes)
            if self.relation is Relation.MULTIPLE:
                return left % right == 0
        except ZeroDivisionError:
            return False
        return left == right if self.relation is Relation.EQUAL else left >= right

    def decide(self, bounds: Bounds) -> bool | None:
        """True or False where it holds, or fails, for all sizes within `bounds`; None where that is not known."""
        if self.relation is Relation.MULTIPLE:
            low, high = interval(self.left, bounds)
            least = interval(self.right, bounds)[0]
            within = low is not None and high is not None and least is not None and low > 0 and high < least
            return False if within else None
        try:
            low, high = interval(self.left - self.right, bounds)
        except OverflowError:
            return None
        if self.relation is Relation.EQUAL:
            if low is not None and low == high:
                return low == 0
            return False if (low is not None and low > 0) or (high is not None and high < 0) else None
        if low is not None and low >= 0:
            return True
        return False if high is not None and high < 0 else None

    def within(self, bounds: Bounds) -> Normal | None:
        """What says the same for sizes within `bounds`, of factors each by itself; None where it is no such product."""
        if self.right != 0 or not isinstance(self.left, Dim):
            return None
        if self.relation is Relation.EQUAL:
            divisions = exact_divisions(self.left, bounds)
            return None if divisions is None else _all(*(_multiple(n, m) for n, m in divisions))
        factors = positive_factors(self.left, bounds) if self.relation is Relation.AT_LEAST else None
        return None if factors is None else _all(*(_at_least(factor - 1) for factor in factors))

    def substitute(self, sizes: Mapping[Symbol, DimLike]) -> Normal | None:
        """The normal form with sizes, or expressions, in the place of symbols; None where that becomes too large."""
        try:
            return normalize(self.relation, substitute(self.left, sizes), substitute(self.right, sizes))
        except ZeroDivisionError:
            return False
        except OverflowError:
            return None

    def __str__(self) -> str:
        if self.relation is Relation.MULTIPLE:
            return _multiple_text(self.left, self.right)
        return _comparison_text(self.relation, self.left, self.right)


Normal: TypeAlias = bool | tuple[Constraint, ...]  # holds always, or never, or where all of these do


@lru_cache(maxsize=8192)
def normalize(relation: Relation, left: DimLike, right: DimLike) -> Normal:
    """The simplest constraints that hold for the same sizes ≥ 1. A form too large to simplify comes back as it is."""
    try:
        if relation is Relation.MULTIPLE:
            return _multiple(left, right)
        return _equal(left - right) if relation is Relation.EQUAL else _at_least(left - right)
    except OverflowError:
        return (Constraint(relation, left, right),)


def _equal(d: DimLike) -> Normal:
    if isinstance(d, int):
        return d == 0
    low, high = interval(d)
    if (low is not None and low > 0) or (high is not None and high < 0):
        return False
    if low == high == 0:
        return True
    d = _without_positive_factor(d)
    if d.terms[0][0] < 0:
        d = -d
    common = gcd(*(c for c, monomial in d.terms if monomial))
    if d.constant % common:
        return False
    d = _divided(d, common)
    for coefficient, atom, rest in _lone_floor_divs(d):
        n, m = atom.operands
        if not isinstance(m, int):
            continue
        if isinstance(rest, int) and abs(coefficient) == 1:  # ⌊n/m⌋ = t: m·t ≤ n < m·t + m
            t = -rest * coefficient
            return _all(_at_least(n - m * t), _at_least(m * t + m - 1 - n))
        error = m * rest + coefficient * n  # m·d = error - coefficient·(n mod m)
        if isinstance(error, int):
            remainder, impossible = divmod(error, coefficient)
            return False if impossible or not 0 <= remainder < m else _multiple(n - remainder, m)
    constraint = Constraint(Relation.EQUAL, d)
    parts = constraint.within({})
    return (constraint,) if parts is None else parts


def _at_least(d: DimLike) -> Normal:
    if isinstance(d, int):
        return d >= 0
    low, high = interval(d)
    if low is not None and low >= 0:
        return True
    if high is not None and high < 0:
        return False
    d = _without_positive_factor(d)
    d = _divided(d, gcd(*(c for c, monomial in d.terms if monomial)))
    for coefficient, atom, rest in _lone_floor_divs(d):
        n, m = atom.operands
        low = interval(m)[0]
        if low is None or low < 1:
            continue
        if coefficient == 1:  # ⌊n/m⌋ ≥ -rest where n ≥ -m·rest
            return _at_least(n + m * rest)
        if coefficient == -1:  # ⌊n/m⌋ ≤ rest where n < m·(rest + 1)
            return _at_least(m * rest + m - 1 - n)
    for coefficient, monomial in d.terms:
        if len(monomial) == 1 and monomial[0][1] == 1:
            extreme = monomial[0][0]
            if isinstance(extreme, Min if coefficient > 0 else Max):
                rest = d - coefficient * atom_size(extreme)
                return _all(*(_at_least(rest + coefficient * operand) for operand in extreme.operands))
    constraint = Constraint(Relation.AT_LEAST, d)
    parts = constraint.within({})
    return (constraint,) if parts is None else parts


def _multiple(left: DimLike, right: DimLike) -> Normal:
    if isinstance(right, Dim):
        return _multiple_of_dim(left, right)
    modulus = abs(right)
    if not modulus:
        return False
    terms = [(c % modulus, monomial) for c, monomial in terms_of(left)]
    common = gcd(modulus, *(c for c, monomial in terms if monomial))
    constant = sum(c for c, monomial in terms if not monomial)
    if constant % common:
        return False
    modulus //= common
    rest = from_terms((c // common % modulus, monomial) for c, monomial in terms)
    if isinstance(rest, int):
        return rest % modulus == 0
    lead = rest.terms[0][0]
    if gcd(lead, modulus) == 1:
        rest = rest * pow(lead, -1, modulus)
    rest = from_terms(
        (_least_residue(c, modulus) if monomial else c % modulus, monomial) for c, monomial in terms_of(rest)
    )
    return (Constraint(Relation.MULTIPLE, rest, modulus),)


def _multiple_of_dim(left: DimLike, right: Dim) -> Normal:
    shared = _shared_symbols((*terms_of(left), *right.terms))
    common = gcd(*(c for c, _ in (*terms_of(left), *right.terms)))
    if left != 0 and (shared or common > 1):
        return _multiple(*(_cancelled(d, common, shared) for d in (left, right)))
    low = interval(right)[0]
    if low is not None and low >= 0 and left % right == 0:
        return _at_least(right - 1)
    if low is not None and low >= 1 and Constraint(Relation.MULTIPLE, left, right).decide({}) is False:
        return False
    return (Constraint(Relation.MULTIPLE, left, right),)


def is_linear(d: Dim) -> bool:
    """Whether `d` is a sum of multiples of symbols, and a number."""
    return all(
        not monomial or (len(monomial) == 1 and monomial[0][1] == 1 and isinstance(monomial[0][0], Symbol))
        for _, monomial in d.terms
    )


def unit_symbols(d: Dim) -> list[tuple[Symbol, int]]:
    """The symbols that `d` has once only, with a coefficient of 1 or -1: `d == 0` says what they are."""
    found = []
    for coefficient, monomial in d.terms:
        if abs(coefficient) == 1 and len(monomial) == 1 and monomial[0][1] == 1 and isinstance(monomial[0][0], Symbol):
            symbol = monomial[0][0]
            rest = d - coefficient * atom_size(symbol)
            if isinstance(rest, Dim) and symbol not in rest.symbols:
                found.append((symbol, coefficient))
    return found


def _all(*parts: Normal) -> Normal:
    """The conjunction."""
    if any(part is False for part in parts):
        return False
    found = dict.fromkeys(constraint for part in parts if not isinstance(part, bool) for constraint in part)
    return tuple(found) or True


def _without_positive_factor(d: Dim) -> Dim:
    """Without the symbols, each ≥ 1, that every term has as a factor."""
    shared = _shared_symbols(d.terms)
    reduced = _cancelled(d, 1, shared) if shared else d
    return reduced if isinstance(reduced, Dim) else d


def _shared_symbols(terms: tuple[Term, ...]) -> Monomial:
    return tuple((a, power) for a, power in common_monomial(m for _, m in terms) if isinstance(a, Symbol))


def _cancelled(d: DimLike, common: int, shared: Monomial) -> DimLike:
    return from_terms((c // common, divide_monomial(monomial, shared) or ()) for c, monomial in terms_of(d))


def _divided(d: Dim, common: int) -> Dim:
    """`d / common`, the constant rounded down; the others are multiples."""
    reduced = from_terms((c // common, monomial) for c, monomial in d.terms) if common > 1 else d
    return reduced if isinstance(reduced, Dim) else d


def _lone_floor_divs(d: Dim) -> Iterator[tuple[int, FloorDiv, DimLike]]:
    """Terms that are a number times a floor-div, each with what is left of the sum."""
    for coefficient, monomial in d.terms:
        if len(monomial) == 1 and monomial[0][1] == 1 and isinstance(monomial[0][0], FloorDiv):
            yield coefficient, monomial[0][0], d - coefficient * atom_size(monomial[0][0])


def _least_residue(c: int, modulus: int) -> int:
    c %= modulus
    return c - modulus if 2 * c > modulus else c


# -- text --------------------------------------------------------------------------------------------------------------

_FLIPPED = {Relation.EQUAL: "==", Relation.AT_LEAST: "<="}


def _comparison_text(relation: Relation, left: DimLike, right: DimLike) -> str:
    """Positive terms on one side, negative ones on the other; a lone symbol first, a lone number last."""
    if right == 0:
        if isinstance(left, Dim) and (factored := _as_product(left)) is not None:
            text, rest = factored
            return f"{text} {relation} {-rest}"
        terms: tuple[Term, ...] = terms_of(left)
        left = from_terms((c, m) for c, m in terms if c > 0)
        right = from_terms((-c, m) for c, m in terms if c < 0)
    alone = [isinstance(d, Dim) and d.symbol is not None for d in (left, right)]
    if isinstance(left, int) or (alone[1] and not alone[0]):
        return f"{right} {_FLIPPED[relation]} {left}"
    return f"{left} {relation} {right}"


def _as_product(d: Dim) -> tuple[str, int] | None:
    """`a*b + q*a + r*b + s` as `(a + r)*(b + q)` and a number: what a flattened image must have comes so."""
    (coefficient, monomial), *others = d.terms
    if len(others) < 2 or coefficient != 1 or [power for _, power in monomial] != [1, 1]:
        return None
    a, b = (atom_size(atom) for atom, _ in monomial)
    factors = {m: c for c, m in others}
    left, right = a + factors.get(b.terms[0][1], 0), b + factors.get(a.terms[0][1], 0)
    try:
        rest = d - left * right
    except OverflowError:
        return None
    return (f"{factor(left)}*{factor(right)}", rest) if isinstance(rest, int) else None


def _multiple_text(left: DimLike, right: DimLike) -> str:
    remainder = 0
    if isinstance(left, Dim) and isinstance(right, int) and right:
        remainder = -left.constant % right
        left = left - left.constant
    return f"{left_operand(left)} % {right_operand(right)} == {remainder}"
