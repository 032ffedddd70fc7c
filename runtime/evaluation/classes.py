"""What was taken for what: the confusion matrix of a split, and precision, recall and F1 of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from nnc.compiler.training.config import LossTerm, TrainConfig
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.failure import Failure
from nnc.runtime.signature import Signature
from nnc.runtime.training.loss import named_outputs

__all__ = ["ClassReport", "Confusion"]


@dataclass(frozen=True)
class ClassReport:
    """`matrix[i][j]` counts the samples of class i that were taken for class j."""

    names: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]

    def of(self, index: int) -> tuple[float, float, float, int]:
        """Precision, recall, F1 and number of samples of one class; 0 where nothing can be divided."""
        right = self.matrix[index][index]
        taken, there = sum(row[index] for row in self.matrix), sum(self.matrix[index])
        precision, recall = (right / n if n else 0.0 for n in (taken, there))
        both = precision + recall
        return precision, recall, 2 * precision * recall / both if both else 0.0, there

    def as_plain(self) -> dict[str, Any]:
        parts = ("precision", "recall", "f1", "samples")
        classes = {n: dict(zip(parts, self.of(i), strict=True)) for i, n in enumerate(self.names)}
        return {"classes": classes, "confusion": [list(row) for row in self.matrix]}


class Confusion:
    """Collects the matrix over batches: the scores and the classes of the loss. Raises `Failure` where the loss is not
    about classes."""

    def __init__(
        self, config: TrainConfig, signature: Signature, names: Sequence[str] | None, device: torch.device
    ) -> None:
        term = next((t for t in config.loss.terms if _of_classes(t)), None)
        if term is None:
            raise Failure("NNC0813", config.loss.span, "the loss is not about classes: there is nothing to confuse")
        self._term, self._outputs, self._names, self._device = term, signature.outputs, names, device
        self._binary = "binary_logits" in VOCABULARY["loss"][term.call.name].traits
        self._matrix: Any = None

    def update(self, outputs: Any, batch: Mapping[str, torch.Tensor]) -> None:
        from torchmetrics.classification import MulticlassConfusionMatrix

        named = named_outputs(outputs, self._outputs)
        scores, target = (named[n] if n in named else batch[n] for n in self._term.source[:2])
        if self._binary:
            guess, classes = (scores > 0).long().reshape(-1), 2
        else:
            guess, classes = scores.argmax(1), scores.shape[1]
        if self._matrix is None:
            ignored = self._term.call.arguments.get("ignore_index", -100)
            self._matrix = MulticlassConfusionMatrix(classes, ignore_index=ignored).to(self._device)
        self._matrix.update(guess, target.long().reshape(guess.shape))

    def report(self) -> ClassReport:
        rows = self._matrix.compute().tolist() if self._matrix is not None else []
        known = self._names is not None and len(self._names) == len(rows)
        names = tuple(self._names) if known and self._names is not None else tuple(map(str, range(len(rows))))
        return ClassReport(names, tuple(tuple(row) for row in rows))


def _of_classes(term: LossTerm) -> bool:
    traits = VOCABULARY["loss"][term.call.name].traits
    return "classes" in traits or term.call.name == "BCEWithLogitsLoss"
