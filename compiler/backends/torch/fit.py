"""Constants that differ between the instances of a class become its parameters, or arithmetic over them.

    instances            conv1.in_channels   conv1.out_channels   conv2.out_channels
    planes=64,  C=64                    64                   64                  256
    planes=128, C=256                  256                  128                  512
                                         C               planes           planes * 4      C and planes become parameters

A formula is taken only where it holds for every instance. What no formula explains becomes a parameter of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnc.compiler.backends.torch.describe import freeze
from nnc.compiler.backends.torch.naming import SPOKEN, Names, snake_case
from nnc.compiler.backends.torch.syntax import binary, literal, name
from nnc.compiler.schema.names import RESERVED_NAMES

__all__ = ["Fitter", "Parameter", "Source", "constant", "sources"]

Vector = tuple[Any, ...]  # one value per instance


@dataclass(frozen=True, slots=True)
class Source:
    """What instances differ by: a block's argument, or a size that its input pattern binds (`bound`)."""

    name: str
    values: Vector
    bound: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a class's constructor, with each instance's value. `flowing`: the size of what flows in."""

    name: str
    values: Vector
    flowing: bool = False

    @property
    def annotation(self) -> str:
        """`int`, `float | None`, `tuple[int, ...]`."""
        kinds = sorted({_kind(v) for v in self.values}, key=lambda k: (k == "None", k))
        return " | ".join(kinds)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, tuple | list):
        inner = sorted({_kind(v) for v in value})
        return f"tuple[{' | '.join(inner) or 'int'}, ...]"
    kind = type(value).__name__
    return kind if kind in ("bool", "float", "int", "str") else "torch.dtype" if kind == "DType" else "object"


class Fitter:
    """Finds formulas for vectors; no parameter is named as one of `taken`. The same vector always has the same formula."""

    def __init__(self, sources: Sequence[Source] = (), taken: Iterable[str] = ()) -> None:
        self.sources = sources
        self._names = Names({*RESERVED_NAMES, *SPOKEN, *taken})
        self._parameters: dict[int, Parameter] = {}
        self._formulas: dict[Hashable, ast.expr] = {}
        self._own: list[Parameter] = []

    @property
    def parameters(self) -> list[Parameter]:
        """Sizes that flow in, then arguments in their declared order, then those made for one place."""
        used = [*(p for _, p in sorted(self._parameters.items())), *self._own]
        return [*(p for p in used if p.flowing), *(p for p in used if not p.flowing)]

    def fit(self, values: Vector, words: Sequence[str], inferred: bool = False) -> ast.expr:
        """The formula for one place. `words` name a parameter for it, best first; `inferred` says that it is the size
        of what flows in, which a bound size explains better than an argument does."""
        same = constant(values)
        if same is not None:
            return same
        known = self._known(values, words, inferred) or self._itemwise(values, words, inferred)
        return known or self._new(values, words, inferred)

    def look_up(self, values: Vector) -> ast.expr | None:
        """A formula for values that a comment shows: none is made for it."""
        return constant(values) or self._formulas.get(freeze(values)) or self._arithmetic(values, range(0), ())

    def _known(self, values: Vector, words: Sequence[str], inferred: bool) -> ast.expr | None:
        key = freeze(values)
        if key not in self._formulas:
            order = sorted(range(len(self.sources)), key=lambda i: (self.sources[i].bound != inferred, i))
            formula = self._arithmetic(values, order, words if inferred else ())
            if formula is None:
                return None
            self._formulas[key] = formula
        return self._formulas[key]

    def _itemwise(self, values: Vector, words: Sequence[str], inferred: bool) -> ast.expr | None:
        """Tuples of one length, item by item, if no item needs a parameter of its own."""
        lengths = {len(v) if isinstance(v, tuple | list) else -1 for v in values}
        if len(lengths) != 1 or -1 in lengths:
            return None
        items = [constant(v) or self._known(v, words, inferred) for v in zip(*values, strict=True)]
        return None if any(i is None for i in items) else ast.Tuple([i for i in items if i is not None])

    def _new(self, values: Vector, words: Sequence[str], inferred: bool) -> ast.expr:
        parameter = Parameter(self._names.claim(*map(snake_case, words)), values, inferred)
        self._own.append(parameter)
        formula = self._formulas[freeze(values)] = name(parameter.name)
        return formula

    def _arithmetic(self, values: Vector, order: Sequence[int], words: Sequence[str]) -> ast.expr | None:
        """`p`, `p * 4`, `p // 2`, `p * q`, `p + q`, over parameters that exist already and the sources in `order`."""
        key = freeze(values)
        made: list[tuple[Vector, int | Parameter]] = [(p.values, p) for p in self.parameters]
        unused = [i for i in order if i not in self._parameters]
        same = [s for known, s in made if freeze(known) == key] + [
            i for i in sorted(unused) if freeze(self.sources[i].values) == key
        ]
        if same:
            return self._name(same[0], words)
        if not _integers(values):
            return None
        made += [(self.sources[i].values, i) for i in unused]
        numbers = [(known, source) for known, source in made if _integers(known)]
        for known, source in numbers:
            factor = _ratio(values, known)
            if factor is not None:
                return binary("*", self._name(source), literal(factor))
            divisor = _ratio(known, values)
            if divisor is not None:
                return binary("//", self._name(source), literal(divisor))
        for operator in ("*", "+"):
            for i, (left, first) in enumerate(numbers):
                for right, second in numbers[i + 1 :]:
                    if all(
                        v == (a * b if operator == "*" else a + b) for v, a, b in zip(values, left, right, strict=True)
                    ):
                        return binary(operator, self._name(first), self._name(second))
        return None

    def _name(self, source: int | Parameter, words: Sequence[str] = ()) -> ast.expr:
        if isinstance(source, Parameter):
            return name(source.name)
        if source not in self._parameters:
            origin = self.sources[source]
            said = (
                (*map(snake_case, words), snake_case(origin.name).lower())
                if origin.bound
                else (snake_case(origin.name),)
            )
            self._parameters[source] = Parameter(self._names.claim(*said), origin.values, origin.bound)
        return name(self._parameters[source].name)


def constant(values: Vector) -> ast.expr | None:
    """The literal that all instances have; None where they differ."""
    first = freeze(values[0])
    return literal(values[0]) if all(freeze(v) == first for v in values[1:]) else None


def _integers(values: Vector) -> bool:
    return all(isinstance(v, int) and not isinstance(v, bool) for v in values)


def _ratio(values: Vector, base: Vector) -> int | None:
    """`values == base * ratio` for an integer above 1."""
    if base[0] <= 0 or values[0] % base[0]:
        return None
    ratio: int = values[0] // base[0]
    return ratio if ratio > 1 and all(v == b * ratio for v, b in zip(values, base, strict=True)) else None


def sources(scopes: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> list[Source]:
    """Arguments and bound sizes that all instances have, where they differ. A scope is (arguments, sizes)."""
    found = []
    for bound, index in ((False, 0), (True, 1)):
        first = scopes[0][index]
        for word in first:
            if all(word in scope[index] for scope in scopes):
                values = tuple(scope[index][word] for scope in scopes)
                if all(_plain(v) for v in values) and constant(values) is None:
                    found.append(Source(word, values, bound))
    return found


def _plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(_plain(v) for v in value)
    return value is None or isinstance(value, bool | int | float | str)
