"""Constraints on several free dimensions, solved together as far as that is exact. The story is told in `solver.py`.

A fact is a constraint with its premises: the demands (by index) and the promises (by symbol) that it follows from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, product
from math import prod

from nnc.compiler.types.constraint import Constraint, Normal, Relation, is_linear, unit_symbols
from nnc.compiler.types.dim import Dim, DimLike, FloorDiv, Symbol, lower_bound, size, substitute
from nnc.compiler.types.known import (
    Known,
    Premise,
    Premises,
    all_premises,
    excluding,
    forcing,
    met,
    met_if_small,
    sources,
)
from nnc.compiler.types.polynomial import atom_size
from nnc.compiler.types.requirements import Promise
from nnc.compiler.types.sizeset import ALL, SizeSet, Unwieldy
from nnc.compiler.types.statement import Statement, describe
from nnc.compiler.types.univariate import effort, solution_set

__all__ = ["MAX_TRIED", "Finding", "System"]

MAX_TRIED = 4096  # combinations of sizes, or of facts, that are tried one by one
MAX_MINIMIZED = 200  # premises of a conflict that are left out one by one
MAX_EFFORT = 40_000  # residue classes looked at, each some 10 µs; what is not reached is stated as it is


@dataclass(frozen=True, slots=True)
class Fact:
    """`also` are premises that say the same on their own."""

    constraint: Constraint
    premises: Premises
    also: Premises = frozenset()


@dataclass(frozen=True, slots=True)
class Single:
    """All that is known of one dimension by itself. `unsolved` are facts whose sets are out of reach."""

    given: tuple[Known, ...]
    own: tuple[Known, ...]
    unsolved: tuple[Fact, ...]
    given_sizes: SizeSet
    sizes: SizeSet


@dataclass(frozen=True, slots=True)
class Finding:
    """A statement to print, with the premises that it stands for."""

    text: str
    symbols: tuple[Symbol, ...]
    premises: Premises
    form: Mapping[str, object]
    meets: Callable[[Mapping[str, int]], bool]


@dataclass
class Effort:
    """What is left of the work that a solution may cost."""

    left: int = MAX_EFFORT

    def spend(self, amount: int) -> bool:
        """Whether there was enough left."""
        self.left -= amount
        return self.left >= 0


@dataclass
class System:
    """Fill it with `demand`, then `solve`; `findings` or `conflicts` are the answer.

    facts       what is demanded
    given       what holds anyway of the dimensions that an equality replaced: their promises, and that they are ≥ 1
    replaced    those dimensions, and what stands for each
    singles     what is known of each dimension by itself
    several     the facts that still tie dimensions together
    """

    promises: Mapping[Symbol, Promise]
    explain: bool = True
    effort: Effort = field(default_factory=Effort)
    facts: dict[Constraint, Fact] = field(default_factory=dict)
    given: dict[Constraint, Fact] = field(default_factory=dict)
    replaced: dict[Symbol, DimLike] = field(default_factory=dict)
    singles: dict[Symbol, Single] = field(default_factory=dict)
    several: list[Fact] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    conflicts: list[Premises] = field(default_factory=list)
    _demanded: dict[int, Normal] = field(default_factory=dict)
    _pinned: set[Symbol] = field(default_factory=set)

    def demand(self, index: int, normal: Normal) -> None:
        """Adds a demand in its normal form."""
        self._demanded[index] = normal
        self._add(normal, frozenset({index}), self.facts)

    def solve(self) -> None:
        self._unify(linear=True)
        self._solve_singles()
        while self._pin() or self._take_apart() or self._unify(linear=False):
            self._solve_singles()
        self._solve_several()
        if not self.explain:
            return
        minimal = dict.fromkeys(self._minimized(premises) for premises in self.conflicts)
        self.conflicts = [c for c in minimal if not any(other < c for other in minimal)]
        if not self.conflicts:
            self._state()

    def sizes_of(self, symbol: Symbol) -> SizeSet:
        single = self.singles.get(symbol)
        return single.sizes if single else ALL

    def _add(
        self, normal: Normal, premises: Premises, to: dict[Constraint, Fact], also: Premises = frozenset()
    ) -> None:
        if isinstance(normal, bool):
            if not normal:
                self.conflicts.append(premises)
            return
        for constraint in normal:
            known = to.get(constraint)
            if known is None:
                to[constraint] = Fact(constraint, premises, also)
            else:
                to[constraint] = replace(known, also=known.also | premises | also)

    # -- one dimension in the place of another -------------------------------------------------------------------------

    def _unify(self, linear: bool) -> bool:
        """`W == H`, `T == 2*S + 1`, and where not only `linear` ones are meant `T == S//2`: the first is replaced by the
        second in all facts. Whether there were any."""
        count = len(self.replaced)
        while (found := self._equality(linear)) is not None:
            fact, symbol, other = found
            self.singles.pop(symbol, None)
            del self.facts[fact.constraint]
            self.findings.append(_stated(fact))
            for store in (self.facts, self.given):
                self._replace(
                    store, [f for f in store.values() if symbol in f.constraint.symbols], symbol, other, fact.premises
                )
            self.replaced = {s: substitute(d, {symbol: other}) for s, d in self.replaced.items()} | {symbol: other}
            promise = self.promises.get(symbol)
            premises = fact.premises | {symbol} if promise else fact.premises
            for normal in (promise or Promise()).said_of(other):
                self._add(normal, premises, self.given)
        return len(self.replaced) > count

    def _replace(
        self, store: dict[Constraint, Fact], facts: list[Fact], symbol: Symbol, by: DimLike, premises: Premises
    ) -> None:
        """Says facts of a store without the symbol. One that would become too large stays: it is true as it is."""
        for fact in facts:
            normal = fact.constraint.substitute({symbol: by})
            if normal is not None:
                del store[fact.constraint]
                self._add(normal, fact.premises | premises, store, fact.also)

    def _equality(self, linear: bool) -> tuple[Fact, Symbol, DimLike] | None:
        for fact in self.facts.values():
            d = fact.constraint.left
            if fact.constraint.relation is Relation.EQUAL and fact.constraint.right == 0 and isinstance(d, Dim):
                units = unit_symbols(d)
                if len(d.symbols) == 2 and units and (is_linear(d) or not linear):
                    symbol, coefficient = max(units, key=lambda unit: unit[0].name)
                    return fact, symbol, size(symbol) - coefficient * d
        return None

    # -- each dimension by itself --------------------------------------------------------------------------------------

    def _solve_singles(self) -> None:
        groups: dict[Symbol, tuple[list[Fact], list[Fact]]] = {}
        for symbol in self.promises.keys() - self.replaced.keys():
            groups[symbol] = ([], [])
        for i, store in enumerate((self.given, self.facts)):
            for fact in store.values():
                if len(fact.constraint.symbols) == 1:
                    (symbol,) = fact.constraint.symbols
                    groups.setdefault(symbol, ([], []))[i].append(fact)
        for symbol in sorted(groups, key=lambda s: s.name):
            self.singles[symbol] = self._single(symbol, *groups[symbol])

    def _single(self, symbol: Symbol, given: list[Fact], own: list[Fact]) -> Single:
        promise = self.promises.get(symbol)
        anyway = [Known(promise.sizes, frozenset({symbol}))] if promise else []
        anyway += [Known(s, f.premises) for f in given if (s := self._solution_set(f.constraint)) is not None]
        solved, unsolved = [], []
        given_sizes = ALL
        for known in anyway:
            given_sizes = met_if_small(given_sizes, known.sizes) or given_sizes
        total = given_sizes
        for fact in own:
            sizes = self._solution_set(fact.constraint)
            met = None if sizes is None else met_if_small(total, sizes)
            if sizes is None or met is None:
                unsolved.append(fact)
            else:
                solved.append(Known(sizes, fact.premises, fact.also))
                total = met
        if unsolved and total.size is not None and total.size <= MAX_TRIED:
            for fact in unsolved:
                left = total.where(lambda n, c=fact.constraint: c.holds({symbol.name: n}))  # type: ignore[misc]
                solved.append(Known(left, fact.premises | all_premises(solved + anyway), fact.also))
                total = total & left
            unsolved = []
        single = Single(tuple(anyway), tuple(solved), tuple(unsolved), given_sizes, total)
        if total.empty:
            self.conflicts.append(excluding((*single.own, *single.given)))
        return single

    def _solution_set(self, constraint: Constraint) -> SizeSet | None:
        if not self.effort.spend(effort(constraint)):
            return None
        return solution_set(constraint)

    def _pin(self) -> bool:
        """A dimension with one possible size is replaced by it in the facts that tie it to others."""
        for symbol, single in self.singles.items():
            tied = [f for f in self.facts.values() if len(f.constraint.symbols) > 1 and symbol in f.constraint.symbols]
            if symbol in self._pinned or single.sizes.size != 1 or not tied:
                continue
            self._pinned.add(symbol)
            premises = forcing((*single.own, *single.given), single.sizes)
            self._replace(self.facts, tied, symbol, single.sizes.smallest, premises)
            return True
        return False

    def _take_apart(self) -> bool:
        """A product says something of each factor, once the factors are known to be positive."""
        for fact in [f for f in self.facts.values() if len(f.constraint.symbols) > 1]:
            symbols = fact.constraint.symbols
            if any(self.sizes_of(s).empty for s in symbols):
                continue
            bounds = {s: (self.sizes_of(s).smallest, self.sizes_of(s).largest) for s in symbols}
            normal = fact.constraint.within(bounds)
            if normal is not None and normal != (fact.constraint,):
                del self.facts[fact.constraint]
                self._add(normal, fact.premises | all_premises(self._knowns(symbols)), self.facts, fact.also)
                return True
        return False

    # -- several together ----------------------------------------------------------------------------------------------

    def _solve_several(self) -> None:
        """Keeps the facts about several dimensions that nothing else decides."""
        for fact in self._strongest():
            symbols = fact.constraint.symbols
            if any(self.sizes_of(s).empty for s in symbols):
                continue  # that is a conflict already
            verdict = self._decide(fact.constraint)
            if verdict is None:
                self.several.append(fact)
            elif not verdict:
                self.conflicts.append(fact.premises | all_premises(self._knowns(symbols)))
        self._use_equalities()
        self._try_all()

    def _strongest(self) -> list[Fact]:
        """Of `H + W >= 10` and `H + W >= 12` the second."""
        kept: list[Fact] = []
        strongest: dict[DimLike, Fact] = {}
        for fact in self.facts.values():
            left = fact.constraint.left
            if len(fact.constraint.symbols) < 2:
                continue
            if fact.constraint.relation is not Relation.AT_LEAST or fact.constraint.right != 0 or isinstance(left, int):
                kept.append(fact)
                continue
            key = left - left.constant
            rival = strongest.get(key)
            if rival is None or left.constant < _constant(rival.constraint.left):
                strongest[key] = fact
        return [*kept, *strongest.values()]

    def _decide(self, constraint: Constraint) -> bool | None:
        """With what is known of each dimension: its bounds, and its residue where it has just one."""
        bounds: dict[Symbol, tuple[int, int | None]] = {}
        shifted: dict[Symbol, DimLike] = {}
        for symbol in constraint.symbols:
            sizes = self.sizes_of(symbol)
            bounds[symbol] = sizes.smallest, sizes.largest
            if sizes.modulus > 1 and len(sizes.classes) == 1:
                shifted[symbol] = sizes.modulus * size(symbol) + sizes.smallest - sizes.modulus
                end = sizes.largest
                bounds[symbol] = 1, None if end is None else (end - sizes.smallest) // sizes.modulus + 1
        normal = constraint.substitute(shifted) if shifted else (constraint,)
        if normal is None or isinstance(normal, bool):
            return normal
        verdicts = [part.decide(bounds) for part in normal]
        return False if False in verdicts else None if None in verdicts else True

    def _use_equalities(self) -> None:
        """`T == S + P` decides `T >= S`: what follows from another fact is dropped, what it excludes is a conflict."""
        for fact in list(self.several):
            d = fact.constraint.left
            if fact not in self.several or fact.constraint.relation is not Relation.EQUAL or not isinstance(d, Dim):
                continue
            for symbol, coefficient in unit_symbols(d):
                other = size(symbol) - coefficient * d
                for rival in [f for f in self.several if f is not fact and symbol in f.constraint.symbols]:
                    normal = rival.constraint.substitute({symbol: other})
                    if isinstance(normal, bool):
                        self.several.remove(rival)
                        if not normal:
                            self.conflicts.append(fact.premises | rival.premises)

    def _try_all(self) -> None:
        """Where the dimensions of the facts that hang together have few sizes, all combinations are tried."""
        for facts in _components(self.several):
            symbols = sorted(frozenset[Symbol]().union(*(f.constraint.symbols for f in facts)), key=lambda s: s.name)
            counts = [self.sizes_of(s).size for s in symbols]
            count = prod(n for n in counts if n is not None)
            if None in counts or count > MAX_TRIED or not self.effort.spend(count):
                continue
            names = [s.name for s in symbols]
            tried = (dict(zip(names, sizes, strict=True)) for sizes in product(*(self.sizes_of(s) for s in symbols)))
            if not any(all(f.constraint.holds(sizes) for f in facts) for sizes in tried):
                premises = chain.from_iterable(f.premises for f in facts)
                self.conflicts.append(frozenset(premises) | all_premises(self._knowns(symbols)))

    def _knowns(self, symbols: Iterable[Symbol]) -> list[Known]:
        singles = [self.singles[s] for s in symbols if s in self.singles]
        return [known for single in singles for known in (*single.own, *single.given)]

    # -- saying it -----------------------------------------------------------------------------------------------------

    def _minimized(self, premises: Premises) -> Premises:
        """Without the premises that the conflict does not need."""
        if 1 < len(premises) <= MAX_MINIMIZED:
            for premise in sorted(premises, key=_dispensable):
                if self.effort.spend(10 * len(premises)) and self._infeasible(premises - {premise}):
                    premises = premises - {premise}
        return premises

    def _infeasible(self, premises: Premises) -> bool:
        part = System({s: p for s, p in self.promises.items() if s in premises}, explain=False, effort=self.effort)
        for index in sorted(p for p in premises if isinstance(p, int)):
            part.demand(index, self._demanded[index])
        part.solve()
        return bool(part.conflicts)

    def _state(self) -> None:
        for symbol, single in self.singles.items():
            for fact in self.several:
                if symbol in fact.constraint.symbols:
                    known = _factor_sizes(fact.constraint, symbol)
                    single = replace(single, given_sizes=single.given_sizes & known)
            statements = self._describe(symbol.name, single)
            for statement in statements or ():
                premises = sources(single.own, single.given_sizes, statement.sizes)
                meets = _member(symbol.name, statement.sizes)
                self.findings.append(Finding(statement.text, (symbol,), premises, statement.form, meets))
            facts = [f for f in self.facts.values() if f.constraint.symbols == {symbol}] if statements is None else ()
            self.findings += [_stated(fact) for fact in facts or single.unsolved]
        self.findings += [_stated(fact) for fact in self.several]

    def _describe(self, name: str, single: Single) -> Sequence[Statement] | None:
        try:
            wanted = met(single.own)
            return describe(name, wanted, single.given_sizes) if self.effort.spend(len(wanted.classes)) else None
        except Unwieldy:
            return None


# -- helpers -----------------------------------------------------------------------------------------------------------


def _dispensable(premise: Premise) -> tuple[bool, int, str]:
    """What to leave out first: promises, then late demands, so that a fault is shown where it first arises."""
    return (True, -premise, "") if isinstance(premise, int) else (False, 0, premise.name)


def _factor_sizes(constraint: Constraint, symbol: Symbol) -> SizeSet:
    """What `(H//4)*(W//4) == 16` says of H alone, and need not be said again: a factor of a positive product of sizes that
    are not negative is at least 1."""
    d = constraint.left - constraint.right
    products = [(c, m) for c, m in d.terms if m] if isinstance(d, Dim) else []
    if constraint.relation is not Relation.EQUAL or not isinstance(d, Dim) or len(products) != 1:
        return ALL
    ((coefficient, monomial),) = products
    lows = [lower_bound(atom_size(atom)) for atom, _ in monomial]
    if coefficient * d.constant >= 0 or any(low is None or low < 0 for low in lows):
        return ALL
    known = ALL
    for atom, _ in monomial:
        if isinstance(atom, FloorDiv) and isinstance(atom.denominator, int) and isinstance(atom.numerator, Dim):
            above = atom.numerator - size(symbol)  # H//4 >= 1 where H >= 4
            if isinstance(above, int):
                known = known & SizeSet.between(max(atom.denominator - above, 1), None)
    return known


def _stated(fact: Fact) -> Finding:
    text = str(fact.constraint)
    symbols = tuple(sorted(fact.constraint.symbols, key=lambda s: s.name))
    return Finding(text, symbols, fact.premises | fact.also, {"expression": text}, fact.constraint.holds)


def _member(name: str, sizes: SizeSet) -> Callable[[Mapping[str, int]], bool]:
    return lambda given: given[name] in sizes


def _constant(d: DimLike) -> int:
    return d if isinstance(d, int) else d.constant


def _components(facts: Iterable[Fact]) -> list[list[Fact]]:
    """Facts that share dimensions, directly or through others."""
    groups: list[tuple[set[Symbol], list[Fact]]] = []
    for fact in facts:
        symbols, members = set(fact.constraint.symbols), [fact]
        for group in [g for g in groups if g[0] & symbols]:
            groups.remove(group)
            symbols |= group[0]
            members = group[1] + members
        groups.append((symbols, members))
    return [members for _, members in groups]
