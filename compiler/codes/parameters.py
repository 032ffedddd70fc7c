"""NNC075x: how parameters start, and which are frozen."""

from __future__ import annotations

from nnc.compiler.codes.code import Code, define

__all__ = ["CODES"]

CODES: tuple[Code, ...] = (
    define(
        "NNC0751",
        "init-without-match",
        "A rule of `init:` is there for nothing.",
        """No layer and no parameter has that name or type, so torch's own initialization stays. A pattern without `*` is a
        whole name. Parameters that the file declares are named themselves, and start with `value:`.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        init:
          - {match: Conv2d, weight: kaiming_normal_}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        init:
          - {match: Linear, weight: kaiming_normal_}
        """,
    ),
    define(
        "NNC0752",
        "init-argument",
        "An argument of an initializer uses what the layer has not.",
        """An argument may compute with `fan_in`, `fan_out` and the numbers of the layer that it is computed for
        (`out_features`, `in_channels`, …), with operators and functions such as `sqrt`. Every layer that the rule fits
        must have them.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        init:
          - {match: fc, weight: "normal_(std=1 / out_channels)"}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        init:
          - {match: fc, weight: "normal_(std=1 / out_features)"}
        """,
    ),
    define(
        "NNC0753",
        "unknown-initializer",
        "torch.nn.init has no such function.",
        "Their names end with `_`: they fill the tensor in place. A number stands for `constant_`.",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        init:
          - {match: fc, weight: xavier_uniform}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        init:
          - {match: fc, weight: xavier_uniform_}
        """,
    ),
    define(
        "NNC0754",
        "initializer-does-not-fit",
        "torch refuses to fill this tensor so.",
        """The Kaiming and Xavier initializers count the inputs and outputs of a layer, which a vector (a bias, the weight of
        a normalization layer) has not.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        init:
          - {match: fc, bias: kaiming_uniform_}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        init:
          - {match: fc, weight: kaiming_uniform_, bias: zeros_}
        """,
    ),
    define(
        "NNC0755",
        "freeze-without-match",
        "What `freeze:` names is not there.",
        """Nothing would be frozen, and training would change what was to stay. A glob is compared with the names of
        parameters (`features.0.weight`) and of modules (`features.0`, `features`).""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {body: Linear(10), fc: Linear(2)}
        freeze: [bodi.*]
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {body: Linear(10), fc: Linear(2)}
        freeze: [body.*]
        """,
    ),
)
