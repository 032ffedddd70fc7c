"""Metrics, under torchmetrics' names. The trait is the end that is better."""

from __future__ import annotations

from nnc.compiler.training.kinds import Positive
from nnc.compiler.training.registry import Vocabulary, declare

__all__ = ["METRICS"]


@declare("metric", omitted={}, inputs=("input", "target"), traits=("max",))
def Accuracy(top_k: Positive = 1) -> None:
    """Share of right answers: scores (N, C, *) against class numbers (N, *), right when among the top_k highest."""


@declare("metric", omitted={}, inputs=("input", "target"), traits=("min",))
def MeanAbsoluteError() -> None:
    """Mean of |input - target| over all elements."""


@declare("metric", omitted={}, inputs=("input", "target"), traits=("min",))
def MeanSquaredError() -> None:
    """Mean of (input - target)² over all elements."""


METRICS = Vocabulary("metric", Accuracy, MeanAbsoluteError, MeanSquaredError)
