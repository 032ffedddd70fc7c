"""Samples in an order -> batches of tensors on the device.

A split knows its samples by number. An epoch's order is a function of the seed and the epoch, a sample's augmentation
of the seed, the epoch and the sample; so a run may stop anywhere and go on with the next batch, with any number of
loader workers.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader

from nnc.compiler.training.config import LoaderConfig, PaddingConfig
from nnc.runtime.data.broken import Broken, CountedBatch, refuse_broken
from nnc.runtime.data.collate import Collate
from nnc.runtime.data.datasets import Columns, Samples
from nnc.runtime.data.items import Items
from nnc.runtime.data.npz import memory_limit
from nnc.runtime.data.ragged import pad_fields
from nnc.runtime.data.transforms import Chain
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.training.seed import generator

__all__ = ["Batch", "InMemory", "Split", "Streamed", "order_of"]

Batch = Mapping[str, torch.Tensor]
CHUNK = 1024  # samples that are prepared at a time
ON_DEVICE = 8  # at most one in so many bytes of a GPU's free memory is taken by data


class Split(Protocol):
    """Part of a dataset, with the transforms of its use. `fields` are the names in a batch; `in_rows` says that batches go
    on from each other row by row, as the sampler Consecutive has them."""

    fields: tuple[str, ...]
    in_rows: bool

    @property
    def certain(self) -> bool:
        """Whether every batch will have all its samples: none is left out because it cannot be read."""
        ...

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

    def lengths(self, field: str) -> torch.Tensor:
        """How long each sample of a padded field is (N,)."""
        ...

    def known(self, field: str) -> torch.Tensor | None:
        """All values of a field, where no sample need be read for that."""
        ...

    def name(self, position: int) -> str:
        """What a sample is called in a message."""
        ...

    def only(self, positions: torch.Tensor) -> Split:
        """A part of it."""
        ...

    def highest(self, field: str) -> int | None:
        """The largest number in a field of whole numbers, where it is known without reading files sample by sample."""
        ...


def order_of(length: int, seed: int, epoch: int, *, shuffle: bool) -> torch.Tensor:
    """The order of an epoch: (N,) int64."""
    return torch.randperm(length, generator=generator(seed, "order", epoch)) if shuffle else torch.arange(length)


class InMemory:
    """Columns in memory. Transforms that are the same in every epoch are done once, where the result takes at most `room` bytes,
    else batch by batch. Sequences are filled up batch by batch, windows cut from their whole."""

    certain = True

    def __init__(
        self,
        columns: Columns,
        chains: Sequence[Chain],
        indices: torch.Tensor | None = None,
        *,
        padding: PaddingConfig | None = None,
        in_rows: bool = False,
        room: int | None = None,
    ) -> None:
        self.padding, self.in_rows = padding or PaddingConfig(), in_rows
        self.fields = (*columns.fields, *columns.windowed, *columns.sequences, *self.padding.extras)
        self.indices = torch.arange(len(columns)) if indices is None else indices
        self._chains = tuple(chains)
        self._columns = {f: c if indices is None else c[indices] for f, c in columns.fields.items()}
        self._sequences = {f: s if indices is None else s[indices] for f, s in columns.sequences.items()}
        self._windowed, self._name = columns.windowed, columns.name
        self._windows = columns.windows if columns.windows is None or indices is None else columns.windows[indices]
        self._random = {f for chain in chains for f in chain.varying}
        self._raw = {f for chain in chains for f in chain.fields if chain.before[f]}
        for field in sorted(self._raw):
            self._prepare(field, memory_limit() // 2 if room is None else room)
        self._chains = tuple(c for c in self._chains if c.varying or not self._raw.isdisjoint(c.fields))

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
            rows = rest[at : at + batch_size]
            if self._sequences:
                batch |= pad_fields({f: s[rows] for f, s in self._sequences.items()}, self.padding)
            if self._windows is not None:
                batch |= zip(self._windowed, self._windows[rows].batch(), strict=True)
            if self._chains:
                self._finish(batch, rows, seed, epoch)
            yield batch if device.type == "cpu" else {f: _moved(x, device) for f, x in batch.items()}

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
        return None if field in self._random | self._raw else self._columns.get(field)

    def labels(self, field: str) -> torch.Tensor:
        if field in self._sequences:
            return self._sequences[field].flat()
        if field not in self._columns:
            raise Failure(
                "NNC0813", "data", f"the values of `{field}` are not kept one by one: there is no class to count"
            )
        return self._columns[field]

    def lengths(self, field: str) -> torch.Tensor:
        return self._sequences[field].lengths

    def known(self, field: str) -> torch.Tensor | None:
        return self.whole(field)

    def name(self, position: int) -> str:
        return self._name(int(self.indices[position]))

    def only(self, positions: torch.Tensor) -> InMemory:
        part = copy.copy(self)
        part.indices = self.indices[positions]
        part._columns = {f: c[positions] for f, c in self._columns.items()}
        part._sequences = {f: s[positions] for f, s in self._sequences.items()}
        part._windows = None if self._windows is None else self._windows[positions]
        return part

    def highest(self, field: str) -> int | None:
        if self._windows is not None and field in self._windowed:
            return self._windows.highest()
        column = self._sequences[field].flat() if field in self._sequences else self._columns.get(field)
        whole = column is not None and column.numel() and not (column.is_floating_point() or column.is_complex())
        return int(column.max()) if whole and column is not None else None


def _moved(x: torch.Tensor, device: torch.device) -> torch.Tensor:
    """On the device; a copy to a GPU begins in pinned memory, so that nothing waits for it."""
    if x.device.type == "cpu" and device.type == "cuda":
        x = x.pin_memory()
    return x.to(device, non_blocking=True)


class Streamed:
    """Samples read by worker processes while the network computes."""

    def __init__(
        self,
        samples: Samples,
        chains: Sequence[Chain],
        indices: torch.Tensor | None = None,
        workers: int = 0,
        *,
        collate: Collate | None = None,
        loader: LoaderConfig | None = None,
        in_rows: bool = False,
    ) -> None:
        self.in_rows = in_rows
        self._collate, self._options = collate or Collate(), loader or LoaderConfig()
        self.fields = (*samples.fields, *self._collate.padding.extras)
        self.indices = torch.arange(len(samples)) if indices is None else indices
        self._items = Items(samples, tuple(chains), self.indices.tolist())
        self._workers = workers
        self._plan = _Plan()
        self._loader: DataLoader[Any] | None = None

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def certain(self) -> bool:
        return not self._collate.skip

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
            self._loader = self._new_loader(device)
        try:
            for batch in self._begun():
                if isinstance(batch, Broken):
                    refuse_broken((batch,), "NNC0823")
                moved = {f: x.to(device, non_blocking=True) for f, x in batch.items()}
                yield CountedBatch(moved, batch.dropped) if isinstance(batch, CountedBatch) else moved
        except RuntimeError as error:
            if "DataLoader" not in str(error):
                raise
            raise Failure("NNC0823", "data", f"the processes that read samples stopped: {reason_of(error)}") from error

    def _begun(self) -> Iterator[Any]:
        try:
            return iter(self._loader or ())
        except Exception as error:  # whatever the system, or the pickling of a class of one's own, says
            message = f"the processes that read samples cannot be begun: {reason_of(error)}"
            raise Failure("NNC0823", "data", message, notes=("`workers: 0` needs none",)) from error

    def _new_loader(self, device: torch.device) -> DataLoader[Any]:
        given, workers = self._options, self._workers
        persistent, pinned = given.persistent_workers, given.pin_memory
        return DataLoader(
            self._items,
            batch_sampler=self._plan,
            num_workers=workers,
            collate_fn=self._collate,
            prefetch_factor=given.prefetch_factor if workers else None,
            persistent_workers=workers > 0 and (True if persistent is None else persistent),
            pin_memory=device.type == "cuda" if pinned is None else pinned and torch.accelerator.is_available(),
            timeout=given.timeout if workers else 0,
            multiprocessing_context=given.multiprocessing_context if workers else None,
            generator=torch.Generator(),  # else it draws from the network's
        )

    def whole(self, field: str) -> torch.Tensor | None:
        return None

    def labels(self, field: str) -> torch.Tensor:
        samples = self._items.samples
        known = samples.targets() if field == samples.fields[-1] else None
        if known is None:
            values = [samples.readable(i)[field] for i in self.indices.tolist()]
            alike = len({v.shape for v in values}) == 1  # masks may be of any size
            return torch.stack(values) if alike else torch.cat([v.flatten() for v in values])
        return known[self.indices]

    def known(self, field: str) -> torch.Tensor | None:
        samples = self._items.samples
        targets = samples.targets() if field == samples.fields[-1] else None
        return None if targets is None else targets[self.indices]

    def name(self, position: int) -> str:
        return self._items.samples.name(int(self.indices[position]))

    def only(self, positions: torch.Tensor) -> Streamed:
        part = copy.copy(self)
        part.indices = self.indices[positions]
        part._items = Items(self._items.samples, self._items.chains, part.indices.tolist())
        part._plan, part._loader = _Plan(), None
        return part

    def lengths(self, field: str) -> torch.Tensor:
        return torch.tensor([self._items.samples.length(field, i) for i in self.indices.tolist()])

    def highest(self, field: str) -> int | None:
        samples = self._items.samples
        if field in samples.encoders:
            return len(samples.encoders[field].vocabulary) - 1
        known = samples.targets() if field == samples.fields[-1] else None
        return int(known.max()) if known is not None and len(known) else None


class _Plan:
    """The batches of the epoch at hand, as (seed, epoch, position) of each sample: what `DataLoader` calls a batch
    sampler."""

    parts: Sequence[list[tuple[int, int, int]]] = ()

    def __iter__(self) -> Iterator[list[tuple[int, int, int]]]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)
