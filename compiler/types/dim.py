"""Symbolic sizes: integer arithmetic over named dimensions.

A size is a `DimLike`: a plain `int` while it is known, else a `Dim`. Arithmetic is Python's own, `//` and `%` included,
and what does not depend on a symbol is a plain `int` again: a network whose sizes are all known never makes a `Dim`.

    H, W = size("H"), size("W")
    (H + 6 - 7) // 2 + 1          # (H + 1)//2
    (2 * H * W) // (H * W)        # 2
    H - H // 4 * 4                # H % 4

Every symbol stands for a size ≥ 1, which simplification relies on. `==` compares canonical forms: equal forms are equal
numbers for all sizes. `<` and its kin raise TypeError, since the answer depends on the sizes: ask `lower_bound(b - a)`.
A `Dim` is always truthy, even where it could be zero.

A `Dim` is a polynomial (`Dim.terms`) over the atoms `Symbol`, `FloorDiv`, `Max` and `Min`. A remainder is no atom:
`a % b` is kept as `a - b * (a // b)`, so that `a // b * b + a % b == a`, and written as `a % b` again by `str`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from nnc.compiler.types.bounds import Bounds, Interval, interval, lower_bound, upper_bound
from nnc.compiler.types.division import ceildiv, extreme, maximum, minimum
from nnc.compiler.types.polynomial import Atom, Dim, DimLike, FloorDiv, Max, Min, Symbol, atom_size

__all__ = [
    "Atom",
    "Bounds",
    "Dim",
    "DimLike",
    "FloorDiv",
    "Interval",
    "Max",
    "Min",
    "Symbol",
    "ceildiv",
    "evaluate",
    "evaluate_named",
    "interval",
    "lower_bound",
    "maximum",
    "minimum",
    "size",
    "substitute",
    "symbols",
    "upper_bound",
]

_NO_SYMBOLS: frozenset[Symbol] = frozenset()


@lru_cache(maxsize=4096)
def size(name: str | Symbol) -> Dim:
    """The size that a symbol stands for."""
    return atom_size(name if isinstance(name, Symbol) else Symbol(name))


def symbols(d: DimLike) -> frozenset[Symbol]:
    """The free dimensions that a size depends on."""
    return d.symbols if isinstance(d, Dim) else _NO_SYMBOLS


def substitute(d: DimLike, sizes: Mapping[Symbol, DimLike]) -> DimLike:
    """`d` with sizes, or other expressions, in the place of symbols, all at once."""
    if isinstance(d, int) or d.symbols.isdisjoint(sizes):
        return d
    total: DimLike = 0
    for coefficient, monomial in d.terms:
        product: DimLike = coefficient
        for atom, power in monomial:
            value = _substitute(atom, sizes)
            product = product * (value if power == 1 else value**power)
        total = total + product
    return total


def _substitute(atom: Atom, sizes: Mapping[Symbol, DimLike]) -> DimLike:
    if isinstance(atom, Symbol):
        return sizes[atom] if atom in sizes else size(atom)
    values = [substitute(d, sizes) for d in atom.operands]
    if isinstance(atom, FloorDiv):
        return values[0] // values[1]
    return extreme(type(atom), *values)


def evaluate(d: DimLike, sizes: Mapping[str, int] | Mapping[Symbol, int]) -> int:
    """The number that `d` is for known sizes, given by name or by symbol. Raises KeyError for one that is missing."""
    if isinstance(d, int):
        return d
    return evaluate_named(d, {key if isinstance(key, str) else key.name: value for key, value in sizes.items()})


def evaluate_named(d: DimLike, sizes: Mapping[str, int]) -> int:
    """`evaluate` for sizes by name, without looking at the keys."""
    if isinstance(d, int):
        return d
    total = 0
    for coefficient, monomial in d.terms:
        for atom, power in monomial:
            coefficient *= _evaluate_atom(atom, sizes) ** power
        total += coefficient
    return total


def _evaluate_atom(atom: Atom, sizes: Mapping[str, int]) -> int:
    if isinstance(atom, Symbol):
        return sizes[atom.name]
    values = [evaluate_named(d, sizes) for d in atom.operands]
    if isinstance(atom, FloorDiv):
        return values[0] // values[1]
    return max(values) if isinstance(atom, Max) else min(values)
