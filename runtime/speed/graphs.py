"""CUDA graphs: forward and backward of a full batch are recorded once, and replayed as one launch each."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

__all__ = ["Graphed"]


class _Apart(nn.Module):
    """Holds a network, so that what torch does to the module that it records is not done to the network itself."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.network(*inputs)


class Graphed:
    """A network that is called with batches of one shape, which it replays, and now and then of another, which it
    computes as usual. Recording leaves no trace in its buffers, nor in the random generator."""

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self.network, self.device = network, device
        self._shapes: tuple[Any, ...] | None = None
        self._replayed: Any = None

    def __call__(self, *inputs: torch.Tensor) -> Any:
        shapes = tuple((x.shape, x.dtype) for x in inputs)
        if self._shapes is None:
            self._shapes, self._replayed = shapes, self._record(inputs)
        if shapes != self._shapes:
            return self.network(*inputs)
        with self._autocast():
            return self._replayed(*inputs)

    def _autocast(self) -> AbstractContextManager[object]:
        """As around it, but weights are cast within the graph each time, and not once outside of it."""
        if not torch.is_autocast_enabled("cuda"):
            return nullcontext()
        return torch.autocast("cuda", dtype=torch.get_autocast_dtype("cuda"), cache_enabled=False)

    def _record(self, inputs: tuple[torch.Tensor, ...]) -> Any:
        buffers = {name: b.clone() for name, b in self.network.named_buffers()}
        random = torch.cuda.get_rng_state(self.device)
        samples = tuple(x.detach().clone() for x in inputs)
        with self._autocast():
            recorded = torch.cuda.make_graphed_callables(_Apart(self.network), samples, allow_unused_input=True)
        with torch.no_grad():
            for name, buffer in self.network.named_buffers():
                buffer.copy_(buffers[name])
        torch.cuda.set_rng_state(random, self.device)
        return recorded
