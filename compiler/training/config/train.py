"""`train:` in typed form: made by `read/train.py`, obeyed by `runtime/training/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from nnc.compiler.diagnostics import Span
from nnc.compiler.graph.initial import fits
from nnc.compiler.training.config.calls import BoundCall
from nnc.compiler.training.config.logs import TensorBoardConfig
from nnc.compiler.training.config.parallel import ParallelConfig
from nnc.compiler.training.config.speed import SpeedConfig

if TYPE_CHECKING:
    from nnc.compiler.training.loss_block import LossBlock

__all__ = [
    "AveragingConfig", "CarriedConfig", "EarlyStopping", "LayerDecay", "LossConfig", "LossTerm", "MetricConfig",
    "Mixture", "OptimizerConfig", "ParameterGroup", "SchedulerConfig", "StepConfig", "TrainConfig",
    "Unfreezing",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class LossTerm:
    """`source` names outputs of the network and fields of the data, in the order of the loss's own inputs. A term with
    an output that comes out in training mode only counts in training only. `name` is its name in logs."""

    call: BoundCall
    source: tuple[str, ...]
    name: str = "loss"
    factor: float = 1.0
    train_only: bool = False


@dataclass(frozen=True, slots=True)
class LossConfig:
    """The sum of the terms, each times its factor; or a block that computes one number. The loss of several steps is the
    sum of its `parts`, the steps' own, whose terms it has."""

    terms: tuple[LossTerm, ...]
    span: Span
    block: LossBlock | None = None
    parts: tuple[LossConfig, ...] = ()

    @property
    def quantities(self) -> Mapping[str, bool]:
        """Names of what it adds up in the log, and whether it is there in training only."""
        found = {t.name: t.train_only for t in self.terms}
        for block in (part.block for part in (self, *self.parts)):
            if block is not None:
                names = ("loss", *(o.name for o in (block.body.outputs or ())[1:]))
                found |= {f"{block.prefix}{name}": False for name in names}
        return found

    @property
    def first(self) -> LossTerm | None:
        """What it is about: the first term."""
        return self.terms[0] if self.terms else None


@dataclass(frozen=True, slots=True)
class MetricConfig:
    """`name` is the name in logs (`accuracy`, `top5_accuracy`); `source` an output and a field; `goal` which end is
    better. Of a metric of classes: what the output holds (`logits`, `binary_logits` …) and the class that does not
    count, both the loss's."""

    name: str
    call: BoundCall
    source: tuple[str, ...]
    goal: Literal["min", "max"]
    scores: str = ""
    ignore_index: int | None = None


@dataclass(frozen=True, slots=True)
class Mixture:
    """CutMix or MixUp of the fields `image` and `label`, for a share `p` of the training batches. `classes` is how many there
    are, None where labels are lists of numbers already."""

    call: BoundCall
    p: float
    image: str
    label: str
    classes: int | None


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """Settings for some parameters: those whose names a glob of `match` fits, where it has any, and which are of the
    types of layer and numbers of dimensions that the file asks for; then `names` are those. Of several groups that fit, each adds
    its settings, and the later one wins."""

    match: tuple[str, ...]
    settings: Mapping[str, Any]
    span: Span
    match_spans: tuple[Span, ...] = ()
    names: frozenset[str] | None = None

    def fits(self, name: str) -> bool:
        if self.names is not None and name not in self.names:
            return False
        return not self.match or any(fnmatchcase(name, glob) for glob in self.match)


@dataclass(frozen=True, slots=True)
class LayerDecay:
    """The rate of a parameter is the optimizer's times `factor` for each of the `depth` levels that come after its own:
    `levels`, by name. The last level has the whole rate."""

    factor: float
    levels: Mapping[str, int]
    depth: int
    span: Span

    def scale(self, name: str) -> float:
        return float(self.factor ** (self.depth - 1 - self.levels.get(name, self.depth - 1)))


@dataclass(frozen=True, slots=True)
class OptimizerConfig:
    """`names` are the parameters that it is for, None for all. Of several optimizers that share the parameters, the first
    has the others in `further`."""

    call: BoundCall
    groups: tuple[ParameterGroup, ...] = ()
    layer_decay: LayerDecay | None = None
    names: frozenset[str] | None = None
    further: tuple[OptimizerConfig, ...] = ()

    @property
    def all(self) -> tuple[OptimizerConfig, ...]:
        return (self, *self.further)

    @property
    def calls(self) -> str:
        """As it is written."""
        return ", ".join(str(one.call) for one in self.all)


@dataclass(frozen=True, slots=True)
class Unfreezing:
    """From the beginning of epoch `epoch` on, what a glob of `match` names is trained too; with `statistics`,
    normalization layers among it take part as the others do. Its settings are a group of the optimizer."""

    match: tuple[str, ...]
    epoch: int
    span: Span
    statistics: bool = True


@dataclass(frozen=True, slots=True)
class SchedulerConfig:
    """`every` says when it steps. ReduceLROnPlateau watches `monitor`, a quantity such as `validation.loss`, of which
    the end `goal` is better."""

    call: BoundCall
    every: Literal["step", "epoch"]
    monitor: str | None = None
    goal: Literal["min", "max"] = "min"


@dataclass(frozen=True, slots=True)
class StepConfig:
    """One of several steps that a batch takes, with a loss of its own, whose gradient changes only the parameters that a
    glob of `match` names. It computes `outputs` of the network and nothing else; those in `reuse` are the ones that a
    step before it computed. It is taken with every `every`-th batch (or group of them, with `accumulate`)."""

    name: str
    match: tuple[str, ...]
    loss: LossConfig
    optimizer: OptimizerConfig
    span: Span
    outputs: tuple[str, ...] = ()
    scheduler: SchedulerConfig | None = None
    every: int = 1
    reuse: tuple[str, ...] = ()

    def trains(self, name: str) -> bool:
        return any(fits(name, glob) for glob in self.match)


@dataclass(frozen=True, slots=True)
class CarriedConfig:
    """An input of the network that is its own `output` of the batch before, without its gradient. An epoch begins with
    `start` in all its elements."""

    input: str
    output: str
    start: float
    span: Span


@dataclass(frozen=True, slots=True)
class AveragingConfig:
    """`ema:` or `swa:`: an average of the weights, which is validated and saved in place of the last ones. An
    exponential one begins after `start` steps and takes part in every `every`-th; a stochastic one takes the weights at
    the end of every epoch from `start` on, while the learning rate is annealed to `lr`."""

    kind: Literal["ema", "swa"]
    start: int
    decay: float = 0.999
    every: int = 1
    lr: float | None = None
    anneal_epochs: int = 10
    anneal_strategy: Literal["cos", "linear"] = "cos"


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """Training ends when `monitor` has not become better by more than `min_delta` for `patience` epochs."""

    patience: int
    min_delta: float = 0.0


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """`train:`. `monitor` is the quantity that chooses the best checkpoint: `validation.accuracy`, `train.loss`.
    `names` are the values that expressions in the section may use; `steps` and `steps_per_epoch` join them with the
    data. With several `steps`, `loss` is the sum of theirs, and `optimizer` the first one's."""

    loss: LossConfig
    optimizer: OptimizerConfig
    epochs: int
    span: Span
    scheduler: SchedulerConfig | None = None
    metrics: tuple[MetricConfig, ...] = ()
    monitor: str = "train.loss"
    goal: Literal["min", "max"] = "min"
    batch_size: int = 64
    accumulate: int = 1
    drop_last: bool = False
    shuffle: bool = True
    seed: int = 0
    clip_grad_norm: float | None = None
    clip_grad_value: float | None = None
    averaging: AveragingConfig | None = None
    early_stopping: EarlyStopping | None = None
    non_finite: Literal["stop", "skip", "rollback", "ignore"] = "stop"
    precision: Literal["float32", "tf32", "bf16", "fp16"] = "float32"
    speed: SpeedConfig = field(default_factory=SpeedConfig)
    parallel: ParallelConfig = field(default_factory=ParallelConfig)
    device: str = "auto"
    checkpoint_every: int | None = None
    unfreeze: tuple[Unfreezing, ...] = ()
    mix: tuple[Mixture, ...] = ()
    steps: tuple[StepConfig, ...] = ()
    carry: tuple[CarriedConfig, ...] = ()
    log: TensorBoardConfig | None = None
    names: Mapping[str, Any] = field(default_factory=dict)
    spans: Mapping[str, Span] = field(default_factory=dict)
