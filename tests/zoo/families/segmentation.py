"""Networks for segmentation: a dict of maps as large as the image."""

from __future__ import annotations

from tests.zoo.families.case import Case

__all__ = ["SEGMENTATION"]

# An eighth or sixteenth of the image, rounded up and resized back: odd sizes round, on one axis or the other.
SIZES = ((3, 33, 40), (3, 41, 25))
AUXILIARY = ("fcn_resnet50", "deeplabv3_resnet101", "deeplabv3_mobilenet_v3_large")
NAMES = (
    "fcn_resnet50",
    "fcn_resnet101",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
    "deeplabv3_mobilenet_v3_large",
    "lraspp_mobilenet_v3_large",
)

# torchvision would load its weights into the backbone.
SEGMENTATION = [
    Case(
        f"segmentation.{name}",
        f"zoo:{name}",
        SIZES,
        quick="mobilenet" in name or name == "fcn_resnet50",
        args={"aux_loss": True} if name in AUXILIARY else {},
        options={"weights_backbone": None} | ({"aux_loss": True} if name in AUXILIARY else {}),
    )
    for name in NAMES
]
