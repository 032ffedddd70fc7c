"""What `data:` and `train:` say, in typed form: made by `read/`, obeyed by `runtime/`."""

from nnc.compiler.training.config.calls import BoundCall, Deferred, waits
from nnc.compiler.training.config.data import (
    DataConfig,
    FieldTransforms,
    Holdout,
    LoaderConfig,
    PaddingConfig,
    TransformStage,
    transforms_by_field,
)
from nnc.compiler.training.config.logs import TensorBoardConfig
from nnc.compiler.training.config.network import Network, Parameter
from nnc.compiler.training.config.parallel import ParallelConfig
from nnc.compiler.training.config.speed import SpeedConfig
from nnc.compiler.training.config.train import (
    AveragingConfig,
    CarriedConfig,
    EarlyStopping,
    LayerDecay,
    LossConfig,
    LossTerm,
    MetricConfig,
    Mixture,
    OptimizerConfig,
    ParameterGroup,
    SchedulerConfig,
    StepConfig,
    TrainConfig,
    Unfreezing,
)

__all__ = [
    "AveragingConfig", "BoundCall", "CarriedConfig", "DataConfig", "Deferred", "EarlyStopping",
    "FieldTransforms", "Holdout", "LayerDecay", "LoaderConfig", "LossConfig", "LossTerm", "MetricConfig",
    "Mixture", "Network", "OptimizerConfig", "PaddingConfig", "ParallelConfig", "Parameter", "ParameterGroup",
    "SchedulerConfig", "SpeedConfig", "StepConfig", "TensorBoardConfig", "TrainConfig", "TransformStage",
    "Unfreezing", "transforms_by_field", "waits",
]  # fmt: skip
