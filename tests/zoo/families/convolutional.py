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

# Half of the image at the first convolution, and again at four pools: 64 and 49 leave 2×2 and 1×1 for the last norm,
# which a batch of two gives enough numbers.
DENSENET_ARGS: dict[str, dict[str, Any]] = {
    "densenet121": {},
    "densenet161": {"growth_rate": 48, "block_config": [6, 12, 36, 24], "num_init_features": 96},
    "densenet169": {"block_config": [6, 12, 32, 32]},
    "densenet201": {"block_config": [6, 12, 48, 32]},
}
DENSENET = [
    Case(name, "zoo:densenet", square(64, 49), quick=name == "densenet121", args=args)
    for name, args in DENSENET_ARGS.items()
]

# Pools in ceil mode: 50 rounds up where 64 does not.
SQUEEZENET = [
    Case("squeezenet1_0", "zoo:squeezenet", square(64, 50)),
    Case(
        "squeezenet1_1",
        "zoo:squeezenet",
        square(64, 50),
        quick=True,
        args={"width": 64, "kernel": 3, "stages": [[16, 16], [32, 32], [48, 48, 64, 64]]},
    ),
]

# GoogLeNet's auxiliary heads pool to 4×4, of any size. Inception's pool 5×5 and convolve 5×5: 299 is the least in training.
INCEPTION = [
    Case("googlenet", "zoo:googlenet", square(64, 50), quick=True),
    Case("inception_v3", "zoo:inception_v3", square(299, 310), quick=True),
]

SHUFFLENET = [
    Case(
        f"shufflenet_v2_x{width}",
        "zoo:shufflenet",
        square(64, 49),
        quick=width == "0_5",
        args={"channels": channels, "last": last},
    )
    for width, channels, last in [
        ("0_5", [48, 96, 192], 1024),
        ("1_0", [116, 232, 464], 1024),
        ("1_5", [176, 352, 704], 1024),
        ("2_0", [244, 488, 976], 2048),
    ]
]

MOBILENET_V3_SMALL = [
    [3, 16, 16, True, "ReLU", 2],
    [3, 72, 24, False, "ReLU", 2],
    [3, 88, 24, False, "ReLU", 1],
    [5, 96, 40, True, "Hardswish", 2],
    [5, 240, 40, True, "Hardswish", 1],
    [5, 240, 40, True, "Hardswish", 1],
    [5, 120, 48, True, "Hardswish", 1],
    [5, 144, 48, True, "Hardswish", 1],
    [5, 288, 96, True, "Hardswish", 2],
    [5, 576, 96, True, "Hardswish", 1],
    [5, 576, 96, True, "Hardswish", 1],
]
MOBILENET = [
    Case("mobilenet_v2", "zoo:mobilenet_v2", square(64, 49), quick=True),
    Case("mobilenet_v3_large", "zoo:mobilenet_v3", square(64, 49)),
    Case(
        "mobilenet_v3_small",
        "zoo:mobilenet_v3",
        square(64, 49),
        quick=True,
        args={"units": MOBILENET_V3_SMALL, "last": 1024},
    ),
]

MNASNET = [
    Case(
        f"mnasnet{alpha:.3}".replace(".", "_"), "zoo:mnasnet", square(64, 49), quick=alpha == 0.5, args={"alpha": alpha}
    )
    for alpha in (0.5, 0.75, 1.0, 1.3)
]

CONVOLUTIONAL = [
    *ALEXNET, *VGG, *RESNET, *DENSENET, *SQUEEZENET, *INCEPTION, *SHUFFLENET, *MOBILENET, *MNASNET,
]  # fmt: skip
