"""Class numbers that the network has no score for: named, and the end of the run or left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from nnc.compiler.training.config import DataConfig, TrainConfig
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.data.broken import Broken
from nnc.runtime.data.open import Data
from nnc.runtime.data.splits import Split
from nnc.runtime.failure import Failure

__all__ = ["with_right_labels"]

SHOWN = 3


def with_right_labels(data: Data, config: TrainConfig, widths: Mapping[str, int], section: DataConfig) -> Data:
    """The data with class numbers that the losses can take, where these are known before anything is read. `widths` are the
    channels of the network's outputs. Raises `Failure` for the first that is none, unless `on_error` says skip."""
    for term in config.loss.terms:
        if "classes" not in VOCABULARY["loss"][term.call.name].traits or term.source[0] not in widths:
            continue
        ignored = term.call.arguments.get("ignore_index", -100)
        for part in ("train", "validation", "test"):
            split: Split | None = getattr(data, part)
            if split is None or term.source[1] not in split.fields:
                continue
            classes = widths[term.source[0]]
            found = _wrong(split, term.source[1], classes, ignored)
            keep = torch.ones(len(split), dtype=torch.bool)
            keep[list(found)] = False
            if found and (section.on_error == "fail" or not bool(keep.any())):
                raise _failure(found, split, term.source[1], classes)
            if found:
                changes: dict[str, Any] = {part: split.only(keep.nonzero()[:, 0])}
                data = replace(data, **changes, dropped=(*data.dropped, *found.values()))
    return data


def _wrong(split: Split, field: str, classes: int, ignored: int) -> dict[int, Broken]:
    """By position, the samples whose class number is out of range."""
    labels = split.known(field)
    if (
        labels is None
        or labels.ndim != 1
        or labels.is_floating_point()
        or labels.is_complex()
        or labels.dtype == torch.bool
    ):
        return {}
    wrong = ((labels < 0) | (labels >= classes)) & (labels != ignored)
    return {
        i: Broken(
            split.name(i),
            f"`{field}` has the class number {int(labels[i])}, and the network has {classes} classes: 0 … {classes - 1}",
        )
        for i in wrong.nonzero()[:, 0].tolist()
    }


def _failure(found: Mapping[int, Broken], split: Split, field: str, classes: int) -> Failure:
    first, *others = found.values()
    notes = [f"and so it is with {b.name}" for b in others[: SHOWN - 1]]
    notes += [f"{len(found):,} samples in all"] if len(found) > SHOWN else []
    labels = split.known(field)
    if labels is not None and int(labels.min()) == 1 and int(labels.max()) == classes:
        notes.append("class numbers count from 0")
    notes.append("`on_error: skip` of `data:` leaves such samples out")
    return Failure("NNC0815", first.name, first.message, notes=notes)
