"""Which variable holds which value in a `forward`, chosen as a person would.

x = self.conv1(x)            a value that is used once more passes its variable on
identity = self.down(x)      one that stands alone bears its entry's name
out = out + identity         a chain that does not start from an input is called `x`, or as its end is: `out`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from nnc.compiler.backends.torch.naming import Names, is_generic, snake_case
from nnc.compiler.graph.ir import Value

__all__ = ["Variable", "name_variables"]

BEFORE = -1


@dataclass(eq=False, slots=True)
class Variable:
    """What one target of one statement holds: a value, or all results of a call (`parts`, of which `parts[0]` is one).

    It is set by statement `start` and read last by statement `end`. `words` name it, best first. `passable`: a single
    tensor, whose variable may go on to the value made of it."""

    values: tuple[Value, ...]
    words: tuple[str, ...]
    start: int
    end: int
    passable: bool = True
    is_input: bool = False
    name: str = ""


@dataclass(eq=False, slots=True)
class _Chain:
    links: list[Variable] = field(default_factory=list)

    @property
    def span(self) -> tuple[int, int]:
        return self.links[0].start, self.links[-1].end

    def candidates(self) -> tuple[str, ...]:
        last = self.links[-1].words
        if len(self.links) == 1:
            return last
        return (*(w for w in last[:1] if is_generic(w)), "x", "out", "h", *last)


def name_variables(
    inputs: Sequence[Variable], made: Sequence[Variable], reads: Sequence[Iterable[Value]], names: Names
) -> None:
    """Names every variable. `made` are in order of their statements, `reads[i]` are the values that statement `i`
    reads. `names` has what may not be hidden; the inputs' names are claimed there."""
    holder = {value: v for v in (*inputs, *made) for value in v.values}
    chains = {v: _Chain([v]) for v in inputs}
    for variable in inputs:
        variable.name = names.claim(*map(snake_case, variable.words))
    for variable in made:
        main = _passed_on(variable, reads[variable.start], holder, chains)
        chain = chains[variable] = chains[main] if main is not None else _Chain()
        chain.links.append(variable)
    _stand_alone(chains, reads)
    taken: dict[str, list[tuple[int, int]]] = {}
    every = list(dict.fromkeys(chains.values()))
    for chain in every:
        if chain.links[0].is_input:
            taken.setdefault(chain.links[0].name, []).append(chain.span)
    for chain in every:
        if not chain.links[0].is_input:
            word = _free(chain, names, taken)
            taken.setdefault(word, []).append(chain.span)
            chain.links[0].name = word
        for link in chain.links:
            link.name = chain.links[0].name


def _passed_on(
    variable: Variable, read: Iterable[Value], holder: dict[Value, Variable], chains: dict[Variable, _Chain]
) -> Variable | None:
    """The variable that ends in this statement and whose name goes on: an input's, as in `x = x + out`, else that of
    the longest chain."""
    if not variable.passable:
        return None
    ending: list[Variable] = []
    for value in read:
        other = holder.get(value)
        if other is None or not other.passable or other.end != variable.start or chains[other].links[-1] is not other:
            continue
        if not other.is_input or is_generic(other.name):
            ending.append(other)
    if len(ending) < 2:
        return ending[0] if ending else None
    return max(ending, key=lambda v: (v.is_input, len(chains[v].links)))


def _stand_alone(chains: dict[Variable, _Chain], reads: Sequence[Iterable[Value]]) -> None:
    """The end of a chain bears its own name where it comes out beside others, and where it is merged into another chain
    after branching off from an input or from a value with other readers: `identity = self.down(x)`."""
    readers = Counter([v for read in reads for v in read])
    every = list(dict.fromkeys(chains.values()))
    merges = {link.start for chain in every for link in chain.links[1:]}
    for chain in every:
        if len(chain.links) < 2:
            continue
        before, last = chain.links[-2:]
        branches = (before.is_input and len(chain.links) == 2) or any(readers[v] > 1 for v in before.values)
        if last.end == len(reads) or (last.end in merges and branches):
            chain.links.pop()
            chains[last] = _Chain([last])


def _free(chain: _Chain, names: Names, taken: dict[str, list[tuple[int, int]]]) -> str:
    start, end = chain.span
    words = [w for w in map(snake_case, chain.candidates()) if w] or ["value"]
    number = 1
    while True:
        for word in words:
            candidate = word if number == 1 else f"{word}_{number}"
            if _is_free(candidate, start, end, names, taken):
                return candidate
        words, number = words[-1:], number + 1


def _is_free(word: str, start: int, end: int, names: Names, taken: dict[str, list[tuple[int, int]]]) -> bool:
    if word not in taken and not names.is_free(word):
        return False
    return all(start != s and not (start < e and s < end) for s, e in taken.get(word, ()))
