"""CutMix and MixUp: training batches whose images are mixed, and whose labels lie between classes.

What happens to a batch is a function of the seed, the epoch and its number, so a run that is resumed mixes as before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torchvision.transforms import v2

from nnc.compiler.training.config import Mixture
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.parallel.shares import changed
from nnc.runtime.training.seed import derive

__all__ = ["Mixer"]

Batch = Mapping[str, torch.Tensor]


class Mixer:
    """Of several `mixtures` a batch gets one, each with its probability, or none. `rank` is the process's number: each mixes
    its own part of a batch."""

    def __init__(self, mixtures: Sequence[Mixture], seed: int, rank: int = 0) -> None:
        self.mixtures, self.seed, self.rank = tuple(mixtures), seed, rank
        self._transforms = [
            getattr(v2, m.call.name)(alpha=m.call.arguments.get("alpha", 1.0), num_classes=m.classes) for m in mixtures
        ]

    def __call__(self, batch: Batch, epoch: int, number: int) -> Batch:
        """Batch number `number` of an epoch, counted from 0. Raises `Failure` for images or labels that cannot be mixed."""
        if not self.mixtures or not batch:
            return batch
        state = torch.default_generator.get_state()
        torch.default_generator.manual_seed(derive(self.seed, "mix", epoch, number, self.rank))
        try:
            return self._mixed(batch, self._chosen())
        finally:
            torch.default_generator.set_state(state)

    def each(self, batch: Batch) -> list[Batch]:
        """The batch mixed in every way, to see whether it can be done."""
        with torch.random.fork_rng(devices=[]):
            return [self._mixed(batch, i) for i in range(len(self.mixtures))]

    def _chosen(self) -> int | None:
        """The number of a mixture, or None; nothing is drawn where there is no choice."""
        if len(self.mixtures) == 1 and self.mixtures[0].p == 1:
            return 0
        at = float(torch.rand((), dtype=torch.float64))
        for i, mixture in enumerate(self.mixtures):
            at -= mixture.p
            if at < 0:
                return i
        full = sum(m.p for m in self.mixtures) > 1 - 1e-9
        return len(self.mixtures) - 1 if full else None

    def _mixed(self, batch: Batch, index: int | None) -> Batch:
        if index is None:
            return self._soft(batch)
        mixture = self.mixtures[index]
        images, labels = batch[mixture.image], batch[mixture.label]
        try:
            images, labels = self._transforms[index](images, labels)
        except (ValueError, TypeError, RuntimeError) as error:
            shown = " and ".join(
                f"`{n}` {list(batch[n].shape)} {_dtype(batch[n])}" for n in (mixture.image, mixture.label)
            )
            message = f"{mixture.call.name} cannot take {shown}: {reason_of(error)}"
            raise Failure("NNC0823", mixture.call.span, message) from error
        return changed(batch, {mixture.image: images, mixture.label: labels})

    def _soft(self, batch: Batch) -> Batch:
        """A batch that is left as it is, with class numbers in the form that they have when they are mixed."""
        mixture = self.mixtures[0]
        labels = batch[mixture.label]
        if mixture.classes is None or labels.ndim != 1:
            return batch
        return changed(batch, {mixture.label: torch.nn.functional.one_hot(labels, mixture.classes).float()})


def _dtype(x: torch.Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")
