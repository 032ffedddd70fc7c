"""A size as text: the shortest Python arithmetic, with `min` and `max`, that means it.

`H//2 + 1`, `2*C`, `(H + 1)//2`, `H % 32`. Read back with the same names it gives the same `Dim`.
"""

from __future__ import annotations

from collections.abc import Iterator

from nnc.compiler.types.polynomial import Atom, Dim, DimLike, FloorDiv, Max, Monomial, Symbol, Term, atom_size

__all__ = ["factor", "left_operand", "notation", "right_operand"]


def notation(d: Dim) -> str:
    """The shortest of: the sum as it is; a floor-div with the rest of the sum inside; a remainder."""
    candidates = [_signed_sum(d.terms)]
    for coefficient, monomial in d.terms:
        for atom, _ in monomial:
            if isinstance(atom, FloorDiv):
                candidates += _folded(d, coefficient, monomial, atom)
    return min(candidates, key=len)


def _folded(d: Dim, coefficient: int, monomial: Monomial, atom: FloorDiv) -> Iterator[str]:
    """Other ways to write a sum that has this floor-div in the given term."""
    n, m = atom.operands
    alone = monomial == ((atom, 1),)
    try:
        if alone and coefficient == 1 and isinstance(m, int) and len(d.terms) > 1:
            yield _quotient(n + m * (d - atom_size(atom)), m)
        if (alone and coefficient == -m) or isinstance(m, Dim):
            rest = d + m * atom_size(atom) - n
            if isinstance(rest, int) or len(rest.terms) < len(d.terms):
                yield _remainder(rest, n, m)
    except OverflowError:
        return  # that form is longer


def _signed_sum(terms: tuple[Term, ...]) -> str:
    """`H//2 - W + 1`: the first positive term leads."""
    lead = next((i for i, (coefficient, _) in enumerate(terms) if coefficient > 0), 0)
    text = ""
    for coefficient, monomial in (terms[lead], *terms[:lead], *terms[lead + 1 :]):
        if text:
            text += f" {'-' if coefficient < 0 else '+'} {_term(abs(coefficient), monomial)}"
        elif coefficient < 0:
            text = f"-{_term(-coefficient, monomial, negated=True)}"
        else:
            text = _term(coefficient, monomial)
    return text


def _term(coefficient: int, monomial: Monomial, negated: bool = False) -> str:
    if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1 and not negated:
        return _atom(monomial[0][0])
    parts = [str(coefficient)] if coefficient != 1 or not monomial else []
    for atom, power in monomial:
        text = f"({_atom(atom)})" if isinstance(atom, FloorDiv) else _atom(atom)
        parts.append(text if power == 1 else f"{text}**{power}")
    return "*".join(parts)


def _atom(atom: Atom) -> str:
    if isinstance(atom, Symbol):
        return atom.name
    if isinstance(atom, FloorDiv):
        return _quotient(*atom.operands)
    return f"{'max' if isinstance(atom, Max) else 'min'}({', '.join(map(str, atom.operands))})"


def _quotient(n: DimLike, m: DimLike) -> str:
    return f"{left_operand(n)}//{right_operand(m)}"


def _remainder(rest: DimLike, n: DimLike, m: DimLike) -> str:
    text = f"{left_operand(n)} % {right_operand(m)}"
    if isinstance(rest, Dim):
        return f"{rest} + {text}"
    return f"{text} {'-' if rest < 0 else '+'} {abs(rest)}" if rest else text


def factor(d: DimLike) -> str:
    """What `*` takes on either side."""
    return str(d) if isinstance(d, Dim) and d.symbol else f"({d})"


def left_operand(n: DimLike) -> str:
    """What `//` and `%` take on their left; a product of symbols needs no parentheses."""
    if isinstance(n, int):
        return str(n) if n >= 0 else f"({n})"
    coefficient, monomial = n.terms[0]
    bare = len(n.terms) == 1 and coefficient > 0 and not any(isinstance(atom, FloorDiv) for atom, _ in monomial)
    return str(n) if bare else f"({n})"


def right_operand(m: DimLike) -> str:
    return str(m) if isinstance(m, int) or m.symbol else f"({m})"
