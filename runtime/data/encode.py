"""A dataset's texts as numbers, with the vocabulary of the training data; samples that have none are left out, or end
the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from nnc.compiler.training.config import BoundCall, DataConfig, transforms_by_field
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.data.broken import Broken, refuse_broken
from nnc.runtime.data.datasets import Columns, Samples
from nnc.runtime.data.tokenize import Encoder, encoder_of
from nnc.runtime.data.vocabulary import Vocabulary
from nnc.runtime.failure import Failure

__all__ = ["encode_texts", "encoders_of", "learn", "text_calls"]

Vocabularies = Mapping[str, Vocabulary]


def text_calls(config: DataConfig) -> dict[str, tuple[BoundCall, ...]]:
    """By field that is cut into tokens, what is done to its texts."""
    transforms = transforms_by_field(config.stages)
    return {field: transforms[field].eval for field in config.texts}


def encoders_of(config: DataConfig, vocabularies: Vocabularies) -> dict[str, Encoder]:
    """By field, what makes numbers of its texts."""
    return {f: encoder_of(c, None, vocabularies[f]) for f, c in text_calls(config).items()}


def learn(source: Columns | Samples, config: DataConfig) -> dict[str, Vocabulary]:
    """The vocabularies that the training data give, by field. Raises `Failure`."""
    if isinstance(source, Columns) and source.windows is not None:
        known = source.windows.vocabulary
        return {} if known is None else dict.fromkeys(source.windowed, known)
    found = {}
    for field, calls in text_calls(config).items():
        texts = source.texts[field] if isinstance(source, Columns) else _read_texts(source, field)
        found[field] = encoder_of(calls, texts).vocabulary
    return found


def _read_texts(samples: Samples, field: str) -> list[str]:
    """The texts of all samples: one has to look at all of them once."""
    place, texts = samples.fields.index(field), []
    known = getattr(getattr(samples.dataset, "table", None), "texts", {})
    if field in known:
        return list(known[field])
    for index in range(len(samples)):
        text = samples.dataset[index][place]
        if not isinstance(text, str):
            raise Failure("NNC0814", samples.name(index), f"`{field}` is a text, and here it is {type(text).__name__}")
        texts.append(text)
    return texts


def encode_texts(source: Columns | Samples, config: DataConfig, vocabularies: Vocabularies) -> Columns | Samples:
    """The dataset with numbers for its texts, and without the samples that have none. Raises `Failure` for one of these,
    unless `on_error` says skip."""
    encoders = encoders_of(config, vocabularies)
    if isinstance(source, Samples):
        return replace(source, encoders=encoders)
    if source.windows is not None:
        return source
    sequences, faults = dict(source.sequences), _empty(source)
    for field, encoder in encoders.items():
        sequences[field], wrong = encoder.encode(source.texts[field])
        faults |= {i: f"`{field}`: {reason}" for i, reason in wrong.items()}
    if "lines" in VOCABULARY["dataset"][config.train.name].traits and len(config.fields) == 2:
        first, second = config.fields
        whole = sequences[first]
        faults |= dict.fromkeys(
            (whole.lengths == 1).nonzero()[:, 0].tolist(), "one token is too short to foretell the next"
        )
        sequences[first], sequences[second] = whole.shifted()
    encoded = replace(source, sequences=sequences, texts={})
    return _without(encoded, faults, config) if faults else encoded


def _empty(source: Columns) -> dict[int, str]:
    """The samples whose lists have no element."""
    return {
        i: f"`{field}` is empty"
        for field, ragged in source.sequences.items()
        for i in (ragged.lengths == 0).nonzero()[:, 0].tolist()
    }


def _without(source: Columns, faults: Mapping[int, str], config: DataConfig) -> Columns:
    broken = tuple(Broken(source.name(i), faults[i]) for i in sorted(faults))
    if config.on_error == "fail":
        refuse_broken(broken, "NNC0823")
    keep = torch.ones(len(source), dtype=torch.bool)
    keep[sorted(faults)] = False
    rows = keep.nonzero()[:, 0]
    if not len(rows):
        raise Failure("NNC0823", broken[0].name, f"no sample is left: {broken[0].message}")
    return replace(
        source,
        fields={f: c[rows] for f, c in source.fields.items()},
        sequences={f: s[rows] for f, s in source.sequences.items()},
        places=[source.name(i) for i in rows.tolist()],
        dropped=(*source.dropped, *broken),
    )
