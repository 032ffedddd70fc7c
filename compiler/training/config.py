"""What `data:` and `train:` say, in typed form: made by `read_data.py` and `read_train.py`, consumed by `runtime/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from nnc.compiler.diagnostics import Span
from nnc.compiler.expr.tree import Expr
from nnc.compiler.graph.initial import fits
from nnc.compiler.training.logs import TensorBoardConfig
from nnc.compiler.training.parallel import ParallelConfig
from nnc.compiler.training.speed import SpeedConfig

if TYPE_CHECKING:
    from nnc.compiler.graph.ir import Graph
    from nnc.compiler.schema.spec import Spec
    from nnc.compiler.training.loss_block import LossBlock
    from nnc.compiler.types.tensor import TensorType

__all__ = [
    "AveragingConfig",
    "BoundCall",
    "CarriedConfig",
    "DataConfig",
    "Deferred",
    "EarlyStopping",
    "FieldTransforms",
    "Holdout",
    "LayerDecay",
    "LoaderConfig",
    "LossConfig",
    "LossTerm",
    "MetricConfig",
    "Mixture",
    "Network",
    "OptimizerConfig",
    "PaddingConfig",
    "Parameter",
    "ParameterGroup",
    "SchedulerConfig",
    "StepConfig",
    "TrainConfig",
    "TransformStage",
    "Unfreezing",
    "transforms_by_field",
    "waits",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deferred:
    """An argument that depends on the length of the data (`total_steps=steps`): computed when training begins."""

    expression: Expr


@dataclass(frozen=True, slots=True)
class BoundCall:
    """A checked call of the vocabulary: `AdamW(lr=1e-3)`. `arguments` are those that were written, by name in signature
    order: None, bool, int, float, str, tuples of these, nested `BoundCall`s, `Deferred`s."""

    group: str
    name: str
    arguments: Mapping[str, Any]
    span: Span
    spans: Mapping[str, Span] = field(default_factory=dict)

    @property
    def deferred(self) -> bool:
        """Whether something in it waits for the length of the data."""
        return any(waits(v) for v in self.arguments.values())

    def as_plain(self) -> dict[str, Any]:
        """The canonical mapping form, as JSON takes it: `{"type": "AdamW", "lr": 0.001}`."""
        return {"type": self.name} | {k: _plain(v) for k, v in self.arguments.items()}

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={_shown(v)}' for k, v in self.arguments.items())})"


def waits(value: object) -> bool:
    """Whether an argument holds something deferred."""
    match value:
        case Deferred():
            return True
        case BoundCall():
            return value.deferred
        case tuple():
            return any(waits(v) for v in value)
    return False


def _plain(value: object) -> object:
    match value:
        case Deferred(expression=expression):
            return f"${{{expression.span.text}}}"
        case BoundCall():
            return value.as_plain()
        case tuple():
            return [_plain(v) for v in value]
        case Mapping():
            return {k: _plain(v) for k, v in value.items()}
    return value


def _shown(value: object) -> str:
    match value:
        case Deferred(expression=expression):
            return expression.span.text
        case BoundCall():
            return str(value)
        case tuple():
            return f"[{', '.join(map(_shown, value))}]"
        case str():
            return f'"{value}"'
    return str(value)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the network under its name in `named_parameters`. `layer` is the type of the layer that it belongs to,
    "" for one that the file declares; `blocks` are the names of the file's blocks around it; `frozen` by `freeze:`."""

    name: str
    layer: str
    ndim: int
    blocks: tuple[str, ...] = ()
    frozen: bool = False
    sparse: bool = False  # whether its gradient is


@dataclass(frozen=True, slots=True)
class Network:
    """What the sections need to know about the network they feed: its inputs, outputs and parameters, in order. An unnamed
    single output is called `output`. Those in `train_only` come out in training mode only. `graph` is the network itself."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: tuple[Parameter, ...] | None = None
    train_only: frozenset[str] = frozenset()
    types: Mapping[str, TensorType] = field(default_factory=dict)  # of the outputs
    input_types: Mapping[str, TensorType] = field(default_factory=dict)
    spec: Spec | None = None
    graph: Graph | None = None


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
