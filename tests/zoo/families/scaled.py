"""Convolutional networks that were scaled by rule, or made modern: EfficientNet, RegNet, ConvNeXt."""

from __future__ import annotations

from torchvision.models.convnext import CNBlockConfig

from tests.zoo.families.case import Case, square

__all__ = ["SCALED"]

# Five halvings, rounded up: 64 leaves 2×2, and 49 too. Width and depth are scaled, so every one has other rounding.
EFFICIENTNET = [
    Case(f"efficientnet_{name}", f"zoo:efficientnet_{name}", square(64, 49), quick=name in ("b1", "v2_s"))
    for name in ("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "v2_s", "v2_m", "v2_l")
]

# Patches of 4×4, halved three times, rounded down: 32 is the least, and of 67 the borders are cut off. By day a tiny one.
CONVNEXT = [
    Case(
        "ConvNeXt",
        "zoo:convnext",
        square(64, 67),
        quick=True,
        args={"dims": [16, 24, 32], "depths": [1, 2, 1], "stochastic_depth_prob": 0.5},
        options={
            "block_setting": [CNBlockConfig(16, 24, 1), CNBlockConfig(24, 32, 2), CNBlockConfig(32, None, 1)],
            "stochastic_depth_prob": 0.5,
        },
    ),
    *(Case(f"convnext_{name}", f"zoo:convnext_{name}", square(64, 67)) for name in ("tiny", "small", "base", "large")),
]

# torchvision computes the widths with tensors that it reads: not on meta.
REGNET_SIZES = {
    "y": ("400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf", "128gf"),
    "x": ("400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf"),
}
REGNET = [
    Case(f"regnet_{kind}_{size}", f"zoo:regnet_{kind}_{size}", square(64, 49), quick=size == "400mf", meta=False)
    for kind, sizes in REGNET_SIZES.items()
    for size in sizes
]

SCALED = [*EFFICIENTNET, *CONVNEXT, *REGNET]
