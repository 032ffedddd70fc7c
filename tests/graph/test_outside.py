"""Sizes of a block as its caller sees them."""

from __future__ import annotations

from nnc.compiler.backends.dot import to_dot
from nnc.compiler.backends.sketch import sketch
from nnc.compiler.graph.ir import Graph
from nnc.compiler.graph.outside import size_outside, sizes_inside, type_outside
from nnc.compiler.summary import as_text, summarize
from nnc.compiler.types.dim import DimLike, Symbol, size
from nnc.compiler.types.tensor import TensorType
from tests.backends.graphs import Building

H, h = size("H"), size("h")


def long(start: int = 0) -> DimLike:
    """A size of nearly as many parts as one may have."""
    total: DimLike = 1
    for i in range(start, start + 20):
        total = total + size(f"A{i}") // 2
    return total


def called(kind: str) -> Graph:
    b, block = Building(), Building("Inner", kind)
    x = block.input("x", "h", 8)
    y = b.input("y", (H + 1) // 2, 8)
    return b.finish(
        b.call("inner", block.finish(block.layer("fc", "Linear", x, out_features=4)), y, sizes={"h": (H + 1) // 2})
    )


def test_a_block_has_sizes_of_its_own() -> None:
    (node,) = called("block").nodes
    assert sizes_inside(node, {Symbol("H"): 7}) == {Symbol("h"): 4}
    assert type_outside(TensorType((h, 4)), sizes_inside(node, {})) == TensorType(((H + 1) // 2, 4))


def test_a_list_has_none() -> None:
    (node,) = called("sequential").nodes
    assert sizes_inside(node, {Symbol("H"): 7}) == {Symbol("H"): 7}


def test_what_is_too_long_stays_as_it_is() -> None:
    product = h * h // 3
    assert size_outside(product, {Symbol("h"): long()}) == product
    assert type_outside(TensorType((product,)), {Symbol("h"): long()}) == TensorType((product,))


def test_long_sizes_are_drawn_and_summed_up() -> None:
    """A block multiplies two sizes that are long outside: nobody can write the product, and nobody has to."""
    b, block = Building(), Building("Flat", "block")
    x = block.input("x", 8, "p", "q")
    inner = block.finish(block.layer("fc", "mean", block.layer("flat", "flatten", x, start_dim=1), dim=1))
    y = b.input("y", 8, long(), long(60))
    graph = b.finish(b.call("all", inner, y, sizes={"p": long(), "q": long(60)}))
    assert "p·q" in to_dot(sketch(graph))
    assert "p*q" in as_text(summarize(graph))
