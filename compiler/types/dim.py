"""Symbolic sizes: integer arithmetic over named dimensions, kept in one canonical form.

A size is a `DimLike`: a plain `int` while it is known, else a `Dim`. Arithmetic is Python's own, `//` and `%` with
Python's floor semantics, and a result that does not depend on a symbol is a plain `int` again, so a network whose sizes
are all known never makes a `Dim`.

    H, W = size("H"), size("W")
    (H + 6 - 7) // 2 + 1          # (H + 1)//2
    (2 * H * W) // (H * W)        # 2
    H - (H // 4) * 4              # H % 4

Every symbol stands for a size ≥ 1; simplification relies on it. Two sizes are `==` where their canonical forms are: equal
forms are equal numbers for all sizes, different forms may be (the requirements solver decides that). `<` and `<=` are not
defined, since their answer depends on the sizes: use `lower_bound(b - a)`. A `Dim` is always truthy.

A `Dim` is a polynomial with integer coefficients over atoms: `Symbol`, `FloorDiv`, `Max`, `Min`. A remainder has no atom
of its own: `a % b` is `a - b * (a // b)`, which makes `(a // b) * b + a % b == a` hold; `str` finds it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import gcd, lcm
from typing import Any, TypeAlias

__all__ = [
    "Atom",
    "Bounds",
    "Dim",
    "DimLike",
    "FloorDiv",
    "Max",
    "Min",
    "Symbol",
    "ceildiv",
    "evaluate",
    "lower_bound",
    "maximum",
    "minimum",
    "size",
    "substitute",
    "symbols",
    "upper_bound",
]

MAX_WEIGHT = 200  # atoms and terms of one canonical form, nested ones included
MAX_INTEGER = 2**63  # coefficients, as torch's sizes, are 64-bit integers


# -- atoms -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Symbol:
    """A free dimension, known by its name; a size ≥ 1."""

    name: str
    _hash: int = field(init=False)
    weight = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash(self.name))

    @property
    def order(self) -> tuple[Any, ...]:
        """Where the atom stands among others in a canonical form."""
        return (0, self.name)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Symbol) and self.name == other.name)

    def __reduce__(self) -> tuple[Any, ...]:
        return Symbol, (self.name,)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Symbol({self.name!r})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Compound:
    """An atom over other sizes. Hash, order and weight are computed once."""

    operands: tuple[DimLike, ...]
    order: tuple[Any, ...] = field(init=False)
    weight: int = field(init=False)
    _hash: int = field(init=False)
    rank = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", (self.rank, tuple(_order(d) for d in self.operands)))
        object.__setattr__(self, "weight", 1 + sum(1 if isinstance(d, int) else d.weight for d in self.operands))
        object.__setattr__(self, "_hash", hash((self.rank, self.operands)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(other) is type(self)
            and isinstance(other, _Compound)
            and self._hash == other._hash
            and self.operands == other.operands
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.operands,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self.operands))})"


class FloorDiv(_Compound):
    """`numerator // denominator`, rounded down. A known denominator is positive."""

    __slots__ = ()
    rank = 1

    @property
    def numerator(self) -> DimLike:
        return self.operands[0]

    @property
    def denominator(self) -> DimLike:
        return self.operands[1]


class Max(_Compound):
    """The largest of two or more `operands`."""

    __slots__ = ()
    rank = 2


class Min(_Compound):
    """The smallest of two or more `operands`."""

    __slots__ = ()
    rank = 3


Atom: TypeAlias = Symbol | FloorDiv | Max | Min
Monomial: TypeAlias = tuple[tuple[Atom, int], ...]  # atoms with their powers, in order; () is the constant's
Term: TypeAlias = tuple[int, Monomial]
Interval: TypeAlias = tuple[int | None, int | None]
Bounds: TypeAlias = Mapping[Symbol, tuple[int, int | None]]
"""Smallest and largest size of a symbol; one that is not named has (1, None): at least 1, without an upper bound."""


# -- the polynomial ----------------------------------------------------------------------------------------------------


class Dim:
    """A size that depends on free dimensions. Immutable; made by `size` and by arithmetic, never directly.

    `terms` is the canonical form, for code that walks it: `(coefficient, ((atom, power), …))`, highest degree first, the
    constant last. Raises OverflowError where a form grows beyond `MAX_WEIGHT` parts or 64-bit coefficients.
    """

    __slots__ = ("_hash", "_symbols", "_text", "terms", "weight")
    terms: tuple[Term, ...]
    weight: int

    def __init__(self, terms: tuple[Term, ...]) -> None:
        weight = 0
        for coefficient, monomial in terms:
            if not -MAX_INTEGER < coefficient < MAX_INTEGER:
                raise OverflowError("a size does not fit into 64 bits")
            weight += 1
            for atom, power in monomial:
                weight += atom.weight * power
        if weight > MAX_WEIGHT:
            raise OverflowError(f"a size expression has more than {MAX_WEIGHT} parts")
        self.terms = terms
        self.weight = weight
        self._hash: int | None = None
        self._text: str | None = None
        self._symbols: frozenset[Symbol] | None = None

    @property
    def symbol(self) -> Symbol | None:
        """The symbol, where the size is just one."""
        (coefficient, monomial), *others = self.terms
        if others or coefficient != 1 or len(monomial) != 1:
            return None
        ((atom, power),) = monomial
        return atom if power == 1 and isinstance(atom, Symbol) else None

    @property
    def constant(self) -> int:
        """The term without a symbol: 3 in `2*H + 3`."""
        coefficient, monomial = self.terms[-1]
        return 0 if monomial else coefficient

    def __add__(self, other: DimLike) -> DimLike:
        if isinstance(other, int):
            if not other:
                return self
            last, monomial = self.terms[-1]
            if monomial:
                return Dim((*self.terms, (int(other), ())))
            total = last + other
            return Dim((*self.terms[:-1], (total, ())) if total else self.terms[:-1])
        if not isinstance(other, Dim):
            return NotImplemented
        sums = {monomial: coefficient for coefficient, monomial in self.terms}
        for coefficient, monomial in other.terms:
            sums[monomial] = sums.get(monomial, 0) + coefficient
        return _collect(sums)

    __radd__ = __add__

    def __neg__(self) -> Dim:
        return Dim(tuple((-coefficient, monomial) for coefficient, monomial in self.terms))

    def __sub__(self, other: DimLike) -> DimLike:
        if not isinstance(other, int | Dim):
            return NotImplemented
        return self + -other

    def __rsub__(self, other: int) -> DimLike:
        return -self + other

    def __mul__(self, other: DimLike) -> DimLike:
        if isinstance(other, int):
            if other == 1 or not other:
                return self if other else 0
            return Dim(tuple((coefficient * other, monomial) for coefficient, monomial in self.terms))
        if not isinstance(other, Dim):
            return NotImplemented
        sums: dict[Monomial, int] = {}
        for a, left in self.terms:
            for b, right in other.terms:
                monomial = _times(left, right)
                sums[monomial] = sums.get(monomial, 0) + a * b
        return _collect(sums)

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> DimLike:
        if not isinstance(exponent, int):
            return NotImplemented
        if exponent < 0:
            raise ValueError(f"a size to the power of {exponent} is no size")
        result: DimLike = 1
        for _ in range(min(exponent, MAX_WEIGHT + 1)):  # a higher power raises OverflowError before its turn comes
            result = result * self
        return result

    def __floordiv__(self, other: DimLike) -> DimLike:
        if not isinstance(other, int | Dim):
            return NotImplemented
        return _floor_divide(self, other)

    def __rfloordiv__(self, other: int) -> DimLike:
        return _floor_divide(other, self)

    def __mod__(self, other: DimLike) -> DimLike:
        if not isinstance(other, int | Dim):
            return NotImplemented
        return self - other * _floor_divide(self, other)

    def __rmod__(self, other: int) -> DimLike:
        return other - self * _floor_divide(other, self)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(self.terms)
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Dim) and self.terms == other.terms)

    def __reduce__(self) -> tuple[Any, ...]:
        return Dim, (self.terms,)

    def __str__(self) -> str:
        if self._text is None:
            self._text = _text(self)
        return self._text

    def __repr__(self) -> str:
        return str(self)


DimLike: TypeAlias = int | Dim


@lru_cache(maxsize=4096)
def size(name: str | Symbol) -> Dim:
    """The size that a symbol stands for."""
    symbol = name if isinstance(name, Symbol) else Symbol(name)
    return _single(symbol)


def _single(atom: Atom) -> Dim:
    return Dim(((1, ((atom, 1),)),))


def _rank(monomial: Monomial) -> tuple[Any, ...]:
    """Graded lexicographic order, highest first: a monomial order, so that remainders of long division are unique."""
    return -sum(power for _, power in monomial), tuple((atom.order, -power) for atom, power in monomial)


def _order(d: DimLike) -> tuple[Any, ...]:
    terms = ((d, ()),) if isinstance(d, int) else d.terms
    return tuple((_rank(monomial), coefficient) for coefficient, monomial in terms)


def _collect(sums: dict[Monomial, int]) -> DimLike:
    """The canonical form of a sum of monomials."""
    monomials = [m for m, coefficient in sums.items() if coefficient]
    if not monomials:
        return 0
    if len(monomials) == 1:
        (monomial,) = monomials
        return Dim(((sums[monomial], monomial),)) if monomial else sums[monomial]
    if len(monomials) > MAX_WEIGHT:
        raise OverflowError(f"a size expression has more than {MAX_WEIGHT} parts")
    monomials.sort(key=_rank)
    return Dim(tuple((sums[m], m) for m in monomials))


def _times(left: Monomial, right: Monomial) -> Monomial:
    if not left or not right:
        return left or right
    powers = dict(left)
    for atom, power in right:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=lambda item: item[0].order))


def _over(monomial: Monomial, divisor: Monomial) -> Monomial | None:
    """`monomial / divisor`, None where that is no monomial."""
    powers = dict(monomial)
    for atom, power in divisor:
        left = powers.get(atom, 0) - power
        if left < 0:
            return None
        powers[atom] = left
    return tuple((atom, power) for atom, power in powers.items() if power)


# -- division ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=8192)
def _floor_divide(a: DimLike, b: DimLike) -> DimLike:
    if isinstance(b, int):
        if not b:
            raise ZeroDivisionError("a size is divided by zero")
        if isinstance(a, int):
            return a // b
        return _divide_by_integer(a, b) if b > 0 else _divide_by_integer(-a, -b)
    if b.terms[0][0] < 0:
        a, b = -a, -b
    return _divide_by_dim(a, b)


def _divide_by_integer(a: DimLike, b: int) -> DimLike:
    """`a // b` for b > 0: multiples of b stand outside, a common factor is cancelled, a nested floor-div is merged."""
    if isinstance(a, int) or b == 1:
        return a // b if isinstance(a, int) else a
    quotients: list[Term] = []
    rests: list[Term] = []
    for coefficient, monomial in a.terms:
        q, r = divmod(coefficient, b)
        if monomial and 2 * r > b:
            if not rests:  # ⌊-x/b⌋ = -⌊(x + b - 1)/b⌋: the leading coefficient is made positive
                return -_divide_by_integer(b - 1 - a, b)
            q, r = q + 1, r - b
        if q:
            quotients.append((q, monomial))
        if r:
            rests.append((r, monomial))
    quotient = _polynomial(quotients)
    common = gcd(b, *(r for r, monomial in rests if monomial))
    if common > 1:  # ⌊(g·x + c)/(g·b)⌋ = ⌊(x + ⌊c/g⌋)/b⌋
        rests = [(r // common, monomial) for r, monomial in rests if r // common]
        b //= common
    rest = _polynomial(rests)
    if isinstance(rest, int) or b == 1:
        return quotient + rest // b
    merged = _merge(rest, b)
    if merged is not None:
        return quotient + merged
    if any(not isinstance(atom, Symbol) for _, monomial in rest.terms for atom, _ in monomial):
        low, high = _interval(rest, {}, {})
        if low is not None and high is not None and low // b == high // b:
            return quotient + low // b
    return quotient + _single(FloorDiv((rest, b)))


def _merge(rest: Dim, b: DimLike) -> DimLike | None:
    """⌊(⌊n/m⌋ + r)/b⌋ = ⌊(n + m·r)/(m·b)⌋ and ⌊(-⌊n/m⌋ + r)/b⌋ = ⌊(m·r - n + m - 1)/(m·b)⌋, for b > 0 and m > 0."""
    for coefficient, monomial in rest.terms:
        if abs(coefficient) != 1 or len(monomial) != 1 or monomial[0][1] != 1:
            continue
        atom = monomial[0][0]
        if not isinstance(atom, FloorDiv):
            continue
        n, m = atom.operands
        if not isinstance(m, int) and not _positive(m):
            continue
        others = rest - coefficient * _single(atom)
        return _floor_divide(m * others + (n if coefficient == 1 else m - 1 - n), m * b)
    return None


def _divide_by_dim(a: DimLike, b: Dim) -> DimLike:
    """`a // b` for a symbolic b: long division, then common factors are cancelled."""
    lead, highest = b.terms[0]
    quotient: DimLike = 0
    for _ in range(MAX_WEIGHT):
        step = next(
            (
                (coefficient // lead, over)
                for coefficient, monomial in _terms(a)
                if coefficient // lead and (over := _over(monomial, highest)) is not None
            ),
            None,
        )
        if step is None:
            break
        factor = _polynomial([step])
        quotient, a = quotient + factor, a - factor * b
    if a == 0:
        return quotient
    positive = _positive(b)
    if positive:
        if _terms(a)[0][0] < 0 and isinstance(a, Dim):
            return quotient - _divide_by_dim(b - 1 - a, b)
        low, high = _interval(a, {}, {}), _interval(b - a, {}, {})
        if low[0] is not None and low[0] >= 0 and high[0] is not None and high[0] >= 1:
            return quotient
        under = _interval(a + b, {}, {})
        if low[1] is not None and low[1] < 0 and under[0] is not None and under[0] >= 0:
            return quotient - 1
    common = gcd(*(c for c, _ in _terms(a)), *(c for c, _ in b.terms))
    shared = _common(m for _, m in (*_terms(a), *b.terms))
    if common > 1 or shared:
        a = _polynomial([(c // common, _over(m, shared) or ()) for c, m in _terms(a)])
        return quotient + _floor_divide(a, _polynomial([(c // common, _over(m, shared) or ()) for c, m in b.terms]))
    merged = _merge(a, b) if positive and isinstance(a, Dim) else None
    return quotient + (merged if merged is not None else _single(FloorDiv((a, b))))


def _terms(d: DimLike) -> tuple[Term, ...]:
    return d.terms if isinstance(d, Dim) else ((d, ()),)


def _polynomial(terms: list[Term]) -> DimLike:
    """A size from terms that are distinct already."""
    return _collect({monomial: coefficient for coefficient, monomial in terms})


def _common(monomials: Iterator[Monomial]) -> Monomial:
    """The largest monomial that divides all."""
    shared = dict(next(monomials))
    for monomial in monomials:
        powers = dict(monomial)
        shared = {atom: min(power, powers[atom]) for atom, power in shared.items() if atom in powers}
    return tuple(shared.items())


def ceildiv(a: DimLike, b: DimLike) -> DimLike:
    """`a / b` rounded up, for b > 0."""
    return (a + b - 1) // b


# -- max and min -------------------------------------------------------------------------------------------------------


def maximum(a: DimLike, b: DimLike) -> DimLike:
    """The larger of two sizes."""
    return _extreme(Max, a, b)


def minimum(a: DimLike, b: DimLike) -> DimLike:
    """The smaller of two sizes."""
    return _extreme(Min, a, b)


def _extreme(kind: type[Max] | type[Min], a: DimLike, b: DimLike) -> DimLike:
    candidates = [*_operands(kind, a), *_operands(kind, b)]
    kept: list[DimLike] = []
    for candidate in candidates:
        if any(_dominates(kind, other, candidate) for other in kept):
            continue
        kept = [other for other in kept if not _dominates(kind, candidate, other)]
        kept.append(candidate)
    if len(kept) == 1:
        return kept[0]
    return _single(kind(tuple(sorted(kept, key=_order))))


def _operands(kind: type[Max] | type[Min], d: DimLike) -> tuple[DimLike, ...]:
    if isinstance(d, Dim) and len(d.terms) == 1:
        coefficient, monomial = d.terms[0]
        if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1 and isinstance(monomial[0][0], kind):
            return monomial[0][0].operands
    return (d,)


def _dominates(kind: type[Max] | type[Min], a: DimLike, b: DimLike) -> bool:
    low = lower_bound(a - b if kind is Max else b - a)
    return low is not None and low >= 0


# -- looking inside ----------------------------------------------------------------------------------------------------


def symbols(d: DimLike) -> frozenset[Symbol]:
    """The symbols that a size depends on."""
    if isinstance(d, int):
        return frozenset()
    if d._symbols is None:
        atoms = {atom for _, monomial in d.terms for atom, _ in monomial}
        found = [{a} if isinstance(a, Symbol) else s for a in atoms for s in _parts(a)]
        d._symbols = frozenset[Symbol]().union(*found)
    return d._symbols


def _parts(atom: Atom) -> list[frozenset[Symbol]]:
    return [frozenset({atom})] if isinstance(atom, Symbol) else [symbols(d) for d in atom.operands]


def substitute(d: DimLike, sizes: Mapping[Symbol, DimLike]) -> DimLike:
    """`d` with sizes, or other expressions, in the place of symbols, all at once."""
    if isinstance(d, int) or symbols(d).isdisjoint(sizes):
        return d
    total: DimLike = 0
    for coefficient, monomial in d.terms:
        product: DimLike = coefficient
        for atom, power in monomial:
            value = _substitute_atom(atom, sizes)
            for _ in range(power):
                product = product * value
        total = total + product
    return total


def _substitute_atom(atom: Atom, sizes: Mapping[Symbol, DimLike]) -> DimLike:
    if isinstance(atom, Symbol):
        return sizes[atom] if atom in sizes else size(atom)
    values = [substitute(d, sizes) for d in atom.operands]
    if isinstance(atom, FloorDiv):
        return values[0] // values[1]
    result = values[0]
    for value in values[1:]:
        result = _extreme(type(atom), result, value)
    return result


def evaluate(d: DimLike, sizes: Mapping[str, int] | Mapping[Symbol, int]) -> int:
    """The number that `d` is for known sizes, given by symbol or by name. Raises KeyError for one that is missing."""
    if isinstance(d, int):
        return d
    by_name = {str(key): value for key, value in sizes.items()}
    return _evaluate(d, by_name)


def _evaluate(d: DimLike, sizes: Mapping[str, int]) -> int:
    if isinstance(d, int):
        return d
    total = 0
    for coefficient, monomial in d.terms:
        product = coefficient
        for atom, power in monomial:
            product *= _evaluate_atom(atom, sizes) ** power
        total += product
    return total


def _evaluate_atom(atom: Atom, sizes: Mapping[str, int]) -> int:
    if isinstance(atom, Symbol):
        return sizes[atom.name]
    values = [_evaluate(d, sizes) for d in atom.operands]
    if isinstance(atom, FloorDiv):
        return values[0] // values[1]
    return max(values) if isinstance(atom, Max) else min(values)


# -- bounds ------------------------------------------------------------------------------------------------------------


def lower_bound(d: DimLike, bounds: Bounds | None = None) -> int | None:
    """A number that `d` is never below within `bounds`; None where none is known. Not always the largest such number."""
    return d if isinstance(d, int) else _interval(d, bounds or {}, {})[0]


def upper_bound(d: DimLike, bounds: Bounds | None = None) -> int | None:
    """A number that `d` is never above within `bounds`; None where none is known. Not always the smallest such number."""
    return d if isinstance(d, int) else _interval(d, bounds or {}, {})[1]


def _positive(d: DimLike) -> bool:
    low = lower_bound(d)
    return low is not None and low >= 1


def _interval(d: DimLike, bounds: Bounds, memo: dict[Dim, Interval]) -> Interval:
    """The tightest of three estimates: term by term, with each ⌊n/m⌋ taken as (n - remainder)/m, with symbols shifted."""
    if isinstance(d, int):
        return d, d
    known = memo.get(d)
    if known is None:
        known = memo[d] = _estimate(d, bounds, memo)
    return known


def _estimate(d: Dim, bounds: Bounds, memo: dict[Dim, Interval]) -> Interval:
    result: Interval = (0, 0)
    for coefficient, monomial in d.terms:
        result = _plus(result, _scaled(_product(monomial, bounds, memo), coefficient))
    if len(d.terms) == 1 or (result[0] is not None and result[1] is not None and result[0] == result[1]):
        return result
    relaxed = _relaxed(d, bounds, memo)
    if relaxed is not None:
        result = _both(result, relaxed)
    if result[0] is None and any(len(monomial) > 1 or monomial[0][1] > 1 for _, monomial in d.terms if monomial):
        result = _both(result, (_shifted(d, bounds, memo), None))
    if result[1] is None and any(len(monomial) > 1 or monomial[0][1] > 1 for _, monomial in d.terms if monomial):
        low = _shifted(-d, bounds, memo)
        result = _both(result, (None, None if low is None else -low))
    return result


def _atom_interval(atom: Atom, bounds: Bounds, memo: dict[Dim, Interval]) -> Interval:
    if isinstance(atom, Symbol):
        return bounds.get(atom, (1, None))
    intervals = [_interval(d, bounds, memo) for d in atom.operands]
    lows, highs = [low for low, _ in intervals], [high for _, high in intervals]
    if isinstance(atom, Max):
        known = [low for low in lows if low is not None]
        finite = [high for high in highs if high is not None]
        return (max(known) if known else None), (max(finite) if len(finite) == len(highs) else None)
    if isinstance(atom, Min):
        known = [high for high in highs if high is not None]
        finite = [low for low in lows if low is not None]
        return (min(finite) if len(finite) == len(lows) else None), (min(known) if known else None)
    (low, high), (least, most) = intervals
    if least is None or least < 1:
        return None, None
    if low is not None:
        low = low // least if low < 0 else 0 if most is None else low // most
    if high is not None:
        high = high // least if high >= 0 else -1 if most is None else high // most
    return low, high


def _product(monomial: Monomial, bounds: Bounds, memo: dict[Dim, Interval]) -> Interval:
    result: Interval = (1, 1)
    for atom, power in monomial:
        interval = _atom_interval(atom, bounds, memo)
        for _ in range(power):
            result = _cross(result, interval)
    return result


def _plus(a: Interval, b: Interval) -> Interval:
    low = None if a[0] is None or b[0] is None else a[0] + b[0]
    return low, (None if a[1] is None or b[1] is None else a[1] + b[1])


def _scaled(a: Interval, factor: int) -> Interval:
    low, high = (None if end is None else end * factor for end in a)
    return (low, high) if factor >= 0 else (high, low)


def _both(a: Interval, b: Interval) -> Interval:
    lows = [end for end in (a[0], b[0]) if end is not None]
    highs = [end for end in (a[1], b[1]) if end is not None]
    return (max(lows) if lows else None), (min(highs) if highs else None)


def _cross(a: Interval, b: Interval) -> Interval:
    """The interval of a product."""
    (al, ah), (bl, bh) = a, b
    if al is not None and bl is not None and al >= 0 and bl >= 0:
        return al * bl, (None if ah is None or bh is None else ah * bh)
    if al is None or ah is None or bl is None or bh is None:
        return None, None
    ends = (al * bl, al * bh, ah * bl, ah * bh)
    return min(ends), max(ends)


def _relaxed(d: Dim, bounds: Bounds, memo: dict[Dim, Interval]) -> Interval | None:
    """With L the lcm of the divisors, L·d has each c·⌊n/m⌋ replaced by (c/m)·(n - remainder), 0 ≤ remainder < m."""
    found: list[tuple[int, Monomial, FloorDiv, int]] = []
    for coefficient, monomial in d.terms:
        for atom, _ in monomial:
            if isinstance(atom, FloorDiv) and isinstance(atom.denominator, int):
                found.append((coefficient, monomial, atom, atom.denominator))
                break
    if not found:
        return None
    scale = lcm(*(m for *_, m in found))
    if scale >= MAX_INTEGER:
        return None
    error: Interval = (0, 0)
    try:
        total = d * scale
        for coefficient, monomial, atom, m in found:
            others = _polynomial([(coefficient * scale, _over(monomial, ((atom, 1),)) or ())])
            total = total - others * _single(atom) + _exact(others, m) * atom.numerator
            spread = _cross(_interval(_exact(others, m), bounds, memo), (0, m - 1))
            error = _plus(error, _scaled(spread, -1))
        low, high = _plus(_interval(total, bounds, memo), error)
    except OverflowError:
        return None
    return (None if low is None else -(-low // scale)), (None if high is None else high // scale)


def _exact(d: DimLike, divisor: int) -> DimLike:
    return _polynomial([(c // divisor, m) for c, m in _terms(d)])


def _shifted(d: Dim, bounds: Bounds, memo: dict[Dim, Interval]) -> int | None:
    """Each atom is its lower bound plus something ≥ 0: where no coefficient is negative then, the constant is a bound."""
    try:
        total: DimLike = 0
        for coefficient, monomial in d.terms:
            product: DimLike = coefficient
            for atom, power in monomial:
                low = _atom_interval(atom, bounds, memo)[0]
                if low is None:
                    return None
                for _ in range(power):
                    product = product * (_single(atom) + low)
            total = total + product
    except OverflowError:
        return None
    if isinstance(total, int):
        return total
    return total.constant if all(c >= 0 for c, m in total.terms if m) else None


# -- text --------------------------------------------------------------------------------------------------------------


def _text(d: Dim) -> str:
    """The shortest of: the sum as it is; a floor-div with the rest brought inside; a remainder."""
    candidates = [_sum(d.terms)]
    for coefficient, monomial in d.terms:
        if len(monomial) != 1 or monomial[0][1] != 1 or not isinstance(monomial[0][0], FloorDiv):
            continue
        n, m = monomial[0][0].operands
        if isinstance(n, int) or not isinstance(m, int):
            continue
        try:
            rest = d - coefficient * _single(monomial[0][0])
            if coefficient == 1 and rest != 0:
                candidates.append(_quotient(n + m * rest, m))
            if coefficient == -m:
                candidates += _remainders(rest, n, m)
        except OverflowError:
            pass  # the other form is too long: it would not be chosen
    return min(candidates, key=len)


def _remainders(rest: DimLike, n: DimLike, m: int) -> list[str]:
    """`rest - m * (n // m)` as `n % m` and what is left."""
    left = rest - n
    remainder = f"{_operand(n)} % {m}"
    if left == 0:
        return [remainder]
    if isinstance(left, int):
        return [f"{remainder} {'-' if left < 0 else '+'} {abs(left)}"]
    return [f"{left} + {remainder}"]


def _sum(terms: tuple[Term, ...]) -> str:
    ordered = sorted(terms, key=lambda term: term[0] < 0)  # a positive term leads
    text = ""
    for coefficient, monomial in ordered:
        factor = _factors(abs(coefficient), monomial, bare=bool(text) or coefficient > 0)
        if text:
            text += f" {'-' if coefficient < 0 else '+'} {factor}"
        else:
            text = f"-{factor}" if coefficient < 0 else factor
    return text


def _factors(coefficient: int, monomial: Monomial, bare: bool) -> str:
    alone = coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1
    parts = [] if coefficient == 1 and monomial else [str(coefficient)]
    for atom, power in monomial:
        text = _atom_text(atom)
        if isinstance(atom, FloorDiv) and not (alone and bare):
            text = f"({text})"
        parts.append(text if power == 1 else f"{text}**{power}")
    return "*".join(parts)


def _atom_text(atom: Atom) -> str:
    if isinstance(atom, Symbol):
        return atom.name
    if isinstance(atom, FloorDiv):
        return _quotient(*atom.operands)
    return f"{'max' if isinstance(atom, Max) else 'min'}({', '.join(map(str, atom.operands))})"


def _quotient(n: DimLike, m: DimLike) -> str:
    denominator = str(m) if isinstance(m, int) or m.symbol else f"({m})"
    return f"{_operand(n)}//{denominator}"


def _operand(n: DimLike) -> str:
    """Left operand of `//` or `%`: a product of symbols needs no parentheses."""
    if isinstance(n, int):
        return str(n) if n >= 0 else f"({n})"
    (coefficient, monomial), *others = n.terms
    plain = not others and coefficient > 0 and all(isinstance(atom, Symbol) for atom, _ in monomial)
    return str(n) if plain else f"({n})"
