"""The canonical form of a symbolic size: a polynomial with integer coefficients over atoms.

An atom is a `Symbol`, or a `FloorDiv`, `Max` or `Min` of other sizes. Equal forms are equal numbers for all sizes;
forms that differ may be equal too, as `H//2 + (H + 1)//2` and `H` are: the requirements solver decides that.
`dim.py` is the door to all of this; how `//` simplifies is in `division.py`, what is known of a size in `bounds.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

__all__ = [
    "MAX_WEIGHT",
    "Atom",
    "Dim",
    "DimLike",
    "FloorDiv",
    "Max",
    "Min",
    "Monomial",
    "Symbol",
    "Term",
    "atom_size",
    "divide_monomial",
    "from_terms",
    "order",
    "terms_of",
]

MAX_WEIGHT = 128  # terms and atoms of one form, nested ones included
MAX_COEFFICIENT = 2**63  # torch's sizes are signed 64-bit integers


# -- atoms -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Symbol:
    """A free dimension, known by its name. It stands for a size ≥ 1."""

    name: str
    order: tuple[Any, ...] = field(init=False)  # where the atom stands among others
    weight: int = field(init=False, default=1)
    _hash: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", (0, self.name))
        object.__setattr__(self, "_hash", hash(self.name))

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
    """An atom over other sizes. What is asked often is computed once."""

    operands: tuple[DimLike, ...]
    order: tuple[Any, ...] = field(init=False)
    weight: int = field(init=False)
    _hash: int = field(init=False)

    def __post_init__(self) -> None:
        rank = _RANKS[type(self)]
        object.__setattr__(self, "order", (rank, tuple(order(d) for d in self.operands)))
        object.__setattr__(self, "weight", 1 + sum(1 if isinstance(d, int) else d.weight for d in self.operands))
        object.__setattr__(self, "_hash", hash((rank, self.operands)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is not type(self) or not isinstance(other, _Compound):
            return False
        return self._hash == other._hash and self.operands == other.operands

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.operands,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self.operands))})"


class FloorDiv(_Compound):
    """`numerator // denominator`, rounded down. A known denominator is positive."""

    __slots__ = ()

    @property
    def numerator(self) -> DimLike:
        return self.operands[0]

    @property
    def denominator(self) -> DimLike:
        return self.operands[1]


class Max(_Compound):
    """The largest of two or more `operands`."""

    __slots__ = ()


class Min(_Compound):
    """The smallest of two or more `operands`."""

    __slots__ = ()


_RANKS: dict[type[_Compound], int] = {FloorDiv: 1, Max: 2, Min: 3}

Atom: TypeAlias = Symbol | FloorDiv | Max | Min
Monomial: TypeAlias = tuple[tuple[Atom, int], ...]  # atoms with their powers, in order; () is the constant's
Term: TypeAlias = tuple[int, Monomial]


# -- the polynomial ----------------------------------------------------------------------------------------------------


class Dim:
    """A size that depends on free dimensions. Immutable; made by `size` and by arithmetic.

    `terms` is the canonical form, for code that walks it: `(coefficient, ((atom, power), …))`, highest degree first,
    the constant last. `//`, `%` and `**` are Python's. Raises OverflowError where a form has more than `MAX_WEIGHT`
    parts or a coefficient beyond 64 bits. `<` and its kin are not defined: the answer depends on the sizes.
    """

    __slots__ = ("_hash", "_symbols", "_text", "terms", "weight")
    terms: tuple[Term, ...]
    weight: int

    def __init__(self, terms: tuple[Term, ...]) -> None:
        weight = 0
        for coefficient, monomial in terms:
            if not -MAX_COEFFICIENT < coefficient < MAX_COEFFICIENT:
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
    def atom(self) -> Atom | None:
        """The atom, where the size is just one."""
        coefficient, monomial = self.terms[0]
        if coefficient != 1 or len(self.terms) > 1 or len(monomial) > 1 or monomial[0][1] > 1:
            return None
        return monomial[0][0]

    @property
    def symbol(self) -> Symbol | None:
        """The symbol, where the size is just one."""
        atom = self.atom
        return atom if isinstance(atom, Symbol) else None

    @property
    def constant(self) -> int:
        """The term without a symbol: 3 in `2*H + 3`."""
        coefficient, monomial = self.terms[-1]
        return 0 if monomial else coefficient

    @property
    def symbols(self) -> frozenset[Symbol]:
        """The free dimensions that the size depends on."""
        if self._symbols is None:
            found: set[Symbol] = set()
            for _, monomial in self.terms:
                for atom, _ in monomial:
                    if isinstance(atom, Symbol):
                        found.add(atom)
                    else:
                        found.update(*(d.symbols for d in atom.operands if isinstance(d, Dim)))
            self._symbols = frozenset(found)
        return self._symbols

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
        return Dim(tuple([(-coefficient, monomial) for coefficient, monomial in self.terms]))

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
            return Dim(tuple([(coefficient * other, monomial) for coefficient, monomial in self.terms]))
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
            raise ValueError(f"a size to the power of {exponent} is no whole number")
        result: DimLike = 1
        for _ in range(exponent):  # `MAX_WEIGHT` stops it
            result = result * self
        return result

    def __floordiv__(self, other: DimLike) -> DimLike:
        from nnc.compiler.types.division import floor_divide  # division needs this class

        return floor_divide(self, other) if isinstance(other, int | Dim) else NotImplemented

    def __rfloordiv__(self, other: int) -> DimLike:
        from nnc.compiler.types.division import floor_divide

        return floor_divide(other, self)

    def __mod__(self, other: DimLike) -> DimLike:
        if not isinstance(other, int | Dim):
            return NotImplemented
        return self - other * (self // other)

    def __rmod__(self, other: int) -> DimLike:
        return other - self * (other // self)

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
            from nnc.compiler.types.notation import notation  # notation needs this class

            self._text = notation(self)
        return self._text

    def __repr__(self) -> str:
        return str(self)


DimLike: TypeAlias = int | Dim


def atom_size(atom: Atom) -> Dim:
    """The size that is just this atom."""
    return Dim(((1, ((atom, 1),)),))


def terms_of(d: DimLike) -> tuple[Term, ...]:
    """The terms of any size; a number is one constant term."""
    return d.terms if isinstance(d, Dim) else ((d, ()),)


def from_terms(terms: Iterable[Term]) -> DimLike:
    """The sum of terms whose monomials are distinct."""
    return _collect({monomial: coefficient for coefficient, monomial in terms})


def order(d: DimLike) -> tuple[Any, ...]:
    """A key that sorts sizes, the same in every run."""
    return tuple([(_rank(monomial), coefficient) for coefficient, monomial in terms_of(d)])


@lru_cache(maxsize=4096)
def _rank(monomial: Monomial) -> tuple[Any, ...]:
    """Graded lexicographic order, highest first: a monomial order, so that remainders of long division are unique."""
    return -sum([power for _, power in monomial]), tuple([(atom.order, -power) for atom, power in monomial])


def _collect(sums: dict[Monomial, int]) -> DimLike:
    """The canonical form of a sum of monomials."""
    monomials = [m for m, coefficient in sums.items() if coefficient]
    if not monomials:
        return 0
    if len(monomials) == 1:
        (monomial,) = monomials
        return Dim(((sums[monomial], monomial),)) if monomial else sums[monomial]
    monomials.sort(key=_rank)
    return Dim(tuple([(sums[m], m) for m in monomials]))


def _times(left: Monomial, right: Monomial) -> Monomial:
    if not left or not right:
        return left or right
    powers = dict(left)
    for atom, power in right:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=lambda item: item[0].order))


def divide_monomial(monomial: Monomial, divisor: Monomial) -> Monomial | None:
    """`monomial / divisor`; None where that is no monomial."""
    powers = dict(monomial)
    for atom, power in divisor:
        left = powers.get(atom, 0) - power
        if left < 0:
            return None
        powers[atom] = left
    return tuple([(atom, power) for atom, power in powers.items() if power])
