"""Vision transformers."""

from __future__ import annotations

from tests.zoo.families.case import Case, square

__all__ = ["TRANSFORMERS"]

# The position embedding has as many rows as an image of 224×224 has patches.
VIT = [
    Case(f"vit_{name}", f"zoo:vit_{name}", square(224), quick=name == "b_32")
    for name in ("b_16", "b_32", "l_16", "l_32", "h_14")
]

# Windows of 7×7 or 8×8 patches: both sizes need padding before windows and before merging, on both axes; in one direction
# several windows, which are shifted, in the other a single one, which is not.
SWIN = [
    Case(f"swin_{name}", f"zoo:swin_{name}", ((3, 95, 36), (3, 33, 64)), quick=name in ("t", "v2_t"))
    for name in ("t", "s", "b", "v2_t", "v2_s", "v2_b")
]

# At every stage 7×7 windows must fill the image, and the grid of 7×7 be filled by it: 224 is the least.
# torchvision's grid is fixed when it is built.
MAXVIT = [Case("maxvit_t", "zoo:maxvit_t", square(224), quick=True, batch=1)]

TRANSFORMERS = [*VIT, *SWIN, *MAXVIT]
