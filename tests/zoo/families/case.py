"""What is compared: one model of torchvision, the spec of the same, and the sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Case", "Sizes", "square"]

Sizes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One model. A family's table says beside it why the sizes are what they are."""

    name: str  # of torchvision's constructor: "resnet18", "segmentation.fcn_resnet50"
    spec: str  # what `nnc.load` takes: "zoo:resnet18"
    sizes: Sizes  # of the inputs, without the batch: ((3, 64, 64), (3, 49, 49))
    quick: bool = False  # real weights in `make test`, not only nightly: one small model of a family
    slow: bool = False  # seconds a size: in `make test` the first one must do
    args: Mapping[str, Any] = field(default_factory=dict)  # of the spec
    options: Mapping[str, Any] = field(default_factory=dict)  # of torchvision's constructor
    meta: bool = True  # whether torchvision's constructor works under `torch.device("meta")`
    outputs: Mapping[str, str] = field(
        default_factory=dict
    )  # torchvision's name of an output → ours, where they differ
    batch: int = 2


def square(*sides: int, channels: int = 3) -> Sizes:
    """Images (channels, side, side)."""
    return tuple((channels, side, side) for side in sides)
