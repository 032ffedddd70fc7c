"""NNC05: shapes and dtypes."""

from __future__ import annotations

from nnc.compiler.codes.code import Code, define

__all__ = ["CODES"]

CODES: tuple[Code, ...] = (
    define(
        "NNC0501",
        "shape-rule",
        "The layer cannot take this input with these arguments.",
        """Each layer and function has torch's own conditions on shapes and arguments; the message names the one
        that does not hold, with the sizes as they are at this place.""",
        """
        nnc: 1
        inputs: {x: [B, 3, 32, 32]}
        layers:
          conv: Conv2d(64, 3, groups=2)
        """,
        """
        nnc: 1
        inputs: {x: [B, 3, 32, 32]}
        layers:
          conv: Conv2d(63, 3, groups=3)
        """,
    ),
    define(
        "NNC0502",
        "wrong-rank",
        "The input has the wrong number of dimensions.",
        """A layer takes tensors of certain ranks: Conv2d takes `[B, C, H, W]`. Common remedies are `flatten(1)`
        before a Linear, or `unsqueeze`, `permute` and `reshape`.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          conv: Conv2d(8, 3)
        """,
        """
        nnc: 1
        inputs: {x: [B, 16, H, W]}
        layers:
          conv: Conv2d(8, 3)
        """,
    ),
    define(
        "NNC0503",
        "wrong-dtype",
        "The input has the wrong element type.",
        """Inputs are float32 unless their declaration says otherwise; an Embedding takes whole numbers, and most
        layers take floating-point numbers. `float(x)` and `long(x)` convert.""",
        """
        nnc: 1
        inputs: {tokens: [B, T]}
        layers:
          embed: Embedding(1000, 64)
        """,
        """
        nnc: 1
        inputs: {tokens: {shape: [B, T], dtype: int64}}
        layers:
          embed: Embedding(1000, 64)
        """,
    ),
    define(
        "NNC0504",
        "shape-mismatch",
        "Sizes that must agree differ.",
        """Two tensors are added, concatenated or multiplied, and a size that must be the same in both is not; or a
        block is called with sizes that do not meet what it needs.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10)
          sum: fc + x
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(16)
          sum: fc + x
        """,
    ),
    define(
        "NNC0505",
        "free-size",
        "A size must be known here, and it is free.",
        """The parameters of a layer have fixed shapes, and a loop a fixed number of turns, so the sizes they depend
        on must be numbers. Write the number in the input's shape or in `dims:`, fix it with `--size`, or bring the
        tensor to a known size first, as AdaptiveAvgPool2d does.""",
        """
        nnc: 1
        inputs: {x: [B, 3, H, W]}
        layers:
          flat: flatten(1)
          fc: Linear(10)
        """,
        """
        nnc: 1
        inputs: {x: [B, 3, H, W]}
        layers:
          pool: AdaptiveAvgPool2d(1)
          flat: flatten(1)
          fc: Linear(10)
        """,
    ),
    define(
        "NNC0506",
        "inferred-mismatch",
        "A written size differs from the one that flows in.",
        """Sizes such as `in_features` are inferred. Written by name they are checked, and here the value that flows
        in has another size. Remove the argument, or change what comes before.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10, in_features=32)
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10, in_features=16)
        """,
    ),
    define(
        "NNC0507",
        "impossible-requirement",
        "No size of the input meets what the network requires.",
        """What the network needs of its free dimensions contradicts itself, what `dims:` promises, or the sizes
        given. The notes list the requirements that do not go together.""",
        """
        nnc: 1
        inputs: {x: [B, 3, H, H]}
        dims: {H: {max: 8}}
        layers:
          conv: Conv2d(8, 9)
        """,
        """
        nnc: 1
        inputs: {x: [B, 3, H, H]}
        dims: {H: {min: 16}}
        layers:
          conv: Conv2d(8, 9)
        """,
    ),
    define(
        "NNC0508",
        "undecidable-condition",
        "Whether a condition holds depends on a free size.",
        """Conditions are decided when the network is built, for all sizes at once. Give the dimension a number, or
        a bound in `dims:` that decides the condition.""",
        """
        nnc: 1
        inputs: {x: [B, 3, H, W]}
        layers:
          pool: {type: MaxPool2d(2), if: H > 64}
        """,
        """
        nnc: 1
        inputs: {x: [B, 3, H, W]}
        args: {large: true}
        layers:
          pool: {type: MaxPool2d(2), if: large}
        """,
    ),
)
