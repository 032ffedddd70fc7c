"""Which samples an epoch draws, and in which order: a function of the seed and the epoch, so that a run may go on
anywhere.

Batches are cut from the order: every sampler, by length or consecutive too, is an order and nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from nnc.compiler.training.config import BoundCall, DataConfig, TrainConfig
from nnc.runtime.data.splits import Split, order_of
from nnc.runtime.failure import Failure
from nnc.runtime.training.seed import generator

__all__ = ["Sampling", "by_length", "consecutive", "evaluation_order", "sampling_of"]

MULTINOMIAL = 1 << 24  # torch.multinomial takes no more


@dataclass(frozen=True)
class Sampling:
    """`count` samples are drawn in an epoch; `order` gives their positions (count,) in the split, epochs counting from
    1."""

    count: int
    order: Callable[[int], torch.Tensor]


def sampling_of(
    split: Split, data: DataConfig, config: TrainConfig, classes: tuple[str, ...] | None = None
) -> Sampling:
    """How the training data are drawn. `classes` are the names of the last field's classes. Raises `Failure`."""
    call, length, seed = data.sampler, len(split), config.seed
    if call is None:
        return Sampling(length, lambda epoch: order_of(length, seed, epoch, shuffle=config.shuffle))
    arguments = call.arguments
    match call.name:
        case "SequentialSampler":
            return Sampling(length, lambda _: torch.arange(length))
        case "RandomSampler":
            count = arguments.get("num_samples") or length
            again = bool(arguments.get("replacement"))
            return Sampling(count, lambda epoch: _random(length, count, again, generator(seed, "order", epoch)))
        case "ByLength":
            lengths, pool = split.lengths(arguments.get("field") or data.padding.fields[0]), arguments.get("pool", 50)
            return Sampling(
                length,
                lambda epoch: by_length(
                    lengths, config.batch_size, pool, generator(seed, "order", epoch), generator(seed, "batches", epoch)
                ),
            )
        case "Consecutive":
            order = consecutive(length, config.batch_size)
            return Sampling(len(order), lambda _: order)
    weights = _weights(call, split, data, classes)
    count = arguments.get("num_samples") or length
    again = bool(arguments.get("replacement", True))
    able = int((weights > 0).sum())
    if not again and count > able:
        message = f"{count} samples are to be drawn once each, and {able} have a weight above 0"
        raise Failure("NNC0813", call.span, message)
    return Sampling(count, lambda epoch: _weighted(weights, count, again, generator(seed, "order", epoch)))


def evaluation_order(split: Split, batch_size: int, *, carried: bool) -> torch.Tensor:
    """Every sample once, in its own order; for a state that is carried along consecutive rows, of the samples that fill
    them."""
    if carried and split.in_rows:
        return consecutive(len(split), batch_size)
    return torch.arange(len(split))


def _random(length: int, count: int, replacement: bool, source: torch.Generator) -> torch.Tensor:
    """As torch's RandomSampler: whole orders one after the other, the last one cut; or each sample anew."""
    if replacement:
        parts = [torch.randint(length, (32,), dtype=torch.int64, generator=source) for _ in range(count // 32)]
        return torch.cat([*parts, torch.randint(length, (count % 32,), dtype=torch.int64, generator=source)])
    orders = [torch.randperm(length, generator=source) for _ in range(-(-count // length))]
    return torch.cat(orders)[:count]


def _weighted(weights: torch.Tensor, count: int, replacement: bool, source: torch.Generator) -> torch.Tensor:
    """As torch's WeightedRandomSampler, for any number of samples."""
    if len(weights) < MULTINOMIAL:
        return torch.multinomial(weights, count, replacement, generator=source)
    if replacement:
        ends = weights.cumsum(0)
        drawn = torch.rand(count, dtype=torch.float64, generator=source) * ends[-1]
        return torch.searchsorted(ends, drawn, right=True).clamp(max=len(weights) - 1)
    keys = torch.rand(len(weights), dtype=torch.float64, generator=source).log() / weights  # Efraimidis, Spirakis 2006
    return keys.topk(count).indices


def consecutive(length: int, batch_size: int) -> torch.Tensor:
    """Sample b of row r in batch number b, for rows that each go on from batch to batch."""
    rows = min(batch_size, length)
    steps = length // rows
    return (torch.arange(steps)[:, None] + torch.arange(rows) * steps).reshape(-1)


def by_length(
    lengths: torch.Tensor, batch_size: int, pool: int, shuffling: torch.Generator, mixing: torch.Generator
) -> torch.Tensor:
    """A random order, sorted by length within `pool` batches at a time; then the batches in a random order, a last one
    that is not full at the end."""
    order = torch.randperm(len(lengths), generator=shuffling)
    pools = torch.split(order, batch_size * pool)
    order = torch.cat([p[lengths[p].argsort(stable=True)] for p in pools])
    full = len(order) // batch_size * batch_size
    batches = order[:full].reshape(-1, batch_size)
    return torch.cat([batches[torch.randperm(len(batches), generator=mixing)].reshape(-1), order[full:]])


def _weights(call: BoundCall, split: Split, data: DataConfig, classes: tuple[str, ...] | None) -> torch.Tensor:
    """How often each sample of the split is drawn, in proportion: (N,) float64."""
    written = call.arguments.get("weights")
    field = written if isinstance(written, str) else call.arguments.get("field") or data.fields[-1]
    where = call.spans.get("weights", call.spans.get("field", call.span))
    values = split.labels(field)
    if values.ndim != 1:
        raise Failure("NNC0813", where, f"`{field}` has {list(values.shape[1:])} values a sample, and one is wanted")
    if isinstance(written, str):
        weights = values.double()
        if not bool(torch.isfinite(weights).all()) or bool((weights < 0).any()) or not bool((weights > 0).any()):
            raise Failure("NNC0813", where, f"`{field}` holds weights: numbers ≥ 0, and one of them above 0")
        return weights
    if values.is_floating_point() or bool((values < 0).any()):
        raise Failure("NNC0813", where, f"`{field}` holds no class numbers")
    counts = torch.bincount(values)
    if written is None:
        return (1.0 / counts.double())[values]
    weights = _by_class(written, len(counts), classes, call)[values]
    if not bool((weights > 0).any()):
        raise Failure("NNC0813", where, "no sample of the training data has a weight above 0")
    return weights


def _by_class(
    written: Mapping[str, float] | tuple[float, ...], count: int, classes: tuple[str, ...] | None, call: BoundCall
) -> torch.Tensor:
    """Weights by class number; a class that is not named weighs 1."""
    where = call.spans.get("weights", call.span)
    if isinstance(written, tuple):
        if len(written) < count:
            raise Failure("NNC0813", where, f"{len(written)} weights for {count} classes")
        return torch.tensor(written, dtype=torch.float64)
    names = classes if classes is not None else tuple(map(str, range(count)))
    strange = next((n for n in written if n not in names), None)
    if strange is not None:
        from nnc.compiler.suggest import closest

        meant = closest(strange, list(names))
        notes = (f"did you mean `{meant}`?",) if meant else (f"the classes are {', '.join(names[:20])}",)
        raise Failure("NNC0813", where, f"there is no class `{strange}`", notes=notes)
    rest = [1.0] * (count - len(names))
    return torch.tensor([*(written.get(n, 1.0) for n in names), *rest], dtype=torch.float64)
