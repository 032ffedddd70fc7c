"""Every op there is: `CATALOGUE["Conv2d"]`."""

from __future__ import annotations

from nnc.compiler.ops import (
    activation,
    arithmetic,
    convolution,
    dropout,
    joining,
    linear,
    normalization,
    pooling,
    shape,
    softmax,
)
from nnc.compiler.ops.registry import Catalogue

__all__ = ["CATALOGUE"]

CATALOGUE = Catalogue(
    [
        *linear.OPS,
        *convolution.OPS,
        *pooling.OPS,
        *normalization.OPS,
        *activation.OPS,
        *softmax.OPS,
        *dropout.OPS,
        *shape.OPS,
        *joining.OPS,
        *arithmetic.OPS,
    ],
    aliases={},
)
