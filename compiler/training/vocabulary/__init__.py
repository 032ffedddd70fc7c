"""Everything that a `data:` or `train:` section may name."""

from __future__ import annotations

from collections.abc import Mapping

from nnc.compiler.training.vocabulary.datasets import DATASETS
from nnc.compiler.training.vocabulary.losses import LOSSES
from nnc.compiler.training.vocabulary.metrics import METRICS
from nnc.compiler.training.vocabulary.mixtures import MIXTURES
from nnc.compiler.training.vocabulary.optimizers import OPTIMIZERS
from nnc.compiler.training.vocabulary.registry import Group, Vocabulary
from nnc.compiler.training.vocabulary.samplers import SAMPLERS
from nnc.compiler.training.vocabulary.schedulers import SCHEDULERS
from nnc.compiler.training.vocabulary.transforms import INSTEAD, TRANSFORMS

__all__ = ["INSTEAD", "VOCABULARY", "Vocabularies"]

Vocabularies = Mapping[Group, Vocabulary]

VOCABULARY: Vocabularies = {
    v.group: v for v in (DATASETS, LOSSES, METRICS, MIXTURES, OPTIMIZERS, SAMPLERS, SCHEDULERS, TRANSFORMS)
}
