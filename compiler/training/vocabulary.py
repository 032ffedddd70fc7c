"""Everything that a `data:` or `train:` section may name."""

from __future__ import annotations

from collections.abc import Mapping

from nnc.compiler.training.datasets import DATASETS
from nnc.compiler.training.losses import LOSSES
from nnc.compiler.training.metrics import METRICS
from nnc.compiler.training.mixtures import MIXTURES
from nnc.compiler.training.optimizers import OPTIMIZERS
from nnc.compiler.training.registry import Group, Vocabulary
from nnc.compiler.training.samplers import SAMPLERS
from nnc.compiler.training.schedulers import SCHEDULERS
from nnc.compiler.training.transforms import INSTEAD, TRANSFORMS

__all__ = ["INSTEAD", "VOCABULARY", "Vocabularies"]

Vocabularies = Mapping[Group, Vocabulary]

VOCABULARY: Vocabularies = {
    v.group: v for v in (DATASETS, LOSSES, METRICS, MIXTURES, OPTIMIZERS, SAMPLERS, SCHEDULERS, TRANSFORMS)
}
