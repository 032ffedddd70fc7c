"""What is written of a run beside the JSON lines and the table that every run has."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TensorBoardConfig"]


@dataclass(frozen=True, slots=True)
class TensorBoardConfig:
    """How many `images` of samples and predictions are shown, whether histograms of weights and gradients are, and the graph,
    and `every` how many steps the loss is."""

    images: int = 16
    histograms: bool = True
    graph: bool = True
    every: int = 50
