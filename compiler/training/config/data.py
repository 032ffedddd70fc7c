"""`data:` in typed form: made by `read/data.py`, obeyed by `runtime/data/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from nnc.compiler.diagnostics import Span
from nnc.compiler.training.config.calls import BoundCall

if TYPE_CHECKING:
    pass

__all__ = [
    "DataConfig", "FieldTransforms", "Holdout", "LoaderConfig", "PaddingConfig", "TransformStage",
    "transforms_by_field",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class FieldTransforms:
    """What is done to one field: `train` while training, `eval` in validation, test and prediction."""

    train: tuple[BoundCall, ...]
    eval: tuple[BoundCall, ...]


@dataclass(frozen=True, slots=True)
class TransformStage:
    """One entry of `transforms:`: what is done to its field, or to several fields with the same draws."""

    fields: tuple[str, ...]
    train: tuple[BoundCall, ...]
    eval: tuple[BoundCall, ...]
    span: Span


def transforms_by_field(stages: tuple[TransformStage, ...]) -> dict[str, FieldTransforms]:
    """What is done to each field that has transforms, those that it shares with others included."""
    named = dict.fromkeys(f for stage in stages for f in stage.fields)
    own = {f: [s for s in stages if f in s.fields] for f in named}
    return {
        f: FieldTransforms(tuple(c for s in stages for c in s.train), tuple(c for s in stages for c in s.eval))
        for f, stages in own.items()
    }


@dataclass(frozen=True, slots=True)
class Holdout:
    """The part of the training data that validates: a fraction below 1 or a count, or fold number `fold` (from 1) of
    `folds`; of each class of the field `stratify` alike."""

    size: float | int | None
    stratify: str | None = None
    folds: int | None = None
    fold: int = 1


@dataclass(frozen=True, slots=True)
class PaddingConfig:
    """Samples of the `fields` differ in length and are filled up to the longest of a batch, rounded up to a multiple; or
    to one `length`, which longer ones are cut to. `values` are filled in, by field."""

    fields: tuple[str, ...] = ()
    values: Mapping[str, int | float] = field(default_factory=dict)
    multiple_of: int = 1
    length: int | None = None

    @property
    def extras(self) -> tuple[str, ...]:
        """Names of what comes with the padded fields: how long each sample is (B,) and where it is (B, T), as `lengths`
        and `mask` for the first field, and by name for each."""
        named = tuple(f"{f}_{extra}" for f in self.fields for extra in ("lengths", "mask"))
        return ("lengths", "mask", *named) if self.fields else ()


@dataclass(frozen=True, slots=True)
class LoaderConfig:
    """What torch's `DataLoader` is told, under its own names; None leaves it to the runtime."""

    num_workers: int | None = None
    prefetch_factor: int | None = None
    persistent_workers: bool | None = None
    pin_memory: bool | None = None
    timeout: float = 0.0
    multiprocessing_context: Literal["fork", "spawn", "forkserver"] | None = None


@dataclass(frozen=True, slots=True)
class DataConfig:
    """`data:`. `validation` is a part of the training data (a fraction below 1 or a count, or as `Holdout` says), a
    dataset of its own, or nothing. `sampler` draws the training samples of an epoch, by default all of them in the order
    that `train:` says. What cannot be read ends the run, or with `on_error: skip` is left out and counted. `stages` are
    the transforms in the order of the file, `kinds` what is known of the fields: image, mask …"""

    fields: tuple[str, ...]
    train: BoundCall
    span: Span
    test: BoundCall | None = None
    validation: float | int | Holdout | BoundCall | None = None
    stages: tuple[TransformStage, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None
    seed: int = 0
    workers: int | None = None
    spans: Mapping[str, Span] = field(default_factory=dict)
    padding: PaddingConfig = field(default_factory=PaddingConfig)
    sampler: BoundCall | None = None
    loader: LoaderConfig = field(default_factory=LoaderConfig)
    on_error: Literal["fail", "skip"] = "fail"
    texts: tuple[str, ...] = ()  # the fields that are cut into tokens
    imports: Mapping[str, str] = field(default_factory=dict)  # files of the user's own code, by name

    @property
    def transforms(self) -> dict[str, FieldTransforms]:
        """What is done to each field that has transforms."""
        return transforms_by_field(self.stages)

    @property
    def delivered(self) -> tuple[str, ...]:
        """Names of all that a batch holds: the fields, and what comes with those that are padded."""
        return (*self.fields, *(e for e in self.padding.extras if e not in self.fields))
