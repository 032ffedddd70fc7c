"""Networks for video: clips (3, T, H, W)."""

from __future__ import annotations

from tests.zoo.families.case import Case

__all__ = ["VIDEO"]

# Time and image are halved three and four times, rounded up: the second size rounds where the first does not.
RESNET = [
    Case(f"video.{name}", f"zoo:{name}", ((3, 4, 16, 32), (3, 5, 33, 18)), quick=name == "mc3_18")
    for name in ("r3d_18", "mc3_18", "r2plus1d_18")
]

# The last pool takes 2×7×7, which is left of no less than 13×209×209.
S3D = [Case("video.s3d", "zoo:s3d", ((3, 13, 209, 209), (3, 16, 224, 211)))]

VIDEO = [*RESNET, *S3D]
