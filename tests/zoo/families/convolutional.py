"""Convolutional networks for classification, from AlexNet to MNASNet."""

from __future__ import annotations

from tests.zoo.families.case import Case, Sizes, square

__all__ = ["CONVOLUTIONAL", "OPTIONS"]


def _family(sizes: Sizes, names: str, quick: str, *, slow: bool = False) -> list[Case]:
    """Variants under torchvision's names."""
    return [Case(name, f"zoo:{name}", sizes, quick=name in quick.split(), slow=slow) for name in names.split()]


# An odd size makes strides and pools round. 63 is the least that AlexNet's three pools leave something of.
ALEXNET = _family(square(64, 75), "alexnet", "alexnet", slow=True)

# Five pools halve the image: 32 is the least; 45 rounds at four of them. 4096×4096 weights make any VGG take seconds.
VGG = _family(square(32, 45), "vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn", "vgg11_bn", slow=True)

# In training a batch norm refuses one number a channel: 49 leaves 2×2 at the end, by five odd halvings.
RESNET = _family(
    square(64, 49),
    """resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d resnext101_32x8d resnext101_64x4d wide_resnet50_2
    wide_resnet101_2""",
    "resnet18 resnet50",
)

# 49 leaves 1×1 for the last norm, which a batch of two gives enough numbers.
DENSENET = _family(square(64, 49), "densenet121 densenet161 densenet169 densenet201", "densenet121")

# Pools in ceil mode: 50 rounds up where 64 does not.
SQUEEZENET = _family(square(64, 50), "squeezenet1_0 squeezenet1_1", "squeezenet1_1")

# GoogLeNet's auxiliary heads pool to 4×4 whatever comes. Inception's pool 5×5 and convolve 5×5: 299 is the least in training.
INCEPTION = [
    *_family(square(64, 50), "googlenet", "googlenet"),
    *_family(square(299, 310), "inception_v3", "inception_v3", slow=True),
]

SHUFFLENET = _family(
    square(64, 49), "shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0", "shufflenet_v2_x0_5"
)

MOBILENET = _family(
    square(64, 49), "mobilenet_v2 mobilenet_v3_large mobilenet_v3_small", "mobilenet_v2 mobilenet_v3_small"
)

MNASNET = _family(square(64, 49), "mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3", "mnasnet0_5")

CONVOLUTIONAL = [
    *ALEXNET, *VGG, *RESNET, *DENSENET, *SQUEEZENET, *INCEPTION, *SHUFFLENET, *MOBILENET, *MNASNET,
]  # fmt: skip


def _with(name: str, size: int, **options: object) -> Case:
    return Case(name, f"zoo:{name}", square(size), args=options, options=options)


# Arguments of torchvision's constructors that the specs have under the same names.
OPTIONS = [
    _with("resnet50", 49, replace_stride_with_dilation=[True, False, True], num_classes=7),
    _with("densenet121", 64, drop_rate=0.2, bn_size=2),
    _with("squeezenet1_1", 64, dropout=0.1, num_classes=10),
    _with("googlenet", 64, transform_input=True, dropout_aux=0.3, num_classes=10),
    _with("googlenet", 64, aux_logits=False),
    _with("inception_v3", 75, aux_logits=False),
    _with("shufflenet_v2_x0_5", 64, num_classes=3),
    _with("mobilenet_v2", 64, width_mult=0.35, dropout=0.5),
    _with("mobilenet_v3_small", 64, num_classes=3),
    _with("mnasnet0_5", 64, num_classes=3, dropout=0.0),
]
