"""Cross-validation: the same spec trained once for each fold, and what the folds come to together."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from nnc.compiler.training.config import BoundCall, DataConfig, Holdout
from nnc.runtime.failure import Failure
from nnc.runtime.saving.files import write_file

if TYPE_CHECKING:
    from nnc.runtime.commands import Trained
    from nnc.runtime.project import Project

__all__ = [
    "SUMMARY",
    "Folds",
    "fold_provenance",
    "folder_of_folds",
    "folds_of",
    "parse_fold",
    "train_folds",
    "with_fold",
]

SUMMARY = "folds.json"
MOST = 1000


@dataclass(frozen=True)
class Folds:
    """`values` are those of each fold's best epoch, by quantity; `models` the folds' saved models. A quantity has a mean and a
    standard deviation, that of a sample (n - 1). Fewer than `count` are done where a signal asked to stop."""

    folder: Path
    count: int
    values: Mapping[str, Sequence[float]]
    models: Sequence[Path]
    exit_code: int = 0

    def mean(self, quantity: str) -> float:
        return fmean(self.values[quantity])

    def deviation(self, quantity: str) -> float:
        """NaN for one value."""
        values = self.values[quantity]
        return stdev(values) if len(values) > 1 and all(map(math.isfinite, values)) else math.nan

    def as_plain(self) -> dict[str, Any]:
        quantities = {
            name: {"mean": self.mean(name), "std": self.deviation(name), "folds": list(values)}
            for name, values in self.values.items()
        }
        return {
            "run": str(self.folder), "folds": self.count, "done": len(self.models), "quantities": quantities,
            "models": list(map(str, self.models)),
        }  # fmt: skip


def parse_fold(text: str) -> tuple[int | None, int | None] | None:
    """`2`, `2/5`, `all` or `all/5` as (fold, folds), None for what is not said; None for anything else."""
    found = re.fullmatch(r"(all|[1-9][0-9]{0,3})(?:/([1-9][0-9]{0,3}))?", text)
    if found is None:
        return None
    fold, folds = None if found[1] == "all" else int(found[1]), int(found[2]) if found[2] else None
    if folds is not None and (not 2 <= folds <= MOST or (fold or 1) > folds):
        return None
    return fold, folds


def folds_of(data: DataConfig, text: str) -> int:
    """How many folds there are: as `--fold` says, else as `validation:`. Raises `Failure`."""
    found = parse_fold(text)
    if found is None:
        raise Failure("NNC0804", "--fold", f"a fold is such as 2, 2/5, all or all/5, not {text[:40]!r}")
    if isinstance(data.validation, BoundCall):
        span = data.spans.get("validation", data.span)
        raise Failure("NNC0811", span, "`validation` has data of its own, and no folds of the training data")
    written = data.validation.folds if isinstance(data.validation, Holdout) else None
    folds = found[1] or written
    if folds is None:
        notes = ("write `validation: {folds: 5}`, or `--fold 2/5`",)
        raise Failure(
            "NNC0807", data.spans.get("validation", data.span), "how many folds there are is not said", notes=notes
        )
    if data.validation is None:
        notes = ("write `validation: {folds: 5}`: what is monitored depends on it",)
        raise Failure(
            "NNC0807", data.span, "`data:` has no `validation`, of which a fold could be another part", notes=notes
        )
    return folds


def with_fold(project: Project, text: str) -> Project:
    """The project with that fold for validation. Raises `Failure`."""
    folds = folds_of(project.data, text)
    fold, _ = parse_fold(text) or (None, None)
    if fold is None or fold > folds:
        raise Failure("NNC0804", "--fold", f"there are the folds 1 … {folds}")
    written = project.data.validation
    stratify = written.stratify if isinstance(written, Holdout) else None
    return replace(project, data=replace(project.data, validation=Holdout(None, stratify, folds, fold)))


def fold_provenance(data: DataConfig) -> dict[str, str]:
    """What a saved model says of its fold."""
    holdout = data.validation
    return {"fold": f"{holdout.fold}/{holdout.folds}"} if isinstance(holdout, Holdout) and holdout.folds else {}


def folder_of_folds(name: str, *, resume: bool) -> Path:
    """`runs/NAME-folds-N`: a new one, or with `resume` the last."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:60] or "network"
    numbers = [int(m[1]) for p in Path("runs").glob(f"{plain}-folds-*") if (m := re.fullmatch(r".*-(\d{1,9})", p.name))]
    if resume and not numbers:
        raise Failure("NNC0907", Path("runs"), f"there are no folds of `{plain}` to go on with")
    return Path("runs") / f"{plain}-folds-{max(numbers, default=0) + (0 if resume else 1)}"


def train_folds(folder: Path, count: int, train: Callable[[str, Path], Trained]) -> Folds:
    """Trains fold by fold, each in a folder of its own, and writes what comes of them to `folds.json`. `train` is told the
    fold, such as `2/5`, and its folder."""
    values: dict[str, list[float]] = {}
    models: list[Path] = []
    code = 0
    for fold in range(1, count + 1):
        trained = train(f"{fold}/{count}", folder / f"fold-{fold}")
        code = trained.result.exit_code
        if code:
            break
        for name, value in best_quantities(trained).items():
            values.setdefault(name, []).append(value)
        models += [trained.artifact] if trained.artifact is not None else []
    found = Folds(folder, count, values, models, code)
    from nnc.runtime.report import finite

    write_file(folder / SUMMARY, json.dumps(finite(found.as_plain()), indent=1).encode() + b"\n")
    return found


def best_quantities(trained: Trained) -> Mapping[str, float]:
    """What was measured in the epoch whose weights were kept."""
    from nnc.runtime.runs import read_run

    return read_run(trained.result.folder).quantities()
