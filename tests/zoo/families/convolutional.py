"""Convolutional networks for classification, from AlexNet to MNASNet."""

from __future__ import annotations

from typing import Any

from tests.zoo.families.case import Case, square

__all__ = ["CONVOLUTIONAL"]

# An odd size makes strides and pools round; 64 is near the least that AlexNet's three pools leave something of.
ALEXNET = [Case("alexnet", "zoo:alexnet", square(64, 75), quick=True)]

# Five pools halve the image: 32 is the least; 45 rounds at four of them. 4096×4096 weights make any VGG take seconds.
VGG_CONVS = {"11": [1, 1, 2, 2, 2], "13": [2, 2, 2, 2, 2], "16": [2, 2, 3, 3, 3], "19": [2, 2, 4, 4, 4]}
VGG = [
    Case(
        f"vgg{depth}{suffix}",
        "zoo:vgg",
        square(32, 45),
        quick=depth + suffix == "11_bn",
        args={"convs": convs, "batch_norm": bool(suffix)},
    )
    for depth, convs in VGG_CONVS.items()
    for suffix in ("", "_bn")
]

# In training a batch norm refuses one number a channel: 49 leaves 2×2 at the end, by five odd halvings.
RESNET_ARGS: dict[str, dict[str, Any]] = {
    "resnet18": {"block": "BasicBlock", "layers": [2, 2, 2, 2]},
    "resnet34": {"block": "BasicBlock", "layers": [3, 4, 6, 3]},
    "resnet50": {"layers": [3, 4, 6, 3]},
    "resnet101": {"layers": [3, 4, 23, 3]},
    "resnet152": {"layers": [3, 8, 36, 3]},
    "resnext50_32x4d": {"layers": [3, 4, 6, 3], "groups": 32, "width_per_group": 4},
    "resnext101_32x8d": {"layers": [3, 4, 23, 3], "groups": 32, "width_per_group": 8},
    "resnext101_64x4d": {"layers": [3, 4, 23, 3], "groups": 64, "width_per_group": 4},
    "wide_resnet50_2": {"layers": [3, 4, 6, 3], "width_per_group": 128},
    "wide_resnet101_2": {"layers": [3, 4, 23, 3], "width_per_group": 128},
}
RESNET = [
    Case(name, "zoo:resnet", square(64, 49), quick=name in ("resnet18", "resnet50"), args=args)
    for name, args in RESNET_ARGS.items()
]

CONVOLUTIONAL = [*ALEXNET, *VGG, *RESNET]
