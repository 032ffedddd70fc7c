"""torchvision.transforms.v2: transforms of whole training batches, which mix images and their labels."""

from __future__ import annotations

from collections.abc import Callable

from nnc.compiler.training.vocabulary.kinds import Above0, Positive
from nnc.compiler.training.vocabulary.registry import CallDef, Vocabulary, declare

__all__ = ["MIXTURES"]

OMITTED = {"labels_getter": "write `from: [image, label]`: the field of the images and that of the labels"}


def mixture() -> Callable[[Callable[..., None]], CallDef]:
    return declare("mixture", omitted=OMITTED)


@mixture()
def CutMix(*, alpha: Above0 = 1.0, num_classes: Positive | None = None) -> None:
    """Puts a rectangle of another image of the batch into each, and as much of its label (https://arxiv.org/abs/1905.04899)."""


@mixture()
def MixUp(*, alpha: Above0 = 1.0, num_classes: Positive | None = None) -> None:
    """Adds another image of the batch to each, and as much of its label (https://arxiv.org/abs/1710.09412)."""


MIXTURES = Vocabulary("mixture", CutMix, MixUp)
