"""Vision transformers."""

from __future__ import annotations

from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2

from tests.zoo.families.case import Case, square

__all__ = ["TRANSFORMERS"]

# The position embedding has as many rows as an image of 224×224 has patches. By day a tiny one, with dropout.
DROPOUTS = {"dropout": 0.1, "attention_dropout": 0.2}
TINY_VIT = {
    "image_size": 32,
    "patch_size": 8,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 32,
    "mlp_dim": 48,
    **DROPOUTS,
}
VIT = [
    Case("VisionTransformer", "zoo:vit", square(32), quick=True, args=TINY_VIT, options=TINY_VIT),
    *(Case(f"vit_{name}", f"zoo:vit_{name}", square(224)) for name in ("b_16", "b_32", "l_16", "l_32", "h_14")),
]

# Windows of 7×7 or 8×8 patches: both sizes need padding before windows and before merging, on both axes; in one direction
# several windows, which are shifted, in the other a single one, which is not. By day tiny ones of two stages.
WINDOWS = ((3, 95, 36), (3, 33, 64))
TINY_SWIN = {"embed_dim": 16, "depths": [2, 2], "num_heads": [1, 2], "stochastic_depth_prob": 0.2, **DROPOUTS}
V2 = {"window_size": [8, 8], "block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}
SWIN = [
    Case(
        "SwinTransformer",
        "zoo:swin",
        WINDOWS,
        quick=True,
        args=TINY_SWIN,
        options={"patch_size": [4, 4], "window_size": [7, 7], **TINY_SWIN},
    ),
    Case(
        "swin_transformer.SwinTransformer",
        "zoo:swin_v2",
        WINDOWS,
        quick=True,
        args=TINY_SWIN,
        options={"patch_size": [4, 4], **V2, **TINY_SWIN},
    ),
    *(Case(f"swin_{name}", f"zoo:swin_{name}", WINDOWS) for name in ("t", "s", "b", "v2_t", "v2_s", "v2_b")),
]

# At every stage 7×7 windows must fill the image, and the grid of 7×7 be filled by it: 224 is the least.
# torchvision's grid is fixed when it is built. By day a smaller one of two stages.
TINY_MAXVIT = {
    "stem_channels": 16,
    "block_channels": [32, 64],
    "block_layers": [1, 2],
    "head_dim": 16,
    "partition_size": 7,
    "mlp_dropout": 0.1,
    "attention_dropout": 0.2,
    "stochastic_depth_prob": 0.2,
}
MAXVIT = [
    Case(
        "MaxVit",
        "zoo:maxvit",
        square(56),
        quick=True,
        args=TINY_MAXVIT,
        options={"input_size": (56, 56), **TINY_MAXVIT},
    ),
    Case("maxvit_t", "zoo:maxvit_t", square(224)),
]

TRANSFORMERS = [*VIT, *SWIN, *MAXVIT]
