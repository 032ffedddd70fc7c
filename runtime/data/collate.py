"""Samples, as workers read them, put together as a batch: stacked, or filled up to the longest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from nnc.compiler.training.config import PaddingConfig
from nnc.runtime.data.broken import Broken, CountedBatch
from nnc.runtime.data.ragged import Ragged, pad_fields

__all__ = ["Collate"]

Sample = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Collate:
    """What `DataLoader` calls for a batch. With `skip`, samples that cannot be read are left out; otherwise the first of
    them comes in place of the batch."""

    padding: PaddingConfig = field(default_factory=PaddingConfig)
    skip: bool = False

    def __call__(self, samples: Sequence[Sample | Broken]) -> Sample | Broken:
        good = [s for s in samples if not isinstance(s, Broken)]
        broken = tuple(s for s in samples if isinstance(s, Broken))
        if broken and not self.skip:
            return broken[0]
        batch = self._batch(good) if good else {}
        return CountedBatch(batch, broken) if broken and isinstance(batch, dict) else batch

    def _batch(self, samples: Sequence[Sample]) -> Sample | Broken:
        batch: Sample = {}
        for name in samples[0]:
            if name in self.padding.fields:
                continue
            values = [s[name] for s in samples]
            sizes = sorted({tuple(v.shape) for v in values})
            if len(sizes) > 1:
                listed = ", ".join(str(list(s)) for s in sizes[:3])
                advice = "a transform such as Resize([224, 224]) makes them equal"
                if len({s[1:] for s in sizes}) == 1:
                    advice += f", `padding: {{fields: [{name}]}}` fills them up"
                return Broken("data", f"samples of `{name}` have different sizes, {listed}: {advice}", droppable=False)
            batch[name] = torch.stack(values)
        if not self.padding.fields:
            return batch
        odd = next((n for n in self.padding.fields if len({s[n].shape[1:] for s in samples}) > 1), None)
        flat = next((n for n in self.padding.fields if samples[0][n].ndim == 0), None)
        if odd or flat:
            return Broken(
                "data", f"samples of `{odd or flat}` differ in more than their length, and cannot be filled up"
            )
        return batch | pad_fields({n: Ragged.of([s[n] for s in samples]) for n in self.padding.fields}, self.padding)
