"""What goes in and comes out of a module: names, types, and what its free dimensions must meet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nnc.compiler.diagnostics import Span
from nnc.compiler.graph.ir import Graph
from nnc.compiler.training.config import CarriedConfig
from nnc.compiler.training.network import OUTPUT
from nnc.compiler.types.demands import Demand
from nnc.compiler.types.dim import Dim, Symbol
from nnc.compiler.types.requirements import Promise
from nnc.compiler.types.tensor import TensorType

__all__ = ["Signature", "signature_of"]


@dataclass(frozen=True)
class Signature:
    """`inputs` in the order of `forward`; an unnamed single output is called `output`. `demands` and `promises` are
    what the free dimensions must meet. Inputs that are `carried` are outputs of the batch before."""

    inputs: Mapping[str, TensorType]
    outputs: tuple[str, ...] = (OUTPUT,)
    spans: Mapping[str, Span] = field(default_factory=dict)
    demands: tuple[Demand, ...] = ()
    promises: Mapping[Symbol, Promise] = field(default_factory=dict)
    carried: frozenset[str] = frozenset()

    @property
    def fed(self) -> Mapping[str, TensorType]:
        """The inputs that come from the data."""
        return {name: kind for name, kind in self.inputs.items() if name not in self.carried}

    def carrying(self, carried: Iterable[CarriedConfig]) -> Signature:
        """The same, where `train:` has some of the inputs carried."""
        return replace(self, carried=frozenset(c.input for c in carried))

    def as_plain(self) -> dict[str, Any]:
        """As JSON: `{"inputs": {"x": {"shape": ["B", 1, 8, 8], "dtype": "float32"}}, "outputs": ["output"]}`."""
        inputs = {
            name: {"shape": [str(d) if isinstance(d, Dim) else d for d in kind.shape], "dtype": str(kind.dtype)}
            for name, kind in self.inputs.items()
        }
        return {"inputs": inputs, "outputs": list(self.outputs)}


def signature_of(graph: Graph, promises: Mapping[Symbol, Promise] | None = None) -> Signature:
    """The signature of a compiled graph."""
    return Signature(
        inputs={v.name: v.type for v in graph.inputs},
        outputs=tuple(name or OUTPUT for name in graph.outputs),
        spans={v.name: v.span for v in graph.inputs},
        demands=tuple(demand for demand, _ in graph.demands),
        promises=dict(promises or {}),
    )
