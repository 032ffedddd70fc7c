"""Before a run or a trial: the spec with what a command replaces in it, its data opened and counted, its network made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from nnc.compiler.diagnostics import Problems
from nnc.compiler.training import DataConfig, TrainConfig
from nnc.compiler.training.config.parallel import ParallelConfig
from nnc.compiler.training.read.speed import parse_speed
from nnc.compiler.weights import GivenWeights
from nnc.runtime.data import Data, open_data
from nnc.runtime.data.checks import feed
from nnc.runtime.data.labels import with_right_labels
from nnc.runtime.data.sizes import check_sizes
from nnc.runtime.failure import Failure, raise_errors
from nnc.runtime.parallel.world import ALONE, World
from nnc.runtime.project import Project, Source
from nnc.runtime.report import Reporter
from nnc.runtime.signature import Signature
from nnc.runtime.training import seed as seeds
from nnc.runtime.training.balance import Weights, balance, with_weights
from nnc.runtime.training.folds import with_fold
from nnc.runtime.weights.transfer import load_weights

__all__ = ["PRECISIONS", "Prepared", "check_vocabularies", "overridden", "prepare"]

PRECISIONS = ("float32", "tf32", "bf16", "fp16")


@dataclass(frozen=True)
class Prepared:
    """`project` has the `weights` of the classes in its losses, where these ask for them."""

    project: Project
    data: Data
    model: nn.Module
    weights: Weights


def overridden(project: Project, replaced: Mapping[str, Any], parallel: ParallelConfig | None = None) -> Project:
    """With what a command replaces: `fold` such as `2/5`, `seed`, `batch_size`, `precision`, and `speed` as a spec has it, in
    text. None leaves what the spec says. Raises `Failure`."""
    settings: dict[str, Any] = {k: v for k, v in replaced.items() if v is not None and k not in ("epochs", "fold")}
    if replaced.get("fold") is not None:
        project = with_fold(project, replaced["fold"])
    if settings.get("precision", "float32") not in PRECISIONS:
        raise Failure("NNC0804", "--precision", f"precision is one of {', '.join(PRECISIONS)}")
    if "speed" in settings:
        problems = Problems()
        settings["speed"] = parse_speed(settings["speed"], problems)
        raise_errors(problems)
    if parallel is not None:
        settings["parallel"] = parallel
    train: TrainConfig = replace(project.train, **settings)
    return replace(project, train=train)


def prepare(
    project: Project,
    pretrained: GivenWeights | None = None,
    *,
    reporter: Reporter | None = None,
    world: World = ALONE,
    begun: bool = False,
    check: Callable[[Data], None] = lambda data: None,
) -> Prepared:
    """`pretrained` are weights to begin with, instead of the spec's; a run that is `begun` goes on with its own. `check` may
    object to the data. Raises `Failure`."""
    with world.first("data"):
        data = open_data(project.data, project.base)
    check_vocabularies(project, project.signature, data, project.data)
    check(data)
    data = with_right_labels(data, project.train, project.widths, project.data)
    assert data.train is not None, "training data were asked for"
    weights = balance(project.train, data.train, project.widths)
    project = replace(project, train=with_weights(project.train, weights))
    seeds.seed_everything(project.train.seed)
    model = project.module()
    given = pretrained or project.compilation.weights
    with world.first("weights"):
        if given is not None and not begun:
            for line in load_weights(model, given).lines():
                (reporter or Reporter()).note(line)
    return Prepared(project, data, model, weights)


def check_vocabularies(source: Source, signature: Signature, data: Data, config: DataConfig) -> None:
    """Holds the vocabularies against the network's embeddings. Raises `Failure`."""
    problems = Problems()
    feeding = feed(signature, data.fields, config)
    check_sizes(source.compilation.graph, source.arguments, feeding, data, config, problems)
    raise_errors(problems)
