"""Samplers: in which order, and how often, the samples of an epoch are drawn. torch.utils.data's under their own names,
and ours; each epoch's order is a function of `train:`'s seed and the epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnc.compiler.training.vocabulary.kinds import ClassWeights, Positive
from nnc.compiler.training.vocabulary.registry import CallDef, Vocabulary, declare, refuse

__all__ = ["SAMPLERS"]

OMITTED = {
    "generator": "`seed:` of `train:` decides",
}


def sampler(*traits: str) -> Callable[[Callable[..., None]], CallDef]:
    return declare("sampler", omitted=OMITTED, traits=traits)


@sampler()
def SequentialSampler() -> None:
    """The samples in their own order, in every epoch."""


@sampler()
def RandomSampler(replacement: bool = False, num_samples: Positive | None = None) -> None:
    """A random order; `num_samples` of them make an epoch. With replacement, a sample may come several times."""


@sampler("weighted")
def WeightedRandomSampler(
    weights: str | ClassWeights, num_samples: Positive | None = None, replacement: bool = True
) -> None:
    """Samples by weight: `weights` is a field that holds each sample's, or `{cat: 2, dog: 1}`, the weights of the classes
    of the last field (or a list of them, by number). `num_samples` make an epoch, by default as many as there are."""
    _classes(weights)


@sampler("weighted")
def Balanced(field: str | None = None, num_samples: Positive | None = None, replacement: bool = True) -> None:
    """Every class of a field (by default the last) as often as every other one."""


@sampler("lengths")
def ByLength(field: str | None = None, pool: Positive = 50) -> None:
    """Batches of samples of about the same length, so that little is padded: a random order in which `pool` batches at a
    time are sorted by the length of a field (by default the first that is padded), and the batches shuffled again."""


@sampler("consecutive")
def Consecutive() -> None:
    """Row r of a batch goes on where row r of the batch before ended: for a state that is carried from batch to batch. The
    samples, in their own order, make as many rows as a batch has; what does not fill a row of its own is left out."""


def _classes(weights: Any) -> None:
    values = weights if isinstance(weights, tuple) else list(weights.values()) if isinstance(weights, dict) else ()
    if values and not any(values):
        refuse("one of the weights must be above 0", "weights")


SAMPLERS = Vocabulary(
    "sampler", Balanced, ByLength, Consecutive, RandomSampler, SequentialSampler, WeightedRandomSampler
)
