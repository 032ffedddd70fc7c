"""Samples that processes of a `DataLoader` read as they are needed: read, transformed, and what cannot be read named."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.utils.data import Dataset

from nnc.runtime.data.broken import Broken
from nnc.runtime.data.datasets import Samples
from nnc.runtime.data.transforms import Chain
from nnc.runtime.failure import Failure

__all__ = ["Items", "Key", "Sample"]

Key = tuple[int, int, int]  # (seed, epoch, position)
Sample = dict[str, torch.Tensor]


class Items(Dataset[Sample | Broken]):
    """Transformed samples. Those of a batch that are alike go through the transforms together, which gives the same in less
    time."""

    def __init__(self, samples: Samples, chains: tuple[Chain, ...], indices: list[int]) -> None:
        self.samples, self.chains, self.indices = samples, chains, indices
        self._fields = {f for chain in chains for f in chain.fields}

    def __getitems__(self, keys: list[Key]) -> list[Sample | Broken]:
        """A batch: what `DataLoader` asks for."""
        read = [self._read(self.indices[position]) for _, _, position in keys]
        whole = [s for s in read if not isinstance(s, Broken)]
        together = self._together(whole, keys) if len(whole) == len(keys) else None
        return [*together] if together is not None else [self._alone(s, key) for s, key in zip(read, keys, strict=True)]

    def _read(self, index: int) -> Sample | Broken:
        return self._tried(index, lambda: self.samples[index])

    def _together(self, samples: Sequence[Sample], keys: Sequence[Key]) -> list[Sample] | None:
        """None where they differ in size, or a transform refuses one: one by one it is known which."""
        if any(len({(s[f].shape, s[f].dtype) for s in samples}) != 1 for f in self._fields):
            return None
        seed, epoch, _ = keys[0]
        numbers = [self.indices[position] for _, _, position in keys]
        batch = {f: torch.stack([s[f] for s in samples]) for f in self._fields}
        try:
            for chain in self.chains:
                ready = {f: chain.prepared(f, batch[f]) for f in chain.fields}
                batch |= chain.finished(ready, chain.seeds(seed, epoch, numbers))
        except Exception:
            return None
        return [{**sample, **{f: x[i] for f, x in batch.items()}} for i, sample in enumerate(samples)]

    def _alone(self, sample: Sample | Broken, key: Key) -> Sample | Broken:
        if isinstance(sample, Broken):
            return sample
        seed, epoch, position = key
        index = self.indices[position]

        def transformed() -> Sample:
            for chain in self.chains:
                sample.update(chain.apply(sample, chain.seeds(seed, epoch, [index])[0]))
            return sample

        return self._tried(index, transformed)

    def _tried(self, index: int, what: Callable[[], Sample]) -> Sample | Broken:
        try:
            return what()
        except Failure as failure:
            return Broken(self.samples.name(index), failure.diagnostics[0].message)
        except Exception as error:  # whatever a decoder says about a broken file
            return Broken(self.samples.name(index), f"cannot be read: {str(error).strip() or type(error).__name__}")
