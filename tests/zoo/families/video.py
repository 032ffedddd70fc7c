"""Networks for video: clips (3, T, H, W)."""

from __future__ import annotations

from torchvision.models.video.mvit import MSBlockConfig

from tests.zoo.families.case import Case

__all__ = ["VIDEO"]

# Time and image are halved three and four times, rounded up: the second size rounds where the first does not.
RESNET = [
    Case(f"video.{name}", f"zoo:{name}", ((3, 4, 16, 32), (3, 5, 33, 18)), quick=name == "mc3_18")
    for name in ("r3d_18", "mc3_18", "r2plus1d_18")
]

# The last pool takes 2×7×7, which is left of no less than 13×209×209.
S3D = [Case("video.s3d", "zoo:s3d", ((3, 13, 209, 209), (3, 16, 224, 211)), batch=1)]

# 2×4×4 patches, then windows of 8×7×7, no larger than the clip: in one size a single window in time, in the other several;
# along the image several on one axis, one on the other. By day a tiny one of two stages.
CLIPS = ((3, 4, 30, 50), (3, 18, 17, 40))
TINY_SWIN = {"embed_dim": 16, "depths": [2, 2], "num_heads": [1, 2], "dropout": 0.1, "attention_dropout": 0.2}
SWIN = [
    Case(
        "video.SwinTransformer3d",
        "zoo:swin3d",
        CLIPS,
        quick=True,
        args=TINY_SWIN,
        options={"patch_size": [2, 4, 4], "window_size": [8, 7, 7], **TINY_SWIN},
    ),
    *(Case(f"video.swin3d_{name}", f"zoo:swin3d_{name}", CLIPS) for name in ("t", "s", "b")),
]

# The places in a clip are known when the network is built. By day a tiny one of two blocks.
TINY_MVIT = [
    MSBlockConfig(1, 16, 16, [3, 3, 3], [3, 3, 3], [1, 1, 1], [1, 2, 2]),
    MSBlockConfig(2, 16, 32, [3, 3, 3], [3, 3, 3], [1, 2, 2], [1, 1, 1]),
]
MVIT = [
    Case(
        "video.MViT",
        "zoo:mvit",
        ((3, 4, 32, 32),),
        quick=True,
        args={"stages": [[1, 16, 1, 2], [2, 32, 2, 1]], "v2": True, "width": 16, "frames": 4, "size": 32},
        options={
            "spatial_size": (32, 32),
            "temporal_size": 4,
            "block_setting": TINY_MVIT,
            "residual_pool": True,
            "residual_with_cls_embed": False,
            "rel_pos_embed": True,
            "proj_after_attn": True,
            "stochastic_depth_prob": 0.2,
        },
    ),
    *(Case(f"video.mvit_{name}", f"zoo:mvit_{name}", ((3, 16, 224, 224),), batch=1) for name in ("v1_b", "v2_s")),
]

VIDEO = [*RESNET, *S3D, *SWIN, *MVIT]
