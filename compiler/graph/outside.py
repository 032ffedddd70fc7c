"""Sizes inside a block as its caller sees them. What would be too long to write stays in the block's own symbols."""

from __future__ import annotations

from collections.abc import Mapping

from nnc.compiler.graph.ir import Graph, Node
from nnc.compiler.types.dim import DimLike, Symbol, substitute
from nnc.compiler.types.tensor import TensorType

__all__ = ["Sizes", "size_outside", "sizes_inside", "type_outside"]

Sizes = Mapping[Symbol, DimLike]
"""What a graph's own symbols are in the outermost graph."""


def sizes_inside(node: Node, sizes: Sizes) -> Sizes:
    """The sizes that hold inside the graph which `node` calls, where `sizes` hold around it. Inline lists and mappings
    of layers have no symbols of their own."""
    if not isinstance(node.target, Graph) or node.target.kind not in ("block", "net"):
        return sizes
    return {symbol: size_outside(size, sizes) for symbol, size in node.sizes.items()}


def size_outside(size: DimLike, sizes: Sizes) -> DimLike:
    try:
        return substitute(size, sizes)
    except OverflowError:
        return size


def type_outside(type: TensorType, sizes: Sizes) -> TensorType:
    try:
        return type.substitute(sizes)
    except OverflowError:
        return type
