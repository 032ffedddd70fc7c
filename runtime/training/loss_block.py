"""A loss that is written as a block of the spec, compiled to a module like a network."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from nnc.compiler.backends.torch.build import build
from nnc.compiler.diagnostics import Problems
from nnc.compiler.graph.ir import Graph
from nnc.compiler.passes import run_passes
from nnc.compiler.training.loss_block import LossBlock
from nnc.compiler.types.dim import DimLike, Symbol, size
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from nnc.runtime.failure import Failure, raise_errors, reason_of
from nnc.runtime.signature import Signature

__all__ = ["LossOfBlock"]

Named = Mapping[str, torch.Tensor]


class LossOfBlock:
    """The block's first output is the loss; further ones stand in the log under their names. It is compiled with the
    first batch, which says how many dimensions the fields have, and for what sizes ever come later."""

    def __init__(self, block: LossBlock, signature: Signature, device: torch.device) -> None:
        outputs = block.body.outputs or ()
        self.factors = {f"{block.prefix}loss": 1.0} | {f"{block.prefix}{o.name}": 0.0 for o in outputs[1:]}
        self.mean = block.reduction == "mean"
        self._block, self._device = block, device
        self._outputs = {n for n in block.uses if n in signature.outputs}
        self._module: nn.Module | None = None

    def present(self, named: Named) -> bool:
        return True

    def __call__(self, named: Named, batch: Named, *, check: bool = False) -> Named:
        tensors = {n: (named if n in self._outputs else batch)[n] for n in self._block.uses}
        if self._module is None:
            self._module = build(self._graph(tensors)).to(self._device)
        module = self._module
        try:
            found = module(*tensors.values())
        except (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError) as error:
            if not check:
                raise
            shown = ", ".join(f"`{n}` {list(t.shape)}" for n, t in tensors.items())
            message = f"the loss cannot take {shown}: {reason_of(error)}"
            raise Failure("NNC0813", self._block.span, message) from error
        values = list(found.values()) if isinstance(found, dict) else [found]
        return dict(zip(self.factors, values, strict=True))

    def _graph(self, tensors: Named) -> Graph:
        """Raises `Failure` where the fields do not fit what is done to them."""
        batch = next((t.shape[0] for t in self._block.types.values() if t.shape), size("B"))
        problems = Problems()
        unknown = {n: _type(n, t, batch) for n, t in tensors.items() if n not in self._block.types}
        graph = self._block.graph(problems, unknown)
        raise_errors(problems)
        assert graph is not None, "a graph, or errors"
        sizes: dict[Symbol, int] = {}
        for name, kind in {**self._block.types, **unknown}.items():
            if name in tensors:
                sizes |= {d.symbol: n for d, n in zip(kind.shape, tensors[name].shape, strict=True)
                          if not isinstance(d, int) and d.symbol is not None}  # fmt: skip
        for demand, span in graph.demands:
            if demand.substitute(sizes).decide() is False:
                raise Failure("NNC0813", span, f"the data does not fit the loss: {demand.reason}")
        return run_passes(graph)


def _type(name: str, tensor: torch.Tensor, batch: DimLike) -> TensorType:
    """A field's type: the batch, then sizes of its own."""
    shape = (batch, *(size(f"{name}_{i}") for i in range(1, tensor.ndim))) if tensor.ndim else ()
    return TensorType(shape, DType(str(tensor.dtype).removeprefix("torch.")))
