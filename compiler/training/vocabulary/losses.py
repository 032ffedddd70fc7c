"""torch.nn's losses as `loss:` may name them: those of the catalogue that make one number of their tensors.

What a loss takes, torch's order of its arguments and their defaults are the catalogue's to say (`compiler/ops/losses.py`).
Here stands what training says besides: the ranges that torch accepts, weights that are counted in the data
(`balanced`), and traits. `reduction: none` is left out, for a loss is one number.

Traits: what the first input is, so that predictions can be given as probabilities (`logits`: softmax,
`log_probabilities`: exp, `binary_logits`: sigmoid, `probabilities`), and `classes` where the target holds class
numbers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.kinds import Kind
from nnc.compiler.ops.registry import Argument
from nnc.compiler.training.vocabulary.kinds import parse_kind
from nnc.compiler.training.vocabulary.registry import CallDef, Vocabulary

__all__ = ["BALANCED", "LOSSES"]

BALANCED = "balanced"  # weights that come from the training data

OMITTED = {
    "size_average": "it is deprecated in torch: use reduction",
    "reduce": "it is deprecated in torch: use reduction",
}
WEIGHT = "Numbers | None"
COUNTED = "Numbers | Balanced | None"


def loss(name: str, *traits: str, **kinds: str) -> CallDef:
    """The catalogue's loss. `kinds` are narrower than the catalogue's, which are for any use of the layer."""
    op = CATALOGUE[name]
    arguments = tuple(replace(a, kind=_kind(a, kinds.get(a.name))) for a in op.arguments)
    inputs = tuple(i.name for i in op.inputs)
    return CallDef("loss", name, arguments, _fits, op.doc, OMITTED, inputs, frozenset(traits))


def _kind(argument: Argument, narrower: str | None) -> Kind:
    if argument.name == "reduction":
        return parse_kind(f"Literal[{', '.join(c for c in argument.kind.choices if c != 'none')}]")
    return argument.kind if narrower is None else parse_kind(narrower)


def _fits(**arguments: Any) -> None:
    """No loss has a rule between its arguments."""


LOSSES = Vocabulary(
    "loss",
    loss("BCELoss", "probabilities", weight=WEIGHT),
    loss("BCEWithLogitsLoss", "binary_logits", weight=WEIGHT, pos_weight=COUNTED),
    loss("CTCLoss", blank="NonNegative"),
    loss("CosineEmbeddingLoss"),
    loss("CrossEntropyLoss", "logits", "classes", weight=COUNTED, label_smoothing="Fraction"),
    loss("GaussianNLLLoss", eps="Above0"),
    loss("HingeEmbeddingLoss"),
    loss("HuberLoss", delta="Above0"),
    loss("KLDivLoss"),
    loss("L1Loss"),
    loss("MSELoss"),
    loss("MarginRankingLoss"),
    loss("MultiLabelMarginLoss"),
    loss("MultiLabelSoftMarginLoss", "binary_logits", weight=WEIGHT),
    loss("MultiMarginLoss", "classes", p="OneOrTwo", weight=COUNTED),
    loss("NLLLoss", "log_probabilities", "classes", weight=COUNTED),
    loss("PoissonNLLLoss", eps="Above0"),
    loss("SmoothL1Loss", beta="AtLeast0"),
    loss("SoftMarginLoss"),
    loss("TripletMarginLoss", margin="Above0", p="Above0", eps="Above0"),
)
