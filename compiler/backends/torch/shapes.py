"""Shapes in comments and docstrings: `(B, planes * 4, H // 2, W // 2)`, true for every instance of a class."""

from __future__ import annotations

from collections.abc import Sequence

from nnc.compiler.backends.torch.dims import display
from nnc.compiler.backends.torch.fit import Fitter
from nnc.compiler.backends.torch.naming import snake_case
from nnc.compiler.backends.torch.syntax import text
from nnc.compiler.graph.ir import Graph, Value
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["UNSAID", "ShapeText"]

UNSAID = "..."  # a size that differs between instances and is no arithmetic over their parameters


class ShapeText:
    """Tells the shapes of one class's values in terms of its parameters."""

    def __init__(self, instances: Sequence[Graph], fitter: Fitter) -> None:
        self._graph = instances[0]
        self._fitter = fitter
        self._alone: dict[TensorType, str] | None = {} if len(instances) == 1 else None
        self._instances = [_values(g) for g in instances] if self._alone is None else []
        self._place = {v: i for i, v in enumerate(_values(self._graph))} if self._alone is None else {}

    def of(self, value: Value) -> str:
        """`(B, 64, H, W)`, with the dtype where it is not float32."""
        if self._alone is None:
            place = self._place[value]
            return self._said([values[place].type for values in self._instances])
        known = self._alone.get(value.type)
        if known is None:
            known = self._alone[value.type] = self._said([value.type])
        return known

    def _said(self, types: Sequence[TensorType]) -> str:
        """One type of each instance."""
        if len({t.rank for t in types}) != 1:
            return UNSAID
        sizes = [self._size(column) for column in zip(*(t.shape for t in types), strict=True)]
        inner = f"{sizes[0]}," if len(sizes) == 1 else ", ".join(sizes)
        dtype = types[0].dtype
        return f"({inner})" if dtype is DType.float32 else f"({inner}) {dtype.value}"

    def signature(self) -> tuple[list[str], list[str]]:
        """What goes in and what comes out: `["x: (B, 3, H, W)"]`, `["logits: (B, 10)"]`."""
        before = [f"{snake_case(v.name) or 'value'}: {self.of(v)}" for v in self._graph.inputs]
        after = [f"{snake_case(k)}: {self.of(v)}" if k else self.of(v) for k, v in self._graph.outputs.items()]
        return before, after

    def _size(self, column: tuple[DimLike, ...]) -> str:
        if all(d == column[0] for d in column):
            return display(column[0])
        if all(isinstance(d, int) for d in column):
            formula = self._fitter.look_up(column)
            return text(formula) if formula is not None else UNSAID
        return UNSAID


def _values(graph: Graph) -> list[Value]:
    return [*graph.inputs, *(v for n in graph.nodes for v in n.results)]
