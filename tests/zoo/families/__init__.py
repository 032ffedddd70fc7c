"""The tables: every model of torchvision that a shipped spec describes."""

from __future__ import annotations

from tests.zoo.families.case import Case, square
from tests.zoo.families.convolutional import CONVOLUTIONAL
from tests.zoo.families.scaled import SCALED
from tests.zoo.families.segmentation import SEGMENTATION
from tests.zoo.families.transformers import TRANSFORMERS
from tests.zoo.families.video import VIDEO

__all__ = ["CASES", "Case", "square"]

CASES: dict[str, Case] = {case.name: case for case in (*CONVOLUTIONAL, *SCALED, *TRANSFORMERS, *SEGMENTATION, *VIDEO)}
