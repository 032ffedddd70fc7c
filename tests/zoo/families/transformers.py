"""Vision transformers."""

from __future__ import annotations

from tests.zoo.families.case import Case, square

__all__ = ["TRANSFORMERS"]

# The position embedding has as many rows as an image of 224×224 has patches. By day a tiny one, with dropout.
VIT = [
    Case(
        "VisionTransformer",
        "zoo:vit",
        square(32),
        quick=True,
        args={
            "image_size": 32,
            "patch": 8,
            "depth": 2,
            "num_heads": 2,
            "dim": 32,
            "mlp_dim": 48,
            "dropout": 0.1,
            "attention_dropout": 0.2,
        },
        options={
            "image_size": 32,
            "patch_size": 8,
            "num_layers": 2,
            "num_heads": 2,
            "hidden_dim": 32,
            "mlp_dim": 48,
            "dropout": 0.1,
            "attention_dropout": 0.2,
        },
    ),
    *(Case(f"vit_{name}", f"zoo:vit_{name}", square(224)) for name in ("b_16", "b_32", "l_16", "l_32", "h_14")),
]

# Windows of 7×7 or 8×8 patches: both sizes need padding before windows and before merging, on both axes; in one direction
# several windows, which are shifted, in the other a single one, which is not.
SWIN = [
    Case(f"swin_{name}", f"zoo:swin_{name}", ((3, 95, 36), (3, 33, 64)), quick=name in ("t", "v2_t"))
    for name in ("t", "s", "b", "v2_t", "v2_s", "v2_b")
]

# At every stage 7×7 windows must fill the image, and the grid of 7×7 be filled by it: 224 is the least.
# torchvision's grid is fixed when it is built. By day a smaller one of two stages.
MAXVIT = [
    Case(
        "MaxVit",
        "zoo:maxvit",
        square(56),
        quick=True,
        args={
            "width": 16,
            "channels": [32, 64],
            "depths": [1, 2],
            "head_dim": 16,
            "dropout": 0.1,
            "attention_dropout": 0.2,
        },
        options={
            "input_size": (56, 56),
            "stem_channels": 16,
            "partition_size": 7,
            "block_channels": [32, 64],
            "block_layers": [1, 2],
            "head_dim": 16,
            "stochastic_depth_prob": 0.2,
            "mlp_dropout": 0.1,
            "attention_dropout": 0.2,
        },
    ),
    Case("maxvit_t", "zoo:maxvit_t", square(224)),
]

TRANSFORMERS = [*VIT, *SWIN, *MAXVIT]
