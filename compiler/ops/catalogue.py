"""Every op there is: `CATALOGUE["Conv2d"]`."""

from __future__ import annotations

from nnc.compiler.ops import (
    activation,
    arithmetic,
    attention,
    comparison,
    constructor,
    conversion,
    convolution,
    distance,
    dropout,
    elementwise,
    embedding,
    indexing,
    joining,
    linear,
    normalization,
    padding,
    pooling,
    product,
    recurrent,
    reduction,
    shape,
    softmax,
    transformer,
    upsampling,
    vision,
)
from nnc.compiler.ops.registry import Catalogue

__all__ = ["CATALOGUE"]

# Other names that torch has for the same thing.
ALIASES = {
    "absolute": "abs",
    "concat": "cat",
    "concatenate": "cat",
    "divide": "div",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "moveaxis": "movedim",
    "multiply": "mul",
    "negative": "neg",
    "not_equal": "ne",
    "subtract": "sub",
    "true_divide": "div",
}

CATALOGUE = Catalogue(
    [
        *linear.OPS,
        *convolution.OPS,
        *pooling.OPS,
        *normalization.OPS,
        *activation.OPS,
        *softmax.OPS,
        *dropout.OPS,
        *embedding.OPS,
        *recurrent.OPS,
        *attention.OPS,
        *transformer.OPS,
        *upsampling.OPS,
        *padding.OPS,
        *vision.OPS,
        *shape.OPS,
        *joining.OPS,
        *indexing.OPS,
        *arithmetic.OPS,
        *comparison.OPS,
        *elementwise.OPS,
        *reduction.OPS,
        *product.OPS,
        *constructor.OPS,
        *conversion.OPS,
        *distance.OPS,
    ],
    aliases=ALIASES,
)
