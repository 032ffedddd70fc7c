"""Free sizes: what is emitted computes the same number, whatever the sizes, from wherever they can be read."""

from __future__ import annotations

import ast
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.backends.torch.dims import Sizes, display
from nnc.compiler.backends.torch.syntax import name, text
from nnc.compiler.diagnostics import Source, Span
from nnc.compiler.graph.ir import Value
from nnc.compiler.types.dim import Dim, DimLike, Symbol, evaluate, maximum, minimum, size
from nnc.compiler.types.tensor import TensorType

HERE = Span(Source("test.yaml", "x"), 0, 1)
H, W, B = size("H"), size("W"), size("B")


def value(word: str, *shape: DimLike) -> Value:
    return Value(word, TensorType(shape), HERE)


def emitted(sizes: Sizes, wanted: DimLike, at: dict[str, int]) -> tuple[int, list[str]]:
    """What the emitted lines compute, and the lines."""
    sizes.want(wanted)
    local = {d: name(f"n{i}") for i, d in enumerate([*(size(s) for s in sizes.passed), *sizes.reads])}
    values = {read.value: name(read.value.name) for read in sizes.reads.values()}
    lines = [f"{left} = {text(right)}" for left, right in sizes.statements(values, local)]
    lines.append(f"result = {text(sizes.expression(wanted, local))}")
    scope: dict[str, object] = {"torch": torch}
    scope |= {local[size(s)].id: at[s.name] for s in sizes.passed}  # type: ignore[attr-defined]  # all are names
    for v in values:
        scope[v.name] = SimpleNamespace(shape=[evaluate(d, at) for d in v.type.shape])
    exec("\n".join(lines), scope)  # noqa: S102  # the lines are those under test
    return int(scope["result"]), lines  # type: ignore[call-overload]  # an integer


sums = st.recursive(
    st.sampled_from([H, W, B]) | st.integers(-5, 9),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: p[0] + p[1]),
        st.tuples(inner, inner).map(lambda p: p[0] - p[1]),
        st.tuples(inner, inner).map(lambda p: p[0] * p[1]),
        st.tuples(inner, st.integers(1, 8)).map(lambda p: p[0] // p[1]),
        st.tuples(inner, st.integers(1, 8)).map(lambda p: p[0] % p[1]),
        st.tuples(inner, inner).map(lambda p: maximum(*p)),
        st.tuples(inner, inner).map(lambda p: minimum(*p)),
    ),
    max_leaves=6,
)
at = st.fixed_dictionaries({"H": st.integers(1, 99), "W": st.integers(1, 99), "B": st.integers(1, 9)})


@given(sums, at)
def test_read_from_an_input(wanted: DimLike, sizes: dict[str, int]) -> None:
    found, _ = emitted(Sizes([value("x", B, 3, H, W)]), wanted, sizes)
    assert found == evaluate(wanted, sizes)


@given(sums, at)
def test_handed_over(wanted: DimLike, sizes: dict[str, int]) -> None:
    found, _ = emitted(Sizes([value("x", B, 3, H, W)], readable=False), wanted, sizes)
    assert found == evaluate(wanted, sizes)


@given(sums, at)
def test_read_from_what_is_left_of_them(wanted: DimLike, sizes: dict[str, int]) -> None:
    inputs = [value("x", 2 * B, 3, (H + 1) // 2), value("y", 3 * W + 1, H + W)]
    found, _ = emitted(Sizes(inputs), wanted, sizes)
    assert found == evaluate(wanted, sizes)


@pytest.mark.parametrize(
    ("shape", "wanted", "lines"),
    [
        ((B, 3, H, W), B, ["n0 = x.shape[0]", "result = n0"]),
        ((B, 3, H, W), H * W, ["_, _, n0, n1 = x.shape", "result = n0 * n1"]),
        ((B, 2 * H), H, ["n0 = x.shape[1] // 2", "result = n0"]),
        ((B, 2 * H + 1), H, ["n0 = (x.shape[1] - 1) // 2", "result = n0"]),
        ((B, (H + 1) // 2), 3 * ((H + 1) // 2) + 1, ["n0 = x.shape[1]", "result = 3 * n0 + 1"]),
        ((B, (H + 1) // 2), H, ["result = n0"]),
        ((B, H), maximum(H, maximum(B, 4)), ["n0, n1 = x.shape", "result = torch.sym_max(torch.sym_max(n0, n1), 4)"]),
    ],
)
def test_how_it_reads(shape: tuple[DimLike, ...], wanted: Dim, lines: list[str]) -> None:
    _, found = emitted(Sizes([value("x", *shape)]), wanted, {"H": 7, "W": 5, "B": 2})
    assert found == lines


def test_a_symbols_name_is_never_pasted() -> None:
    wild = size(Symbol("x; import os"))
    sizes = Sizes([value("x", wild)])
    sizes.want(wild + 1)
    assert text(sizes.expression(wild + 1, {wild: name("n")})) == "n + 1"
    assert display(wild + 1) == "x_import_os + 1"
    assert display(size(Symbol("λ")) * 2) == "2 * n"


def test_display() -> None:
    assert display((H + 1) // 2) == "(H + 1) // 2"
    assert display(7) == "7"
    assert isinstance(ast.parse(display(H * W - B)), ast.Module)
