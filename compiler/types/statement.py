"""The shortest true statements about one free dimension: an exact set of sizes, in words that a reader can check.

multiples of 32 from 32 on               H % 32 == 0
sizes from 29 on                         H >= 29
28 and 29                                H in {28, 29}
every size but 2                         H != 2
even ones, and all from 20 on            H % 2 == 0 or H >= 20
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import islice

from nnc.compiler.types.sizeset import ALL, NONE, SizeSet, Unwieldy

__all__ = ["Statement", "describe"]

MAX_LISTED = 8  # numbers in a set that is written out
MAX_TEXT = 160
MAX_SPREAD = 512  # sizes of a set that are looked at one by one


@dataclass(frozen=True, eq=False, slots=True)
class Statement:
    """One of several that hold together. `form` says the same to a program: `symbol` and some of `minimum`, `maximum`,
    `modulus` with `residues`, `values`, `excluded`, or `any_of`, a list of lists of such forms."""

    text: str
    sizes: SizeSet
    form: Mapping[str, object]


def describe(name: str, sizes: SizeSet, given: SizeSet) -> tuple[Statement, ...] | None:
    """The shortest statements that, where `given` holds, together say that a size is in `sizes`; none where `given` is
    enough. None where no short ones are found. `sizes` has a member in `given`."""
    target = sizes & given
    found: list[list[Statement]] = []
    for wanted in (sizes, target):
        try:
            statements = _conjunction(name, wanted)
            if statements is not None:
                found.append(_without_needless(statements, given, target))
        except Unwieldy:
            continue
    texts = [" and ".join(s.text for s in statements) for statements in found]
    best = min(range(len(found)), key=lambda i: (len(texts[i]), "==" not in texts[i]), default=None)
    return None if best is None or len(texts[best]) > MAX_TEXT else tuple(found[best])


def _without_needless(statements: list[Statement], given: SizeSet, target: SizeSet) -> list[Statement]:
    """Without those that the others, and `given`, imply."""
    kept = list(statements)
    for statement in reversed(statements):
        others = [s for s in kept if s is not statement]
        if _all(others) & given <= target:
            kept = others
    return kept


def _all(statements: Sequence[Statement]) -> SizeSet:
    return reduce(SizeSet.__and__, (s.sizes for s in statements), ALL)


# -- finding the form --------------------------------------------------------------------------------------------------


def _conjunction(name: str, sizes: SizeSet) -> list[Statement] | None:
    """Statements that together mean a set that is not empty."""
    candidates = [_listed(name, sizes), _regular(name, sizes)]
    if candidates == [None, None]:
        candidates = [_runs(name, sizes), _with_exceptions(name, sizes), _pieces(name, sizes)]
    found = [statements for statements in candidates if statements is not None]
    return min(found, key=lambda statements: len(" and ".join(s.text for s in statements)), default=None)


def _listed(name: str, sizes: SizeSet) -> list[Statement] | None:
    """`H == 28`, `H in {28, 29}`."""
    if sizes.size is None or sizes.size > MAX_LISTED:
        return None
    values = list(sizes)
    text = f"{name} == {values[0]}" if len(values) == 1 else f"{name} in {_braces(values)}"
    return [Statement(text, sizes, {"symbol": name, "values": values})]


def _regular(name: str, sizes: SizeSet) -> list[Statement] | None:
    """`H % 32 == 0` and `H >= 64`: residues, from a smallest size, to a largest."""
    low, high = sizes.smallest, sizes.largest
    endless = sum(1 for stretches in sizes.classes.values() if stretches[-1][1] is None)
    for modulus in _divisors(sizes.modulus):
        residues = sorted({r % modulus for r in sizes.classes})
        if high is None and len(residues) * sizes.modulus != endless * modulus:
            continue  # of another density
        periodic = SizeSet.residues(modulus, residues)
        if periodic & SizeSet.between(low, high) <= sizes:
            statements = [] if len(residues) == modulus else _residues(name, modulus, residues)
            if statements is None:
                return None
            return statements + _limits(name, low if periodic.smallest < low else None, high)
    return None


def _limits(name: str, low: int | None, high: int | None) -> list[Statement]:
    form: dict[str, object] = {"symbol": name}
    if low is not None:
        form["minimum"] = low
    if high is not None:
        form["maximum"] = high
    if low is None and high is None:
        return []
    text = f"{low} <= {name} <= {high}" if low and high else f"{name} >= {low}" if low else f"{name} <= {high}"
    return [Statement(text, SizeSet.between(low or 1, high), form)]


def _residues(name: str, modulus: int, residues: list[int]) -> list[Statement] | None:
    """`H % 32 == 0`, `H % 3 != 1`, `(H + 9) % 24 <= 11`, `H % 8 in {0, 5}`; None where too many would be listed."""
    left = name
    others = sorted(set(range(modulus)) - set(residues)) if len(residues) > 1 else []
    if len(residues) == 1:
        text = f"== {residues[0]}"
    elif len(others) == 1:
        text = f"!= {others[0]}"
    elif residues == list(range(len(residues))):
        text = f"<= {residues[-1]}"
    elif residues == list(range(modulus - len(residues), modulus)):
        text = f">= {residues[0]}"
    elif len(residues) <= MAX_LISTED:
        text = f"in {_braces(residues)}"
    elif others and len(others) <= MAX_LISTED:
        text = f"not in {_braces(others)}"
    else:
        start = next(r for r in residues if (r - 1) % modulus not in residues)
        if any((start + i) % modulus not in residues for i in range(len(residues))):
            return None
        left = f"({name} - {start})" if 2 * start < modulus else f"({name} + {modulus - start})"
        text = f"<= {len(residues) - 1}"
    form = {"symbol": name, "modulus": modulus, "residues": residues}
    return [Statement(f"{left} % {modulus} {text}", SizeSet.residues(modulus, residues), form)]


def _runs(name: str, sizes: SizeSet) -> list[Statement] | None:
    """`H <= 4 or 9 <= H <= 12`, for a set of few stretches of neighbors."""
    if sizes.modulus > 1:
        if sizes.size is None or sizes.size > MAX_SPREAD:
            return None
        sizes = sizes.where(lambda _: True)
    stretches = sizes.classes[0]
    if len(stretches) > MAX_LISTED:
        return None
    return [_any_of(name, [_limits(name, low if low > 1 else None, high) for low, high in stretches])]


def _with_exceptions(name: str, sizes: SizeSet) -> list[Statement] | None:
    """`H != 2`: a regular set without a few sizes."""
    tail, start = _tail(sizes)
    low = sizes.smallest
    base = tail & SizeSet.between(low)
    if not sizes <= base:
        return None
    missing = list(islice((n for n in _below(base, start) if n not in sizes), MAX_LISTED + 1))
    regular = _regular(name, base) if 0 < len(missing) <= MAX_LISTED else None
    if regular is None:
        return None
    text = f"!= {missing[0]}" if len(missing) == 1 else f"not in {_braces(missing)}"
    without = reduce(SizeSet.__or__, _between_all(missing), NONE)
    return [*regular, Statement(f"{name} {text}", without, {"symbol": name, "excluded": missing})]


def _pieces(name: str, sizes: SizeSet) -> list[Statement] | None:
    """`H % 2 == 0 or H >= 20`: what comes before the regular part, or the regular part."""
    tail, start = _tail(sizes)
    if tail.empty or start == 1:
        return None
    head = sizes & SizeSet.between(1, start - 1)
    if head.empty:
        return None
    first = _conjunction(name, head)
    last = _regular(name, sizes & SizeSet.between(start))
    if first is None or last is None:
        return None
    parts = [first, last]
    for i, part in enumerate(parts):  # a part may say less where the whole still means the same
        for statement in reversed(part):
            shorter = [s for s in parts[i] if s is not statement]
            if shorter and _all(shorter) <= sizes:
                parts[i] = shorter
    return [_any_of(name, parts)]


def _any_of(name: str, parts: list[list[Statement]]) -> Statement:
    """Where any of the parts holds; a part that is an alternative itself is taken apart."""
    text = " or ".join(" and ".join(s.text for s in part) for part in parts)
    sizes = reduce(SizeSet.__or__, (_all(part) for part in parts))
    return Statement(text, sizes, {"symbol": name, "any_of": [[dict(s.form) for s in part] for part in parts]})


# -- helpers -----------------------------------------------------------------------------------------------------------


def _tail(sizes: SizeSet) -> tuple[SizeSet, int]:
    """The residues that never end, and a size from which on nothing but them decides."""
    start = 1
    endless = []
    for r, stretches in sizes.classes.items():
        low, high = stretches[-1]
        if high is None:
            endless.append(r)
            start = max(start, low - sizes.modulus + 1)
        else:
            start = max(start, high + 1)
    return SizeSet.residues(sizes.modulus, endless), start


def _below(sizes: SizeSet, limit: int) -> Iterator[int]:
    for n in sizes:
        if n >= limit:
            return
        yield n


def _between_all(excluded: list[int]) -> Iterator[SizeSet]:
    """The stretches between excluded sizes."""
    low = 1
    for n in excluded:
        if n > low:
            yield SizeSet.between(low, n - 1)
        low = n + 1
    yield SizeSet.between(low)


def _divisors(n: int) -> list[int]:
    """In ascending order; only the number itself where it is too large to look."""
    if n > 10**8:
        return [n]
    small = [d for d in range(1, int(n**0.5) + 1) if n % d == 0]
    return small + [n // d for d in reversed(small) if d * d != n]


def _braces(numbers: Sequence[int]) -> str:
    return f"{{{', '.join(map(str, numbers))}}}"
