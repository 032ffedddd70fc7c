"""Free sizes at run time: where a `forward` reads them, and arithmetic over them as Python.

x: (B, C, H, W), asked for B and H * W      B, _, H, W = x.shape      …  H * W
x: (B, 2 * T), asked for T                  T = x.shape[1] // 2
x: (B, 8, (H + 1)//2), asked for H          nothing tells H: it is a further argument of `forward`
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from nnc.compiler.backends.torch.naming import snake_case
from nnc.compiler.backends.torch.syntax import attribute, binary, call, index, is_identifier, literal, name, text
from nnc.compiler.graph.ir import Operand, Value
from nnc.compiler.types.dim import Dim, DimLike, Symbol, size, substitute, symbols

__all__ = ["Read", "Sizes", "display", "operand_dims"]

MAX_NESTING = 6  # of `q * known + rest` inside one another


@dataclass(frozen=True, slots=True)
class Read:
    """`(value.shape[axis] - offset) // scale`, for an input `value`."""

    value: Value
    axis: int
    scale: int = 1
    offset: int = 0

    @property
    def is_whole(self) -> bool:
        return (self.scale, self.offset) == (1, 0)

    def expression(self, shape: ast.expr) -> ast.expr:
        found = index(shape, self.axis)
        if self.offset:
            found = binary("-" if self.offset > 0 else "+", found, literal(abs(self.offset)))
        return binary("//", found, literal(self.scale)) if self.scale != 1 else found


@dataclass(frozen=True, slots=True)
class _Arithmetic:
    """The whole dim as arithmetic over its symbols, each of which is read or passed."""

    dim: Dim


@dataclass(frozen=True, slots=True)
class _Sum:
    """`factor * known + rest`, where `known` is the size of some dimension of an input."""

    factor: DimLike
    known: Dim
    rest: int


class Sizes:
    """The free sizes that one graph's `forward` computes with.

    `reads` says where each is read: a whole dimension of an input, or a symbol that one tells. `passed` are the symbols
    that no input tells, in order of use; the caller hands them over. With `readable` false all are passed."""

    def __init__(self, inputs: Iterable[Value], readable: bool = True) -> None:
        self.reads: dict[Dim, Read] = {}
        self.passed: list[Symbol] = []
        self._whole: dict[Dim, Read] = {}
        self._told: dict[Symbol, Read] = {}
        self._plans: dict[Dim, Dim | _Arithmetic | _Sum] = {}
        for value in inputs if readable else ():
            for axis, d in enumerate(value.type.shape):
                if isinstance(d, Dim):
                    self._whole.setdefault(d, Read(value, axis))
        for d, read in self._whole.items():
            solved = _solve(d)
            if solved is not None:
                symbol, scale, offset = solved
                if symbol not in self._told or d.symbol is not None:
                    self._told[symbol] = Read(read.value, read.axis, scale, offset)

    def want(self, d: DimLike) -> None:
        """Records that `forward` computes with `d`."""
        if isinstance(d, int) or d in self._plans:
            return
        plan = self._plans[d] = self._plan(d, MAX_NESTING)
        if isinstance(plan, Dim):
            self.reads.setdefault(plan, self._whole[plan])
        elif isinstance(plan, _Sum):
            self.reads.setdefault(plan.known, self._whole[plan.known])
            self.want(plan.factor)
        else:
            for symbol in sorted(symbols(plan.dim), key=str):
                if symbol in self._told:
                    self.reads.setdefault(size(symbol), self._told[symbol])
                elif symbol not in self.passed:
                    self.passed.append(symbol)

    def _plan(self, d: Dim, depth: int) -> Dim | _Arithmetic | _Sum:
        if d in self._whole:
            return d
        if all(symbol in self._told for symbol in symbols(d)):
            return _Arithmetic(d)
        for known in self._whole if depth else ():
            for factor in _factors(d, known):
                rest = d - factor * known
                if isinstance(rest, int) and factor != 0 and self._is_told(factor, depth - 1):
                    return _Sum(factor, known, rest)
        return _Arithmetic(d)

    def _is_told(self, d: DimLike, depth: int) -> bool:
        if isinstance(d, int):
            return True
        plan = self._plan(d, depth)
        return not isinstance(plan, _Arithmetic) or all(symbol in self._told for symbol in symbols(plan.dim))

    def expression(self, d: DimLike, local: Mapping[Dim, ast.expr]) -> ast.expr:
        """`d` in Python; `local` has the variable of every read and every passed symbol. `d` must have been wanted."""
        if isinstance(d, int):
            return literal(d)
        plan = self._plans[d]
        if isinstance(plan, Dim):
            return local[plan]
        if isinstance(plan, _Arithmetic):
            return _arithmetic(plan.dim, {s: local[size(s)] for s in symbols(plan.dim)})
        product = local[plan.known]
        if plan.factor != 1:
            product = binary("*", self.expression(plan.factor, local), product)
        return product if not plan.rest else binary("+" if plan.rest > 0 else "-", product, literal(abs(plan.rest)))

    def statements(
        self, values: Mapping[Value, ast.expr], local: Mapping[Dim, ast.expr]
    ) -> Iterator[tuple[str, ast.expr]]:
        """`B, _, H, W = x.shape`, or `B = x.shape[0]` for a single one, as left and right sides."""
        by_value: dict[Value, list[Dim]] = {}
        for d, read in self.reads.items():
            by_value.setdefault(read.value, []).append(d)
        for value, dims in by_value.items():
            shape = attribute(values[value], "shape")
            whole = {self.reads[d].axis: d for d in dims if self.reads[d].is_whole}
            if len(whole) > 1:
                yield ", ".join(text(local[whole[i]]) if i in whole else "_" for i in range(value.type.rank)), shape
                dims = [d for d in dims if not self.reads[d].is_whole]
            yield from ((text(local[d]), self.reads[d].expression(shape)) for d in dims)

    @property
    def signature(self) -> tuple[object, ...]:
        """What decides how the sizes are learned, for comparing two graphs."""
        reads = tuple((d, r.value.name, r.axis, r.scale, r.offset) for d, r in self.reads.items())
        return reads, tuple(self.passed)


def _factors(d: Dim, known: Dim) -> Iterator[DimLike]:
    """What `known` may be multiplied with to leave a number: 3 in `3 * known + 1`, `B` in `B * known`."""
    coefficient, monomial = known.terms[0]
    yield next((c for c, m in d.terms if m == monomial), 0) // coefficient
    yield d // known


def _solve(d: Dim) -> tuple[Symbol, int, int] | None:
    """`scale * symbol + offset`."""
    scale, monomial = d.terms[0]
    if len(d.terms) > 2 or scale < 1 or len(monomial) != 1 or (len(d.terms) == 2 and d.terms[1][1]):
        return None
    ((atom, power),) = monomial
    return (atom, scale, d.constant) if power == 1 and isinstance(atom, Symbol) else None


# -- as Python ---------------------------------------------------------------------------------------------------------


class _Spell(ast.NodeTransformer):
    """Puts variables in the place of symbols, and torch's max and min, which know traced sizes, in that of Python's."""

    def __init__(self, local: Mapping[str, ast.expr]) -> None:
        self.local = local

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.local[node.id]

    def visit_Call(self, node: ast.Call) -> ast.expr:
        assert isinstance(node.func, ast.Name)
        first: ast.expr = self.visit(node.args[0])
        for other in map(self.visit, node.args[1:]):
            first = call(attribute(name("torch"), f"sym_{node.func.id}"), [first, other])
        return first


def _arithmetic(d: Dim, local: Mapping[Symbol, ast.expr]) -> ast.expr:
    """`str` knows a size's shortest form. It is read back with placeholders for symbols: their names are a spec's."""
    ordered = sorted(local, key=str)
    stand_in = {symbol: size(f"d{i:04}") for i, symbol in enumerate(ordered)}
    renamed = substitute(d, stand_in)
    spelled = {f"d{i:04}": local[symbol] for i, symbol in enumerate(ordered)}
    found: ast.expr = _Spell(spelled).visit(ast.parse(str(renamed), mode="eval").body)
    return found


@lru_cache(maxsize=4096)
def display(d: DimLike) -> str:
    """A size for a comment."""
    if isinstance(d, int):
        return str(d)
    shown = {s: s.name if is_identifier(s.name) else snake_case(s.name) or "n" for s in symbols(d)}
    return text(_plain(d, shown))


def _plain(d: Dim, shown: Mapping[Symbol, str]) -> ast.expr:
    tree = ast.parse(str(substitute(d, {s: size(word) for s, word in shown.items()})), mode="eval")
    return tree.body


def operand_dims(operand: Operand) -> Iterator[Dim]:
    """The free sizes inside an operand."""
    if isinstance(operand, Dim):
        yield operand
    elif isinstance(operand, tuple | list):
        for item in operand:
            yield from operand_dims(item)
    elif isinstance(operand, slice):
        yield from operand_dims((operand.start, operand.stop, operand.step))
