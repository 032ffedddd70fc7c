"""The exact set of sizes for which a constraint on one free dimension holds.

Write H = m·k + r for m the period, in which every floor-div becomes a polynomial in k with integer values. Its sign
over k = 0, 1, 2, … changes a few times only: those places, for each residue r, make the set. `max` and `min` are taken
apart into cases first.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, reduce
from itertools import pairwise
from math import comb, lcm

from nnc.compiler.types.constraint import Constraint, Relation
from nnc.compiler.types.dim import evaluate_named
from nnc.compiler.types.division import extreme
from nnc.compiler.types.polynomial import Atom, Dim, DimLike, FloorDiv, Max, Min, Symbol, atom_size, terms_of
from nnc.compiler.types.sizeset import ALL, NONE, SizeSet, Stretch, Unwieldy

__all__ = ["effort", "solution_set"]

MAX_PERIOD = 2048
MAX_DEGREE = 8
MAX_CASES = 32


@lru_cache(maxsize=4096)
def solution_set(constraint: Constraint, max_period: int = MAX_PERIOD) -> SizeSet | None:
    """The sizes of its one symbol that satisfy a constraint in normal form; None where the method does not reach: a
    symbol in a divisor, a period above `max_period`, a degree above 8."""
    (symbol,) = constraint.symbols
    expression = constraint.left
    if constraint.right != 0 and constraint.relation is not Relation.MULTIPLE:
        return None  # a form too large to simplify
    if isinstance(expression, int) or isinstance(constraint.right, Dim):
        return None
    linear = _linear(expression)
    if linear is not None:
        return _linear_set(constraint.relation, *linear, constraint.right)
    try:
        if constraint.relation is Relation.MULTIPLE:
            return _cases(expression % constraint.right, Relation.EQUAL, symbol, max_period)
        return _cases(expression, constraint.relation, symbol, max_period)
    except (Unwieldy, OverflowError, ZeroDivisionError):
        return None


def effort(constraint: Constraint) -> int:
    """How many residues `solution_set` looks at, at most."""
    left, right = constraint.left, constraint.right
    if isinstance(left, int) or _linear(left) is not None:
        return 1
    factor = right if constraint.relation is Relation.MULTIPLE and isinstance(right, int) else 1
    return min((_period(left, MAX_PERIOD) or 1) * factor, MAX_PERIOD)


def _linear(expression: Dim) -> tuple[int, int] | None:
    """(a, c) of `a*H + c`."""
    coefficient, monomial = expression.terms[0]
    if len(monomial) == 1 and monomial[0][1] == 1 and isinstance(monomial[0][0], Symbol):
        constant = expression.constant
        return (coefficient, constant) if len(expression.terms) == (2 if constant else 1) else None
    return None


def _linear_set(relation: Relation, a: int, c: int, modulus: int) -> SizeSet | None:
    if relation is Relation.EQUAL:
        return NONE if c % a else SizeSet.between(-c // a, -c // a) if -c // a >= 1 else NONE
    if relation is Relation.AT_LEAST:
        return SizeSet.between(-(c // a)) if a > 0 else SizeSet.between(1, c // -a)
    if a == 1:
        return SizeSet.residues(modulus, [-c % modulus])
    return (
        SizeSet.residues(modulus, [r for r in range(modulus) if not (a * r + c) % modulus]) if modulus <= 4096 else None
    )


# -- max and min -------------------------------------------------------------------------------------------------------


def _cases(expression: DimLike, relation: Relation, symbol: Symbol, max_period: int) -> SizeSet | None:
    """The union, over which operand each `max` and `min` is, of where that is so and the relation holds."""
    cases: list[tuple[list[DimLike], DimLike]] = [([], expression)]
    solved = NONE
    made = 1
    while cases:
        guards, d = cases.pop()
        inner = next((atom for atom in _atoms(d) if isinstance(atom, Max | Min)), None)
        if inner is None:
            parts = [_periodic(g, Relation.AT_LEAST, symbol, max_period) for g in guards]
            parts.append(_periodic(d, relation, symbol, max_period))
            known = [part for part in parts if part is not None]
            if len(known) < len(parts):
                return None
            solved = solved | reduce(SizeSet.__and__, known)
            continue
        made += len(inner.operands)
        if made > MAX_CASES:
            return None
        sign = 1 if isinstance(inner, Max) else -1
        for i, chosen in enumerate(inner.operands):
            others = inner.operands[:i] + inner.operands[i + 1 :]
            wins = [sign * (chosen - other) for other in others]
            cases.append(([_replaced(g, inner, chosen) for g in guards] + wins, _replaced(d, inner, chosen)))
    return solved


def _atoms(d: DimLike) -> Iterator[Atom]:
    """Every atom, the inner ones before those that hold them."""
    for _, monomial in terms_of(d):
        for atom, _ in monomial:
            if not isinstance(atom, Symbol):
                for operand in atom.operands:
                    yield from _atoms(operand)
            yield atom


def _replaced(d: DimLike, atom: Atom, value: DimLike) -> DimLike:
    """`d` with `value` in the place of an atom that has no `max` or `min` inside."""
    total: DimLike = 0
    for coefficient, monomial in terms_of(d):
        product: DimLike = coefficient
        for factor, power in monomial:
            for _ in range(power):
                product = product * (value if factor == atom else _rebuilt(factor, atom, value))
        total = total + product
    return total


def _rebuilt(factor: Atom, atom: Atom, value: DimLike) -> DimLike:
    if isinstance(factor, Symbol):
        return atom_size(factor)
    parts = [_replaced(d, atom, value) for d in factor.operands]
    if isinstance(factor, FloorDiv):
        return parts[0] // parts[1]
    return extreme(type(factor), *parts)


# -- residues ----------------------------------------------------------------------------------------------------------


def _periodic(expression: DimLike, relation: Relation, symbol: Symbol, max_period: int) -> SizeSet | None:
    """Where `expression == 0`, or `>= 0`, for an expression of one symbol without `max` and `min`."""
    if isinstance(expression, int):
        return ALL if expression == 0 or (expression > 0 and relation is Relation.AT_LEAST) else NONE
    period, degree = _period(expression, max_period), _degree(expression)
    if period is None or degree > MAX_DEGREE:
        return None
    classes: dict[int, tuple[Stretch, ...]] = {}
    name = symbol.name
    for r in range(period):
        first = r or period
        p = _differences([evaluate_named(expression, {name: first + period * k}) for k in range(degree + 1)])
        stretches = _at_least_zero(p) if relation is Relation.AT_LEAST else _zero(p)
        if stretches:
            classes[r] = tuple((first + period * a, None if b is None else first + period * b) for a, b in stretches)
    return SizeSet(period, classes)


def _period(d: DimLike, limit: int) -> int | None:
    """m such that `d` is a polynomial in k with integer coefficients at H = m·k + r; None above the limit."""
    period = 1
    for _, monomial in terms_of(d):
        for atom, _ in monomial:
            if isinstance(atom, FloorDiv):
                inner = _period(atom.numerator, limit)
                if inner is None or isinstance(atom.denominator, Dim):
                    return None
                period = lcm(period, inner * atom.denominator)
                if period > limit:
                    return None
    return period


def _degree(d: DimLike) -> int:
    return max(
        sum(power * (_degree(atom.numerator) if isinstance(atom, FloorDiv) else 1) for atom, power in monomial)
        for _, monomial in terms_of(d)
    )


# A polynomial p over k = 0, 1, 2, … is kept as its forward differences at 0: p(k) = Σ differences[i] · C(k, i).


def _differences(values: list[int]) -> list[int]:
    if len(values) == 2:
        start, then = values
        return [start, then - start] if start != then else [start]
    found = []
    while values:
        found.append(values[0])
        values = [b - a for a, b in pairwise(values)]
    while len(found) > 1 and not found[-1]:
        found.pop()
    return found


def _value(differences: list[int], k: int) -> int:
    return sum(c * comb(k, i) for i, c in enumerate(differences))


def _at_least_zero(p: list[int]) -> list[Stretch]:
    """The stretches of k ≥ 0 with p(k) ≥ 0: p is monotone wherever the sign of its difference stays."""
    if len(p) == 1:
        return [(0, None)] if p[0] >= 0 else []
    if len(p) == 2:
        start, slope = p
        if slope > 0:
            return [(max(0, -(start // slope)), None)]
        return [(0, start // -slope)] if start >= 0 else []
    found: list[Stretch] = []
    rising = _at_least_zero(p[1:])
    at = 0
    for low, high in [*rising, (None, None)]:
        if low is None or at < low:  # p falls from `at` to `low`
            _append(found, _falling(p, at, low))
            if low is None:
                break
        end = None if high is None else high + 1
        _append(found, _rising(p, low, end))
        if end is None:
            break
        at = end
    return found


def _zero(p: list[int]) -> list[Stretch]:
    """The stretches of k ≥ 0 with p(k) = 0."""
    if len(p) > 2:
        return _common(_at_least_zero(p), _at_least_zero([-c for c in p]))
    if len(p) == 1:
        return [] if p[0] else [(0, None)]
    k, rest = divmod(-p[0], p[1])
    return [] if rest or k < 0 else [(k, k)]


def _falling(p: list[int], a: int, b: int | None) -> Stretch | None:
    """Where p ≥ 0 in [a, b], for p that falls there."""
    if _value(p, a) < 0:
        return None
    if b is not None and _value(p, b) >= 0:
        return a, b
    low, high = a, a + 1 if b is None else b
    while _value(p, high) >= 0:
        low, high = high, a + 2 * (high - a)
    return a, _last(p, low, high)


def _rising(p: list[int], a: int, b: int | None) -> Stretch | None:
    """Where p ≥ 0 in [a, b], for p that rises there."""
    if _value(p, a) >= 0:
        return a, b
    if b is not None and _value(p, b) < 0:
        return None
    low, high = a, a + 1 if b is None else b
    while _value(p, high) < 0:
        low, high = high, a + 2 * (high - a)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _value(p, middle) < 0 else (low, middle)
    return high, b


def _last(p: list[int], low: int, high: int) -> int:
    """The last k with p(k) ≥ 0, between one where it is and one where it is not."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _value(p, middle) >= 0 else (low, middle)
    return low


def _append(found: list[Stretch], stretch: Stretch | None) -> None:
    """Adds a stretch that begins where the last one ends or later."""
    if stretch is None:
        return
    if found and found[-1][1] is not None and stretch[0] <= found[-1][1] + 1:
        found[-1] = found[-1][0], stretch[1]
    else:
        found.append(stretch)


def _common(left: list[Stretch], right: list[Stretch]) -> list[Stretch]:
    found: list[Stretch] = []
    for a, b in left:
        for c, d in right:
            high = d if b is None else b if d is None else min(b, d)
            if high is None or max(a, c) <= high:
                found.append((max(a, c), high))
    return found
