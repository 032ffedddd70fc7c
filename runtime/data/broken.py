"""Samples that cannot be read: by name, and counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from nnc.runtime.failure import Failure

__all__ = ["Broken", "CountedBatch", "refuse_broken"]


@dataclass(frozen=True)
class Broken:
    """A sample that cannot be had: its file, or its row, and why. Samples that only do not go together are not
    droppable."""

    name: str
    message: str
    droppable: bool = True

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


class CountedBatch(dict[str, torch.Tensor]):
    """A batch that lacks samples; an empty one lacks them all. `dropped` are those."""

    def __init__(self, tensors: dict[str, torch.Tensor], dropped: tuple[Broken, ...]) -> None:
        super().__init__(tensors)
        self.dropped = dropped


def refuse_broken(broken: Iterable[Broken], code: str) -> None:
    """Raises `Failure` for the first, with what can be done."""
    first = next(iter(broken), None)
    if first is not None:
        notes = ("`on_error: skip` of `data:` leaves such samples out",) if first.droppable else ()
        raise Failure(code, first.name, first.message, notes=notes)
