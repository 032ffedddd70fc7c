"""Metrics over a split: each collects sums on the device, and is read once at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch

from nnc.compiler.training.config import MetricConfig
from nnc.runtime.failure import Failure
from nnc.runtime.loss import named_outputs
from nnc.runtime.signature import Signature

__all__ = ["Average", "Metrics"]

Named = Mapping[str, torch.Tensor]


class Metric(Protocol):
    def update(self, input: torch.Tensor, target: torch.Tensor) -> None: ...

    def compute(self) -> float: ...


class Average:
    """A mean over samples, kept on the device so that nothing waits for it."""

    def __init__(self, device: torch.device) -> None:
        precise = torch.float64 if device.type != "mps" else torch.float32  # Apple's GPUs have no float64
        self.total = torch.zeros((), dtype=precise, device=device)
        self.count = 0

    def add(self, value: torch.Tensor, count: int, *, mean: bool = False) -> None:
        """Adds the sum of `count` samples, or their mean."""
        self.total.add_(value.detach(), alpha=count if mean else 1)
        self.count += count

    def compute(self) -> float:
        return float(self.total) / self.count if self.count else float("nan")


class Accuracy:
    """Share of targets (N, *) among the `top_k` highest of (N, C, *). Equal scores count for whoever comes first."""

    def __init__(self, device: torch.device, top_k: int = 1) -> None:
        self._top_k, self._right = top_k, Average(device)

    def update(self, input: torch.Tensor, target: torch.Tensor) -> None:
        if input.ndim != target.ndim + 1 or target.is_floating_point():
            raise ValueError("scores (N, C, *) and whole class numbers (N, *) are wanted")
        if self._top_k == 1:
            right = input.argmax(1) == target
        else:
            highest = input.topk(min(self._top_k, input.shape[1]), dim=1).indices
            right = (highest == target.unsqueeze(1)).any(1)
        self._right.add(right.sum(), target.numel())

    def compute(self) -> float:
        return self._right.compute()


class MeanError:
    """Mean of |input - target| or of its square, over all elements."""

    def __init__(self, device: torch.device, *, squared: bool) -> None:
        self._squared, self._error = squared, Average(device)

    def update(self, input: torch.Tensor, target: torch.Tensor) -> None:
        if input.shape != target.shape:
            raise ValueError("tensors of the same shape are wanted")
        difference = input.detach().float() - target
        error = difference.square() if self._squared else difference.abs()
        self._error.add(error.sum(), target.numel())

    def compute(self) -> float:
        return self._error.compute()


def _build(name: str, arguments: Mapping[str, Any], device: torch.device) -> Metric:
    match name:
        case "Accuracy":
            return Accuracy(device, **arguments)
        case "MeanAbsoluteError":
            return MeanError(device, squared=False)
        case "MeanSquaredError":
            return MeanError(device, squared=True)
    raise AssertionError(f"the vocabulary has a metric that nobody computes: {name}")


class Metrics:
    """All metrics of a spec."""

    def __init__(self, configs: tuple[MetricConfig, ...], signature: Signature, device: torch.device) -> None:
        self._all = [(c, _build(c.call.name, c.call.arguments, device)) for c in configs]
        self._names = signature.outputs

    def update(self, outputs: Any, batch: Named) -> None:
        """Adds a batch. Raises `Failure` where a metric cannot take the tensors."""
        named = named_outputs(outputs, self._names)
        for config, metric in self._all:
            input, target = (named[n] if n in named else batch[n] for n in config.source)
            try:
                metric.update(input, target)
            except (ValueError, RuntimeError, IndexError) as error:
                shapes = f"{list(input.shape)} and {list(target.shape)}"
                raise Failure(
                    "NNC0813", config.call.span, f"{config.call.name} cannot take {shapes}: {error}"
                ) from error

    def compute(self) -> dict[str, float]:
        return {config.name: metric.compute() for config, metric in self._all}
