"""Metrics over a split: each collects on the device and is read once at the end. They are torchmetrics'; the three that
nearly everyone has are computed here, because importing torchmetrics takes seconds."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from typing import Any, Protocol

import torch

from nnc.compiler.training.config import MetricConfig
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.parallel.world import World
from nnc.runtime.signature import Signature
from nnc.runtime.training.loss import Loss, named_outputs

__all__ = ["Average", "LossAverage", "Metrics", "probabilities_of"]

Named = Mapping[str, torch.Tensor]
BY_OUTPUT = ("ConcordanceCorrCoef", "LogCoshError", "PearsonCorrCoef", "SpearmanCorrCoef")  # of (N, D), D numbers


class Metric(Protocol):
    def update(self, input: torch.Tensor, target: torch.Tensor) -> None: ...

    def reduce(self, world: World) -> None:
        """What all processes have seen, where the metric does not ask them itself when it computes."""
        ...

    def compute(self) -> float: ...


class Average:
    """A mean over samples, kept on the device so that nothing waits for it. `weight` is what it divides by: the samples, or
    what they counted."""

    def __init__(self, device: torch.device) -> None:
        precise = torch.float64 if device.type != "mps" else torch.float32  # Apple's GPUs have no float64
        self.total = torch.zeros((), dtype=precise, device=device)
        self.count = 0
        self.weight: float | torch.Tensor = 0

    def add(self, value: torch.Tensor, count: int, *, mean: bool = False, weight: torch.Tensor | None = None) -> None:
        """Adds the sum of `count` samples, or their mean, which may have counted by another `weight`."""
        if weight is not None and mean:
            weight = weight.to(self.total.dtype)
            self.total.add_(
                (value.detach() * weight).where(weight > 0, 0)
            )  # of nothing that counts, torch's mean is NaN
            self.weight = self.weight + weight
        else:
            self.total.add_(value.detach(), alpha=count if mean else 1)
            self.weight = self.weight + count
        self.count += count

    def reduce(self, world: World) -> None:
        if world.size > 1:
            numbers = [self.total, *(torch.full_like(self.total, float(n)) for n in (self.count, self.weight))]
            whole = world.sum(torch.stack(numbers))
            self.total.copy_(whole[0])
            self.count, self.weight = int(whole[1]), float(whole[2])

    def compute(self) -> float:
        return float(self.total) / float(self.weight) if self.count else float("nan")


class LossAverage:
    """Means over samples of a loss and of its terms, or over what these count (`Loss.counted`). `compute` gives `loss`, and
    the terms by name where there are several."""

    def __init__(self, loss: Loss, device: torch.device) -> None:
        self._factors = loss.factors
        self._means = loss.means
        self._terms = {name: Average(device) for name in self._factors}

    def add(self, values: Named, count: int, counted: Named | None = None) -> None:
        """Adds the terms of a batch of `count` samples."""
        for name, value in values.items():
            self._terms[name].add(value, count, mean=self._means[name], weight=(counted or {}).get(name))

    @property
    def count(self) -> int:
        return max(term.count for term in self._terms.values())

    def total(self, world: World) -> LossAverage:
        """That of all processes; this one stays what it is."""
        if world.size == 1:
            return self
        found = copy.deepcopy(self)
        for term in found._terms.values():
            term.reduce(world)
        return found

    def compute(self) -> dict[str, float]:
        means = {name: term.compute() for name, term in self._terms.items() if term.count}
        total = sum(self._factors[name] * mean for name, mean in means.items()) if means else float("nan")
        return {"loss": total} | (means if len(self._terms) > 1 else {})

    def state(self) -> dict[str, Any]:
        return {name: [term.total, term.count, float(term.weight)] for name, term in self._terms.items()}

    def load(self, state: Mapping[str, Any]) -> None:
        for name, (total, count, weight) in state.items():
            self._terms[name].total.copy_(total)
            self._terms[name].count, self._terms[name].weight = count, weight


class Accuracy:
    """Share of targets (N, *) among the `top_k` highest of (N, C, *). Equal scores count for whoever comes first.
    Targets that are `ignored` do not count."""

    def __init__(self, device: torch.device, top_k: int = 1, ignored: int | None = None) -> None:
        self._top_k, self._ignored = top_k, ignored
        self._right, self._all = (torch.zeros((), dtype=torch.int64, device=device) for _ in range(2))

    def update(self, input: torch.Tensor, target: torch.Tensor) -> None:
        if self._top_k == 1:
            right = input.argmax(1) == target
        else:
            highest = input.topk(min(self._top_k, input.shape[1]), dim=1).indices
            right = (highest == target.unsqueeze(1)).any(1)
        self._right += right.sum()
        self._all += target.numel() if self._ignored is None else (target != self._ignored).sum()

    def reduce(self, world: World) -> None:
        for count in (self._right, self._all):
            world.sum(count)

    def compute(self) -> float:
        return int(self._right) / int(self._all) if int(self._all) else float("nan")


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

    def reduce(self, world: World) -> None:
        self._error.reduce(world)

    def compute(self) -> float:
        return self._error.compute()


class Torchmetric:
    """One of torchmetrics', and how a batch goes into it."""

    def __init__(self, metric: Any, config: MetricConfig, task: str) -> None:
        self._metric, self._config, self._task = metric, config, task

    def update(self, input: torch.Tensor, target: torch.Tensor) -> None:
        if self._config.call.name == "Perplexity":
            self._metric.update(input.detach().transpose(1, 2), target)  # torchmetrics wants (N, T, C)
            return
        traits = VOCABULARY["metric"][self._config.call.name].traits
        scores = input.detach().float() if input.is_floating_point() else input.detach()
        if self._task == "multiclass":
            scores = probabilities_of(scores, self._config.scores) if "ranking" in traits else scores
        elif self._task:
            scores = probabilities_of(scores, self._config.scores)
            target = target.long()
            if self._task == "binary":
                scores, target = scores.reshape(-1), target.reshape(-1)
        elif scores.ndim == 2 and scores.shape[1] == 1:
            scores, target = scores[:, 0], target.reshape(-1)
        self._metric.update(scores, target)

    def reduce(self, world: World) -> None:
        """torchmetrics gathers from all processes in `compute`."""

    def compute(self) -> float:
        return float(self._metric.compute().float().mean())


def probabilities_of(scores: torch.Tensor, kind: str) -> torch.Tensor:
    """Scores (N, C, *) as probabilities, by what a loss takes them for."""
    match kind:
        case "logits":
            return scores.softmax(1)
        case "log_probabilities":
            return scores.exp()
        case "binary_logits":
            return scores.sigmoid()
    return scores


def task_of(input: torch.Tensor, target: torch.Tensor) -> str:
    """Scores (N, C, *) for class numbers (N, *) are multiclass; scores and targets of one shape are binary where there
    is one of them per sample, else multilabel. Raises ValueError."""
    if input.ndim == target.ndim + 1 and not target.is_floating_point():
        return "multiclass"
    if input.shape == target.shape or input.squeeze(-1).shape == target.shape:
        return "binary" if input.ndim < 2 or input.shape[1] == 1 else "multilabel"
    raise ValueError(
        "scores (N, C, *) and whole class numbers (N, *) are wanted, or scores and targets (N, *) of 0 and 1"
    )


def build(config: MetricConfig, input: torch.Tensor, target: torch.Tensor, device: torch.device) -> Metric:
    """The metric for tensors like these. Raises ValueError where they do not go together."""
    name, arguments = config.call.name, dict(config.call.arguments)
    classes = "classes" in VOCABULARY["metric"][name].traits
    task = (arguments.pop("task", None) or task_of(input, target)) if classes else ""
    if task == "multiclass" and name == "Accuracy" and arguments.keys() <= {"top_k"}:
        return Accuracy(device, ignored=config.ignore_index, **arguments)
    if name in ("MeanAbsoluteError", "MeanSquaredError") and not arguments:
        return MeanError(device, squared=name == "MeanSquaredError")
    import torchmetrics.classification
    import torchmetrics.image
    import torchmetrics.regression
    import torchmetrics.text

    homes = (torchmetrics.classification, torchmetrics.regression, torchmetrics.image, torchmetrics.text)
    cls: Any = next(getattr(home, name) for home in homes if hasattr(home, name))
    if task and name != "Perplexity":
        arguments |= {"task": task, "ignore_index": config.ignore_index}
        sizes = {"multiclass": "num_classes", "multilabel": "num_labels"}
        if task in sizes:
            arguments[sizes[task]] = input.shape[1]
    elif name == "Perplexity":
        arguments["ignore_index"] = config.ignore_index
    elif name == "CosineSimilarity":
        arguments["reduction"] = "mean"
    elif name in BY_OUTPUT and input.ndim == 2:
        arguments["num_outputs"] = input.shape[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that ranks need all values in memory
        return Torchmetric(cls(**arguments).to(device), config, task)


class Metrics:
    """All metrics of a spec."""

    def __init__(self, configs: tuple[MetricConfig, ...], signature: Signature, device: torch.device) -> None:
        self._configs, self._device = configs, device
        self._built: dict[str, Metric] = {}
        self._names = signature.outputs

    def update(self, outputs: Any, batch: Named, *, counted: bool = True) -> None:
        """Adds a batch; one that is not counted only shows what batches are like. Raises `Failure` where a metric cannot take
        the tensors."""
        named = named_outputs(outputs, self._names)
        for config in self._configs:
            input, target = (named[n] if n in named else batch[n] for n in config.source)
            try:
                if config.name not in self._built:
                    self._built[config.name] = build(config, input, target, self._device)
                if counted:
                    self._built[config.name].update(input, target)
            except (ValueError, RuntimeError, IndexError, TypeError) as error:
                shapes = f"{list(input.shape)} and {list(target.shape)}"
                reason = reason_of(error)
                raise Failure(
                    "NNC0813", config.call.span, f"{config.call.name} cannot take {shapes}: {reason}"
                ) from error

    def reduce(self, world: World) -> None:
        """What all processes have seen; each of them has built its metrics."""
        for metric in self._built.values():
            metric.reduce(world)

    def compute(self) -> dict[str, float]:
        """By name; NaN where there was nothing to measure."""
        return {c.name: self._built[c.name].compute() if c.name in self._built else float("nan") for c in self._configs}
