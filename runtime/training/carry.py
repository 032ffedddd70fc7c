"""State carried from batch to batch: inputs of the network that are its own outputs of the batch before, without their
gradient. So gradients reach back to the beginning of a batch, and memory to the beginning of the epoch: truncated
back-propagation through time (Williams and Peng, 1990)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from nnc.compiler.training.config import CarriedConfig
from nnc.compiler.types.dim import Dim, DimLike, Symbol, substitute
from nnc.runtime.failure import Failure
from nnc.runtime.parallel.engine import Engine
from nnc.runtime.signature import Signature
from nnc.runtime.training.loss import named_outputs

__all__ = ["Carry", "carrying"]


def carrying(forward: Callable[..., Any], signature: Signature, carried: Sequence[CarriedConfig]) -> Callable[..., Any]:
    """What is called with the inputs that come from the data: the network itself where it carries nothing."""
    return Carry(forward, signature, carried) if carried else forward


class Carry:
    """Called in place of the network with the inputs that come from the data (`Signature.fed`); gives what the network
    gives. Row n of a batch continues row n of the one before, so a batch may have fewer rows than that, but not more."""

    def __init__(self, forward: Callable[..., Any], signature: Signature, carried: Sequence[CarriedConfig]) -> None:
        self._forward, self._signature, self._carried = forward, signature, {c.input: c for c in carried}
        self._values: dict[str, torch.Tensor] = {}
        self._seen: tuple[torch.Size, ...] = ()

    def __call__(self, *inputs: torch.Tensor) -> Any:
        shapes = tuple(x.shape for x in inputs)
        if shapes != self._seen or not self._values:
            self._fit(inputs)
            self._seen = shapes
        given = iter(inputs)
        outputs = self._forward(
            *(self._values[n] if n in self._carried else next(given) for n in self._signature.inputs)
        )
        named = named_outputs(outputs, self._signature.outputs)
        self._values = {name: named[c.output].detach() for name, c in self._carried.items()}
        return outputs

    def reset(self) -> None:
        """An epoch begins."""
        self._values, self._seen = {}, ()

    def state(self, engine: Engine) -> dict[str, torch.Tensor]:
        """Of all processes' rows."""
        return {name: engine.gathered(value, self._rows(name)) for name, value in self._values.items()}

    def load(self, state: Mapping[str, torch.Tensor], engine: Engine) -> None:
        """This process's rows of it."""
        whole = {name: value.to(engine.device) for name, value in state.items()}
        self._values = {name: engine.share(value, self._rows(name)) for name, value in whole.items()}

    def _rows(self, name: str) -> int | None:
        """Which dimension of a carried input counts the samples of a batch."""
        batch = self._signature.inputs[next(iter(self._signature.fed))].shape[0]
        shape = self._signature.inputs[name].shape
        return next((i for i, d in enumerate(shape) if isinstance(d, Dim) and d == batch), None)

    def _fit(self, inputs: Sequence[torch.Tensor]) -> None:
        """Values of the size that a batch needs: new ones, or the first rows of those that are there."""
        sizes: dict[Symbol, int] = {}
        for name, tensor in zip(self._signature.fed, inputs, strict=True):
            for d, n in zip(self._signature.inputs[name].shape, tensor.shape, strict=True):
                if isinstance(d, Dim) and d.symbol is not None:
                    sizes[d.symbol] = n
        for name, config in self._carried.items():
            kind = self._signature.inputs[name]
            shape = [_known(substitute(d, sizes)) for d in kind.shape]
            value = self._values.get(name)
            if value is None:
                dtype: torch.dtype = getattr(torch, str(kind.dtype))
                self._values[name] = torch.full(shape, config.start, dtype=dtype, device=inputs[0].device)
                continue
            if any(n < m for n, m in zip(value.shape, shape, strict=True)):
                message = f"`{name}` comes from a batch of {list(value.shape)} and would have to be {shape}"
                notes = (
                    "batches that continue each other have the same size: `drop_last: true`, another `batch_size`",
                )
                raise Failure("NNC0813", config.span, message, notes=notes)
            self._values[name] = value[tuple(map(slice, shape))]


def _known(d: DimLike) -> int:
    assert isinstance(d, int), "the sizes of carried inputs are known from the others: the check sees to that"
    return d
