"""Samples in an order -> batches of tensors on the device.

A split knows its samples by number. An epoch's order is a function of the seed and the epoch, a sample's augmentation
of the seed, the epoch and the sample; so a run may stop anywhere and go on with the next batch, with any number of
loader workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Dataset

from nnc.runtime.data.datasets import Columns, Samples
from nnc.runtime.data.npz import memory_limit
from nnc.runtime.data.transforms import Chain
from nnc.runtime.failure import Failure
from nnc.runtime.seed import generator

__all__ = ["Batch", "InMemory", "Split", "Streamed", "order_of"]

Batch = Mapping[str, torch.Tensor]
CHUNK = 1024  # samples that are prepared at a time
ON_DEVICE = 8  # at most one in so many bytes of a GPU's free memory is taken by data


class Split(Protocol):
    """Part of a dataset, with the transforms of its use. `fields` are the names in a batch."""

    fields: tuple[str, ...]

    def __len__(self) -> int: ...

    def batches(
        self,
        order: torch.Tensor,
        batch_size: int,
        device: torch.device,
        *,
        seed: int = 0,
        epoch: int = 0,
        start: int = 0,
    ) -> Iterator[Batch]:
        """Batches of the samples at the positions of `order` (N,), from batch number `start` on. The last one may be
        smaller."""
        ...

    def whole(self, field: str) -> torch.Tensor | None:
        """All values of a field as the network will see them, where they are in memory and the same in every epoch."""
        ...

    def labels(self, field: str) -> torch.Tensor:
        """All values of a field of small values, such as class numbers, before any transform."""
        ...


def order_of(length: int, seed: int, epoch: int, *, shuffle: bool) -> torch.Tensor:
    """The order of an epoch: (N,) int64."""
    return torch.randperm(length, generator=generator(seed, "order", epoch)) if shuffle else torch.arange(length)


class InMemory:
    """Columns in memory. Transforms that are the same in every epoch are done once, where the result takes at most `room` bytes,
    else batch by batch."""

    def __init__(
        self,
        columns: Columns,
        chains: Sequence[Chain],
        indices: torch.Tensor | None = None,
        *,
        room: int | None = None,
    ) -> None:
        self.fields = tuple(columns.fields)
        self.indices = torch.arange(len(columns)) if indices is None else indices
        self._chains = tuple(chains)
        self._columns = {f: c if indices is None else c[indices] for f, c in columns.fields.items()}
        self._random = {f for chain in chains for f in chain.varying}
        self._raw = {f for chain in chains for f in chain.fields if chain.before[f]}
        for field in sorted(self._raw):
            self._prepare(field, memory_limit() // 2 if room is None else room)

    def __len__(self) -> int:
        return len(self.indices)

    def _prepare(self, field: str, room: int) -> None:
        chain, column = next(c for c in self._chains if field in c.fields), self._columns[field]
        first = chain.prepared(field, column[:CHUNK])
        if first.nbytes * (len(column) / len(first)) <= room:
            rest = (chain.prepared(field, part) for part in torch.split(column[CHUNK:], CHUNK))
            self._columns[field] = torch.cat([first, *rest])
            self._raw.remove(field)

    def batches(
        self,
        order: torch.Tensor,
        batch_size: int,
        device: torch.device,
        *,
        seed: int = 0,
        epoch: int = 0,
        start: int = 0,
    ) -> Iterator[Batch]:
        columns = self._on(device)
        rest = order[start * batch_size :]
        moved = {f: rest.to(c.device) for f, c in columns.items()}
        for at in range(0, len(rest), batch_size):
            batch = {f: c.index_select(0, moved[f][at : at + batch_size]) for f, c in columns.items()}
            if self._chains:
                self._finish(batch, rest[at : at + batch_size], seed, epoch)
            yield batch if device.type == "cpu" else {f: x.to(device, non_blocking=True) for f, x in batch.items()}

    def _finish(self, batch: dict[str, torch.Tensor], order: torch.Tensor, seed: int, epoch: int) -> None:
        for chain in self._chains:
            for field in self._raw.intersection(chain.fields):
                batch[field] = chain.prepared(field, batch[field])
            if chain.varying:
                numbers = self.indices[order].tolist()
                batch.update(chain.finished(batch, chain.seeds(seed, epoch, numbers)))

    def _on(self, device: torch.device) -> dict[str, torch.Tensor]:
        """The columns, on the GPU where they fit well; those with augmentation stay, for Pillow-like transforms run on
        the CPU."""
        if device.type == "cpu":
            return self._columns
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 1 << 33
        size = sum(c.nbytes for f, c in self._columns.items() if f not in self._random)
        if size * ON_DEVICE <= free:
            self._columns = {f: c if f in self._random else c.to(device) for f, c in self._columns.items()}
        return self._columns

    def whole(self, field: str) -> torch.Tensor | None:
        return None if field in self._random | self._raw else self._columns[field]

    def labels(self, field: str) -> torch.Tensor:
        return self._columns[field]


class Streamed:
    """Samples read by worker processes while the network computes."""

    def __init__(
        self, samples: Samples, chains: Sequence[Chain], indices: torch.Tensor | None = None, workers: int = 0
    ) -> None:
        self.fields = samples.fields
        self.indices = torch.arange(len(samples)) if indices is None else indices
        self._items = _Items(samples, tuple(chains), self.indices.tolist())
        self._workers = workers
        self._plan = _Plan()
        self._loader: DataLoader[Any] | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def batches(
        self,
        order: torch.Tensor,
        batch_size: int,
        device: torch.device,
        *,
        seed: int = 0,
        epoch: int = 0,
        start: int = 0,
    ) -> Iterator[Batch]:
        rest = torch.split(order[start * batch_size :], batch_size)
        self._plan.parts = [[(seed, epoch, position) for position in part.tolist()] for part in rest]
        if self._loader is None:
            self._loader = DataLoader(
                self._items, batch_sampler=self._plan, num_workers=self._workers, collate_fn=_collate,
                persistent_workers=self._workers > 0, pin_memory=device.type == "cuda",
                generator=torch.Generator(),  # else it draws from the network's
            )  # fmt: skip
        for batch in self._loader:
            if isinstance(batch, _Broken):
                raise Failure("NNC0823", batch.name, batch.message)
            yield {f: x.to(device, non_blocking=True) for f, x in batch.items()}

    def whole(self, field: str) -> torch.Tensor | None:
        return None

    def labels(self, field: str) -> torch.Tensor:
        samples = self._items.samples
        known = samples.targets() if field == samples.fields[-1] else None
        if known is None:
            return torch.stack([samples[i][field] for i in self.indices.tolist()])
        return known[self.indices]


class _Plan:
    """The batches of the epoch at hand, as (seed, epoch, position) of each sample: what `DataLoader` calls a batch
    sampler."""

    parts: Sequence[list[tuple[int, int, int]]] = ()

    def __iter__(self) -> Iterator[list[tuple[int, int, int]]]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)


class _Broken:
    """A sample that could not be read, on its way from a worker."""

    def __init__(self, name: str, message: str) -> None:
        self.name, self.message = name, message


class _Items(Dataset[Any]):
    """One transformed sample for (seed, epoch, position)."""

    def __init__(self, samples: Samples, chains: tuple[Chain, ...], indices: list[int]) -> None:
        self.samples, self.chains, self.indices = samples, chains, indices

    def __getitem__(self, key: tuple[int, int, int]) -> dict[str, torch.Tensor] | _Broken:
        seed, epoch, position = key
        index = self.indices[position]
        try:
            sample = self.samples[index]
            for chain in self.chains:
                sample.update(chain.apply(sample, chain.seeds(seed, epoch, [index])[0]))
            return sample
        except Failure as failure:
            return _Broken(self.samples.name(index), failure.diagnostics[0].message)
        except Exception as error:  # whatever a decoder says about a broken file
            return _Broken(self.samples.name(index), f"cannot be read: {str(error).strip() or type(error).__name__}")


def _collate(samples: list[dict[str, torch.Tensor] | _Broken]) -> dict[str, torch.Tensor] | _Broken:
    good = [s for s in samples if not isinstance(s, _Broken)]
    if len(good) < len(samples):
        return next(s for s in samples if isinstance(s, _Broken))
    batch = {}
    for field in good[0]:
        values = [s[field] for s in good]
        sizes = sorted({tuple(v.shape) for v in values})
        if len(sizes) > 1:
            listed = ", ".join(str(list(s)) for s in sizes[:3])
            advice = "a transform such as Resize([224, 224]) makes them equal"
            return _Broken("data", f"samples of `{field}` have different sizes, {listed}: {advice}")
        batch[field] = torch.stack(values)
    return batch
