"""A size as mathematics prints it, for people. `notation.py` has the form that is read back."""

from __future__ import annotations

from nnc.compiler.types.polynomial import Atom, Dim, DimLike, FloorDiv, Max, Symbol, Term, atom_size

__all__ = ["typeset"]

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def typeset(d: DimLike) -> str:
    """A size as mathematics prints it: `⌈H/2⌉`, `2W − 1`, `⌊(T − 3)/4⌋`."""
    try:
        return str(d) if isinstance(d, int) else _sum(d)
    except OverflowError:  # a form that only the text would need
        return str(d)


def _sum(d: Dim) -> str:
    for coefficient, monomial in d.terms:
        if coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0][0], FloorDiv) and monomial[0][1] == 1:
            n, m = monomial[0][0].operands
            rest = d - atom_size(monomial[0][0])
            if isinstance(m, int) and isinstance(rest, int):
                return _fraction(n + m * rest, m)
    first = next((i for i, (coefficient, _) in enumerate(d.terms) if coefficient > 0), 0)
    terms = (d.terms[first], *d.terms[:first], *d.terms[first + 1 :])
    text = ("−" if terms[0][0] < 0 else "") + _term(terms[0])
    return text + "".join(f" {'−' if term[0] < 0 else '+'} {_term(term)}" for term in terms[1:])


def _term(term: Term) -> str:
    coefficient, monomial = abs(term[0]), term[1]
    atoms = "·".join(_atom(a) + ("" if power == 1 else str(power).translate(_SUPERSCRIPTS)) for a, power in monomial)
    return atoms if coefficient == 1 and atoms else f"{coefficient}{atoms}"


def _atom(atom: Atom) -> str:
    if isinstance(atom, Symbol):
        return atom.name
    if isinstance(atom, FloorDiv):
        return _fraction(*atom.operands)
    return f"{'max' if isinstance(atom, Max) else 'min'}({', '.join(map(typeset, atom.operands))})"


def _fraction(n: DimLike, m: DimLike) -> str:
    """⌊n/m⌋, or as ⌈x/m⌉ where that leaves the smaller constant."""
    if isinstance(m, int) and isinstance(n, Dim):
        x = n - (m - 1)
        if isinstance(x, Dim) and abs(x.constant) < abs(n.constant):
            return f"⌈{_part(x)}/{m}⌉"
    return f"⌊{_part(n)}/{_part(m)}⌋"


def _part(d: DimLike) -> str:
    text = typeset(d)
    return f"({text})" if " " in text else text
