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
    `uses` are those that are. `reduction` says whether the loss is a mean over the samples of a batch, or their sum; `text` is
    what is written; `prefix` stands before the names in the log."""

    spec: Spec
    body: Body
    span: Span
    names: tuple[str, ...]
    types: Mapping[str, TensorType]
    arguments: Mapping[str, Any]
    text: str
    reduction: Literal["mean", "sum"] = "mean"
    uses: tuple[str, ...] = ()
    prefix: str = ""

    @property
    def known(self) -> bool:
        return all(name in self.types for name in self.uses)

    def graph(self, problems: Problems, types: Mapping[str, TensorType] | None = None) -> Graph | None:
        """The typed graph; None after reporting faults. `types` are those of the `uses` that were not known: with them, the
        uses are all that goes in."""
        from nnc.compiler.elaborate.loss import elaborate_loss
        from nnc.compiler.ops.catalogue import CATALOGUE

        all_types = {**(types or {}), **self.types}
        names = self.names if types is None else self.uses
        inputs = {name: (all_types[name], self.span) for name in names if name in all_types}
        return elaborate_loss(self.spec, self.body, inputs, CATALOGUE, problems, self.arguments)
