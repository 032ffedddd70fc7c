"""`weight: balanced` and `pos_weight: balanced`: what a class weighs in the loss, from how often it occurs in the training
data.

A class weighs N / (C · n): N samples, C classes, n samples of it, so that all classes together weigh as much as the
samples (scikit-learn's "balanced"; King and Zeng, 2001). A label's positive samples weigh negatives / positives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from nnc.compiler.training.config import BoundCall, LossTerm, TrainConfig
from nnc.compiler.training.vocabulary.losses import BALANCED
from nnc.runtime.data import Split
from nnc.runtime.failure import Failure

__all__ = ["Weights", "balance", "class_weights", "positive_weights", "with_weights"]

Weights = Mapping[str, tuple[float, ...]]  # by a term's name and argument: `loss.weight`


def balance(config: TrainConfig, split: Split, widths: Mapping[str, int]) -> Weights:
    """The weights of the arguments that say "balanced"; `widths` are the channels of the network's outputs. Raises
    `Failure` where the labels are no class numbers."""
    found: dict[str, tuple[float, ...]] = {}
    for term in config.loss.terms:
        for argument in _balanced(term.call):
            labels = split.labels(term.source[1]) if term.source[1] in split.fields else None
            width = widths.get(term.source[0])
            if labels is None or width is None:
                what = (
                    f"`{term.source[1]}` is no field of the data" if labels is None else "the network's output is free"
                )
                raise Failure("NNC0813", term.call.spans[argument], f"no class can be counted: {what}")
            if argument == "pos_weight":
                found[f"{term.name}.{argument}"] = positive_weights(labels)
                continue
            labels = labels[labels != term.call.arguments.get("ignore_index", -100)]
            if not labels.numel():
                raise Failure("NNC0815", term.call.spans[argument], f"`{term.source[1]}` has no class that counts")
            if labels.is_floating_point() or labels.min() < 0 or labels.max() >= width:
                raise Failure(
                    "NNC0815", term.call.spans[argument], f"`{term.source[1]}` has other values than 0 … {width - 1}"
                )
            else:
                found[f"{term.name}.{argument}"] = class_weights(labels, width)
    return found


def with_weights(config: TrainConfig, weights: Weights) -> TrainConfig:
    """The same with numbers in place of "balanced"."""
    return replace(config, loss=replace(config.loss, terms=tuple(_filled(t, weights) for t in config.loss.terms)))


def _filled(term: LossTerm, weights: Weights) -> LossTerm:
    known = {a: weights[f"{term.name}.{a}"] for a in _balanced(term.call) if f"{term.name}.{a}" in weights}
    return replace(term, call=replace(term.call, arguments={**term.call.arguments, **known}))


def _balanced(call: BoundCall) -> list[str]:
    return [name for name, value in call.arguments.items() if value == BALANCED]


def class_weights(labels: torch.Tensor, classes: int) -> tuple[float, ...]:
    """Of class numbers (N, *), one weight for each class; a class that does not occur weighs 1."""
    counts = torch.bincount(labels.reshape(-1), minlength=classes).tolist()
    return tuple(labels.numel() / (classes * n) if n else 1.0 for n in counts)


def positive_weights(labels: torch.Tensor) -> tuple[float, ...]:
    """Of zeros and ones (N, *labels), one weight for each label; a label without positives weighs 1."""
    table = labels.reshape(len(labels), -1).double()
    positives = table.sum(0)
    return tuple(float((len(table) - p) / p) if p else 1.0 for p in positives.tolist())
