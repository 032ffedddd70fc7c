"""A loss that is written as a block: what it needs to be elaborated, once the types of all its inputs are known.

Outputs of the network have types, and so have fields that go into it. What else a dataset holds is known where the
vocabulary says so (class numbers of torchvision's), and otherwise when the first batch is there: its number of dimensions and its
dtype are taken, its sizes stay free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nnc.compiler.diagnostics import Problems, Span
from nnc.compiler.graph.ir import Graph
from nnc.compiler.schema.spec import Body, Spec
from nnc.compiler.types.tensor import TensorType

__all__ = ["LossBlock"]


@dataclass(frozen=True)
class LossBlock:
    """`types` are those that are known without data, by name; `names` all that may be named, outputs before fields.
    `reduction` says whether the loss is a mean over the samples of a batch, or their sum; `text` is what is written."""

    spec: Spec
    body: Body
    span: Span
    names: tuple[str, ...]
    types: Mapping[str, TensorType]
    arguments: Mapping[str, Any]
    text: str
    reduction: Literal["mean", "sum"] = "mean"

    @property
    def known(self) -> bool:
        return all(name in self.types for name in self.names)

    def graph(self, problems: Problems, types: Mapping[str, TensorType] | None = None) -> Graph | None:
        """The typed graph; None after reporting faults. `types` are those that were not known."""
        from nnc.compiler.elaborate.loss import elaborate_loss
        from nnc.compiler.ops.catalogue import CATALOGUE

        all_types = {**(types or {}), **self.types}
        inputs = {name: (all_types[name], self.span) for name in self.names}
        return elaborate_loss(self.spec, self.body, inputs, CATALOGUE, problems, self.arguments)
