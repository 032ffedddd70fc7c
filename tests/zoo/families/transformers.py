"""Vision transformers."""

from __future__ import annotations

from tests.zoo.families.case import Case, square

__all__ = ["TRANSFORMERS"]

# The position embedding has as many rows as an image of 224×224 has patches.
TRANSFORMERS = [Case("vit_b_16", "zoo:vit", square(224), quick=True)]
