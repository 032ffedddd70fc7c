"""Parameters that training leaves alone at first: `freeze:` of the file, until `unfreeze:` says otherwise.

They are in the optimizer from the beginning, in groups of their own. Without a gradient it passes them over, so that they
have no state, no weight decay and no momentum before their epoch, while schedulers know them all the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import nn

from nnc.compiler.graph.initial import fits
from nnc.compiler.training.config import Unfreezing

__all__ = ["Thaw", "trained"]


class Thaw:
    """What is trained in which epoch. A function of the epoch alone, so a resumed run needs nothing else."""

    def __init__(self, model: nn.Module, rules: Sequence[Unfreezing]) -> None:
        self.model, self.rules = model, rules
        self._waiting = [(r, [p for n, p in model.named_parameters() if not p.requires_grad and _names(r, n)])
                         for r in rules]  # fmt: skip

    def begin_epoch(self, epoch: int) -> None:
        """The network in training mode, as it is trained in this epoch."""
        self.model.train()
        for rule, parameters in self._waiting:
            if epoch >= rule.epoch:
                for parameter in parameters:
                    parameter.requires_grad_(True)
                if rule.statistics:
                    self._wake(rule)

    def _wake(self, rule: Unfreezing) -> None:
        """Normalization layers take part again: `freeze:` had them keep their running statistics."""
        for name, module in self.model.named_modules():
            if getattr(module, "running_mean", None) is not None and _names(rule, name):
                module.train()


def trained(model: nn.Module, rules: Sequence[Unfreezing]) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters that are trained, at once or from some epoch on."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad or any(_names(r, name) for r in rules):
            yield name, parameter


def _names(rule: Unfreezing, path: str) -> bool:
    return any(fits(path, glob) for glob in rule.match)
