"""Which of the training data validate: a share, a number, or a fold of several; of each class alike where that is asked for.
All by the seed of `data:`."""

from __future__ import annotations

from collections.abc import Callable

import torch

from nnc.compiler.training.config import BoundCall, DataConfig, Holdout
from nnc.runtime.failure import Failure
from nnc.runtime.training.seed import generator

__all__ = ["divide"]

Parts = tuple[torch.Tensor | None, torch.Tensor | None]


def divide(length: int, config: DataConfig, labels: Callable[[str], torch.Tensor], *, in_order: bool = False) -> Parts:
    """The samples to train on and those held out, each in their own order; None where validation has data of its own, or
    there is none. `labels` gives the class numbers of a field. Samples that go on one from the other (`in_order`) are held
    out in one piece, at the end. Raises `Failure`."""
    written = config.validation
    if written is None or isinstance(written, BoundCall):
        return None, None
    holdout = written if isinstance(written, Holdout) else Holdout(written)
    span = config.spans.get("validation", config.span)
    held = (
        _fold(length, holdout, config, labels, in_order)
        if holdout.folds
        else _share(length, holdout, config, labels, in_order)
    )
    if not 0 < len(held) < length:
        message = f"of {length} samples, {len(held)} would be for validation: both parts need some"
        raise Failure("NNC0813", span, message)
    mask = torch.zeros(length, dtype=torch.bool)
    mask[held] = True
    return (~mask).nonzero()[:, 0], mask.nonzero()[:, 0]


def _share(
    length: int, holdout: Holdout, config: DataConfig, labels: Callable[[str], torch.Tensor], in_order: bool
) -> torch.Tensor:
    assert holdout.size is not None, "without folds there is a size"
    count = holdout.size if isinstance(holdout.size, int) else round(length * holdout.size)
    if not 0 < count < length:
        return torch.arange(count if count > 0 else 0)
    if in_order:
        return torch.arange(length - count, length)
    if holdout.stratify is None:
        return torch.randperm(length, generator=generator(config.seed, "validation"))[:count]
    groups = _classes(length, holdout.stratify, config, labels)
    exact = torch.tensor([len(g) * count / length for g in groups], dtype=torch.float64)
    counts = exact.floor().long()
    most = (exact - counts).argsort(descending=True, stable=True)[: count - int(counts.sum())]
    counts[most] += 1  # the largest remainders
    return torch.cat([g[:n] for g, n in zip(groups, counts.tolist(), strict=True)])


def _fold(
    length: int, holdout: Holdout, config: DataConfig, labels: Callable[[str], torch.Tensor], in_order: bool
) -> torch.Tensor:
    folds = holdout.folds or 2
    if folds > length:
        raise Failure("NNC0813", config.spans.get("validation", config.span), f"{length} samples make no {folds} folds")
    if in_order:
        return torch.arange(length).tensor_split(folds)[holdout.fold - 1]
    if holdout.stratify is None:
        order = torch.randperm(length, generator=generator(config.seed, "validation"))
    else:
        order = torch.cat(_classes(length, holdout.stratify, config, labels))  # dealt one by one, class after class
    return order[holdout.fold - 1 :: folds]


def _classes(length: int, field: str, config: DataConfig, labels: Callable[[str], torch.Tensor]) -> list[torch.Tensor]:
    """The samples of each class, in a random order."""
    values = labels(field)
    if values.ndim != 1 or values.is_floating_point():
        span = config.spans.get("validation", config.span)
        raise Failure("NNC0813", span, f"`{field}` holds no class numbers, of which each could be split alike")
    order = torch.randperm(length, generator=generator(config.seed, "validation"))
    shuffled = values[order]
    return [order[shuffled == number] for number in torch.unique(values).tolist()]
