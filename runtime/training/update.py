"""One step of the optimizer: forward and backward over one batch or several, clipping, and what is done about numbers
that are none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from nnc.compiler.training.config import TrainConfig
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.data import Batch
from nnc.runtime.evaluation.evaluate import autocast
from nnc.runtime.parallel.engine import Engine
from nnc.runtime.parallel.shares import samples_of, whole_of
from nnc.runtime.training.loss import Loss
from nnc.runtime.training.optimize import build_optimizer
from nnc.runtime.training.unfreezing import trained

__all__ = ["NotFinite", "Updater"]


Named = Mapping[str, torch.Tensor]


class NotFinite(Exception):
    """A loss or a gradient that is no number; the weights are as they were before the step."""


@dataclass
class Updater:
    """Owns the optimizer and the loss scaling. `inputs` are the fields that go into the network, in its order; `forward` is
    what is called in its place. `trains` says by name which parameters are its own, where others have theirs."""

    model: nn.Module
    config: TrainConfig
    loss: Loss
    inputs: Sequence[str]
    device: torch.device
    forward: Callable[..., Any]
    engine: Engine
    trains: Callable[[str], bool] | None = None

    def __post_init__(self) -> None:
        mine = self.trains
        named = {n: p for n, p in trained(self.model, self.config.unfreeze) if mine is None or mine(n)}
        self.optimizer = build_optimizer(self.config.optimizer, named.items())
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.config.precision == "fp16")
        self.parameters = list(named.values())
        self.leaves = None if mine is None else self.parameters  # the only ones whose gradient is wanted
        self.closure = "closure" in VOCABULARY["optimizer"][self.config.optimizer.call.name].traits

    def step(self, batches: Sequence[Batch], seen: Callable[[Named, int, Named], None]) -> None:
        """One step over all of the batches. `seen` is told the terms of the loss, the size of each, and what else than samples
        terms count, as the first pass finds them.

        The gradient is that of one large batch: where a term is a mean over samples, or over targets that are not ignored, a
        batch counts by how many it has.
        Raises `NotFinite` before the weights have changed, and whatever torch raises.
        """
        losses: list[Mapping[str, torch.Tensor]] = []

        def gradients() -> torch.Tensor:
            total, parts = self._gradients(batches)
            losses.extend(parts if not losses else ())
            return total

        if self.closure:
            step: Any = self.optimizer.step  # declared for closures that return a float; a tensor will do
            step(gradients)
        else:
            gradients()
            self._watch(losses)
            self.scaler.step(self.optimizer)
            self.scaler.update()
        for batch, loss in zip(batches, losses, strict=True):
            if self.size(batch):
                seen(loss, self.size(batch), self.loss.counted(batch))

    def load(self, state: dict[str, Any]) -> None:
        """The optimizer as it was saved, after a step: torch warns of schedulers that step before it did."""
        self.optimizer.load_state_dict(state)
        self.optimizer._opt_called = True  # type: ignore[attr-defined]

    def size(self, batch: Batch) -> int:
        return samples_of(batch, len(batch[self.inputs[0]]))

    def _gradients(self, batches: Sequence[Batch]) -> tuple[torch.Tensor, list[Mapping[str, torch.Tensor]]]:
        """Forward and backward; the gradients are clipped and lie in the parameters. The loss of all, the terms of
        each."""
        for parameter in self.parameters:
            parameter.grad = None
        samples = sum(whole_of(batch, self.size(batch)) for batch in batches)
        losses, totals, shares = [], [], self._shares(batches)
        for number, batch in enumerate(batches, 1):
            share = self.size(batch) / samples or 1.0  # of a stand-in the engine makes 0
            with self.engine.accumulating(last=number == len(batches)):
                with autocast(self.config.precision, self.device):
                    loss, terms = self.loss(
                        self.forward(*(batch[name] for name in self.inputs)), batch, share, shares[number - 1]
                    )
                    loss = self.engine.weighed(loss, batch)
                scaled: Any = self.scaler.scale(loss)
                scaled.backward(inputs=self.leaves)
            losses.append(terms)
            totals.append(loss.detach())
        self.engine.exchange(self.parameters)
        self._clip()
        total = sum(totals[1:], totals[0])
        return self.engine.mean(total) if self.closure else total, losses

    def _shares(self, batches: Sequence[Batch]) -> Sequence[Named]:
        """Which part of all that terms count in this step, in any process, where these are no samples, each of the batches
        has."""
        if len(batches) == 1 and self.engine.data.size == 1:
            return [{}]
        counted = [self.loss.counted(batch) for batch in batches]
        names = [name for name in counted[0] if all(name in c for c in counted)]
        if not names:
            return [{}] * len(batches)
        precise = torch.float64 if self.device.type != "mps" else torch.float32
        mine = torch.stack([torch.stack([c[n].to(precise) for n in names]) for c in counted])
        real = torch.tensor([self.size(batch) > 0 for batch in batches], device=mine.device)  # no stand-ins
        whole = self.engine.data.sum((mine * real.unsqueeze(1)).sum(0))
        return [dict(zip(names, row / whole, strict=True)) for row in mine]

    def _clip(self) -> None:
        norm, value = self.config.clip_grad_norm, self.config.clip_grad_value
        if norm is None and value is None:
            return
        self.scaler.unscale_(self.optimizer)
        if value is not None:
            nn.utils.clip_grad_value_(self.parameters, value)
        if norm is not None:
            self.engine.clip_norm(self.parameters, norm)

    def _watch(self, losses: Sequence[Mapping[str, torch.Tensor]]) -> None:
        """The loss is looked at where that costs nothing, on the CPU; a GPU would be waited for, so there the run looks at
        the average before it saves, unless steps are to be skipped. fp16's scaler looks at gradients itself."""
        policy = self.config.non_finite
        patient = policy in ("skip", "rollback")
        if policy == "ignore" or (self.device.type != "cpu" and not patient):
            return
        wrong = [(name, value) for terms in losses for name, value in terms.items() if not _finite(value)]
        if self.engine.anywhere(bool(wrong)) if patient else wrong:
            self.optimizer.zero_grad(set_to_none=True)
            if not wrong:
                raise NotFinite("the loss of another process is no number")
            name, value = wrong[0]
            raise NotFinite(f"the loss{'' if name == 'loss' else f' `{name}`'} is {float(value)}")
        if not patient or self.scaler.is_enabled():
            return
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        number = self.engine.number
        if gradients and not _finite(number(self.engine.norm(gradients))):
            named = ((n, p.grad) for n, p in self.model.named_parameters() if p.grad is not None)
            name = next(n for n, gradient in named if not _finite(number(gradient.sum())))
            self.optimizer.zero_grad(set_to_none=True)
            raise NotFinite(f"the gradient of `{name}` is no number")


def _finite(value: torch.Tensor) -> bool:
    return math.isfinite(value.item())
