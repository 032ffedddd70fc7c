"""Samples of different lengths as one tensor, and how a batch of them is filled up to the longest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nnc.compiler.training.config import PaddingConfig
from nnc.runtime.failure import Failure

__all__ = ["Ragged", "pad_fields", "read_plain_padding"]

MAX_LENGTH = 1 << 32


@dataclass(frozen=True)
class Ragged:
    """Sequences (T, *) that lie one after the other in `values` (total, *): number i begins at `starts[i]` and has
    `lengths[i]` elements. Part of them is a view."""

    values: torch.Tensor
    starts: torch.Tensor
    lengths: torch.Tensor

    @classmethod
    def of(cls, sequences: Sequence[torch.Tensor]) -> Ragged:
        """From tensors (T, *) of one dtype."""
        lengths = torch.tensor([len(s) for s in sequences], dtype=torch.int64)
        return cls.packed(torch.cat(list(sequences)), lengths)

    @classmethod
    def packed(cls, values: torch.Tensor, lengths: torch.Tensor) -> Ragged:
        """Sequences without gaps."""
        return cls(values, lengths.cumsum(0) - lengths, lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, rows: torch.Tensor) -> Ragged:
        return Ragged(self.values, self.starts[rows], self.lengths[rows])

    def shifted(self) -> tuple[Ragged, Ragged]:
        """The same without their last elements, and without their first."""
        shorter = (self.lengths - 1).clamp(min=0)
        return Ragged(self.values, self.starts, shorter), Ragged(self.values, self.starts + 1, shorter)

    def sequence(self, index: int) -> torch.Tensor:
        start = int(self.starts[index])
        return self.values[start : start + int(self.lengths[index])]

    def flat(self) -> torch.Tensor:
        """The elements of all sequences, one after the other (sum of lengths, *)."""
        ends = self.lengths.cumsum(0)
        places = torch.arange(int(ends[-1]) if len(ends) else 0)
        return self.values[places + (self.starts - ends + self.lengths).repeat_interleave(self.lengths)]

    def padded(
        self, value: float = 0, *, multiple_of: int = 1, length: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """All of them (N, T, *), how long each is (N,), and where it is (N, T). T is the longest, at least 1 and a
        multiple of `multiple_of`, or `length`, to which longer ones are cut. Whole numbers become int64."""
        lengths = self.lengths if length is None else self.lengths.clamp(max=length)
        longest = max(int(lengths.max()), 1) if len(lengths) else 1
        size = -(-longest // multiple_of) * multiple_of if length is None else length
        places = torch.arange(size)
        mask = places < lengths[:, None]
        whole = not (self.values.is_floating_point() or self.values.is_complex() or self.values.dtype == torch.bool)
        dtype = torch.int64 if whole else self.values.dtype
        result = torch.full((len(self), size, *self.values.shape[1:]), value, dtype=dtype)
        result[mask] = self.values[(self.starts[:, None] + places)[mask]].to(dtype)
        return result, lengths, mask


def pad_fields(sequences: Mapping[str, Ragged], padding: PaddingConfig) -> dict[str, torch.Tensor]:
    """The padded fields of a batch and what comes with them: `NAME_lengths` (N,) int64 and `NAME_mask` (N, T) bool, true
    where there is a sample; those of the first field are also called `lengths` and `mask`."""
    batch: dict[str, torch.Tensor] = {}
    extras: dict[str, torch.Tensor] = {}
    for number, name in enumerate(padding.fields):
        values, lengths, mask = sequences[name].padded(
            padding.values.get(name, 0), multiple_of=padding.multiple_of, length=padding.length
        )
        batch[name] = values
        extras |= {f"{name}_lengths": lengths, f"{name}_mask": mask}
        if number == 0:
            extras |= {"lengths": lengths, "mask": mask}
    return {name: value for name, value in extras.items() if name not in batch} | batch


def read_plain_padding(plain: Any, where: Path) -> PaddingConfig:
    """A `PaddingConfig` that was written as JSON. Raises `Failure` for anything else."""
    if plain is None:
        return PaddingConfig()
    try:
        fields, values = tuple(map(str, plain["fields"])), {str(k): v + 0 for k, v in plain["values"].items()}
        multiple, length = plain["multiple_of"], plain.get("length")
        sizes = [multiple, *([] if length is None else [length])]
        if all(type(n) is int and 1 <= n <= MAX_LENGTH for n in sizes):
            return PaddingConfig(fields, values, multiple, length)
    except (KeyError, TypeError, AttributeError):
        pass
    raise Failure("NNC0904", where, "what it says of padding is damaged")
