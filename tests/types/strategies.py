"""Random sizes, as the shape rules of layers make them, each built twice: as a `Dim` and as plain arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

from nnc.compiler.types.demands import Demand, Relation
from nnc.compiler.types.dim import DimLike, maximum, minimum, size

NAMES = ("H", "W", "B")
Sizes = Mapping[str, int]


@dataclass(frozen=True)
class Built:
    """The same expression as a size and as plain arithmetic; `number` raises ZeroDivisionError where Python does."""

    symbolic: DimLike
    number: Callable[[Sizes], int]

    def __repr__(self) -> str:
        return str(self.symbolic)


def _name(name: str) -> Built:
    return Built(size(name), lambda sizes: sizes[name])


def _constant(n: int) -> Built:
    return Built(n, lambda _: n)


def _window(x: Built, kernel: int, stride: int, padding: int) -> Built:
    return Built(
        (x.symbolic + 2 * padding - kernel) // stride + 1,
        lambda sizes: (x.number(sizes) + 2 * padding - kernel) // stride + 1,
    )


def _scaled(x: Built, factor: int) -> Built:
    return Built(x.symbolic * factor, lambda sizes: x.number(sizes) * factor)


def _divided(x: Built, divisor: int) -> Built:
    return Built(x.symbolic // divisor, lambda sizes: x.number(sizes) // divisor)


def _rest(x: Built, divisor: int) -> Built:
    return Built(x.symbolic % divisor, lambda sizes: x.number(sizes) % divisor)


_BINARY: tuple[tuple[Callable[[DimLike, DimLike], DimLike], Callable[[int, int], int]], ...] = (
    (lambda a, b: a + b, lambda a, b: a + b),
    (lambda a, b: a - b, lambda a, b: a - b),
    (lambda a, b: a * b, lambda a, b: a * b),
    (lambda a, b: a // b, lambda a, b: a // b),
    (lambda a, b: a % b, lambda a, b: a % b),
    (maximum, max),
    (minimum, min),
)


def _combined(a: Built, b: Built, which: int) -> Built:
    symbolic, number = _BINARY[which]
    return Built(symbolic(a.symbolic, b.symbolic), lambda sizes: number(a.number(sizes), b.number(sizes)))


def leaves(names: tuple[str, ...]) -> st.SearchStrategy[Built]:
    return st.one_of(st.sampled_from(names).map(_name), st.integers(-9, 40).map(_constant))


def expressions(names: tuple[str, ...] = NAMES, max_leaves: int = 6) -> st.SearchStrategy[Built]:
    """Anything that arithmetic on sizes can say; a division by zero, or a form too large, is not generated."""

    def extend(inner: st.SearchStrategy[Built]) -> st.SearchStrategy[Built]:
        return st.one_of(
            st.builds(_window, inner, st.integers(1, 7), st.sampled_from([1, 2, 3, 4]), st.integers(0, 3)),
            st.builds(_scaled, inner, st.sampled_from([-1, 2, 3])),
            st.builds(_divided, inner, st.sampled_from([2, 3, 4, 8, 13, -2])),
            st.builds(_rest, inner, st.sampled_from([2, 3, 7, 11])),
            _quietly(st.tuples(inner, inner, st.integers(0, len(_BINARY) - 1))),
        )

    return st.recursive(leaves(names), extend, max_leaves=max_leaves)


def _quietly(parts: st.SearchStrategy[tuple[Built, Built, int]]) -> st.SearchStrategy[Built]:
    def possible(part: tuple[Built, Built, int]) -> bool:
        try:
            _combined(*part)
        except (ZeroDivisionError, OverflowError):
            return False
        return True

    return parts.filter(possible).map(lambda part: _combined(*part))


def layers(name: str, max_layers: int = 4) -> st.SearchStrategy[Built]:
    """One dimension through a few convolutions, pools and upsamplings."""
    layer = st.one_of(
        st.tuples(st.integers(1, 7), st.sampled_from([1, 2, 4]), st.integers(0, 3)).map(
            lambda p: lambda x: _window(x, *p)
        ),
        st.sampled_from([lambda x: _scaled(x, 2), lambda x: _divided(x, 2), lambda x: _divided(x, 3)]),
    )

    def through(steps: list[Callable[[Built], Built]]) -> Built:
        x = _name(name)
        for step in steps:
            x = step(x)
        return x

    return st.lists(layer, max_size=max_layers).map(through)


@dataclass(frozen=True)
class BuiltDemand:
    demand: Demand
    left: Built
    right: Built

    def holds(self, sizes: Sizes) -> bool:
        """By plain arithmetic, not by ours."""
        left, right = self.left.number(sizes), self.right.number(sizes)
        match self.demand.relation:
            case Relation.EQUAL:
                return left == right
            case Relation.AT_LEAST:
                return left >= right
            case Relation.MULTIPLE:
                return right != 0 and left % right == 0

    def __repr__(self) -> str:
        return str(self.demand)


def demands(of: st.SearchStrategy[Built]) -> st.SearchStrategy[BuiltDemand]:
    """What layers demand of such sizes."""
    small = st.integers(0, 30).map(_constant)
    return st.one_of(
        st.builds(_demand, st.just(Relation.AT_LEAST), of, small),
        st.builds(_demand, st.just(Relation.AT_LEAST), small, of),
        st.builds(_demand, st.just(Relation.EQUAL), of, of),
        st.builds(_demand, st.just(Relation.EQUAL), of, small),
        st.builds(_demand, st.just(Relation.MULTIPLE), of, st.sampled_from([2, 3, 4, 8]).map(_constant)),
    )


def _demand(relation: Relation, left: Built, right: Built) -> BuiltDemand:
    return BuiltDemand(Demand(relation, left.symbolic, right.symbolic, "it does not fit"), left, right)
