"""Texts for a network that was trained on texts: the same steps, tokenizer and vocabulary, and what comes with padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from nnc.compiler.training.config import BoundCall, PaddingConfig
from nnc.runtime.data.ragged import pad_fields
from nnc.runtime.data.tokenize import Encoder, encoder_of
from nnc.runtime.data.vocabulary import Vocabulary
from nnc.runtime.failure import Failure

__all__ = ["TextInputs"]


class TextInputs:
    """What turns texts into a network's inputs. `feeding` says which field, or what comes with one (`lengths`, `mask`), goes
    into which input."""

    def __init__(
        self,
        feeding: Mapping[str, str],
        transforms: Mapping[str, Sequence[BoundCall]],
        vocabularies: Mapping[str, Vocabulary],
        padding: PaddingConfig,
    ) -> None:
        used = {f: c for f, c in transforms.items() if f in vocabularies and c}
        self.encoders: dict[str, Encoder] = {f: encoder_of(c, None, vocabularies[f]) for f, c in used.items()}
        fields = tuple(f for f in padding.fields if f in self.encoders) or tuple(self.encoders)
        self.padding = PaddingConfig(fields, padding.values, padding.multiple_of, padding.length)
        self.feeding = dict(feeding)
        self.inputs = {n: f for n, f in feeding.items() if f in self.encoders or f in self.padding.extras}

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are texts, in the order of the network's inputs."""
        return tuple(dict.fromkeys(f for f in self.inputs.values() if f in self.encoders))

    @property
    def complete(self) -> bool:
        """Whether texts are all that the network takes."""
        return bool(self.fields) and len(self.inputs) == len(self.feeding)

    def tensors(self, texts: Mapping[str, Sequence[str]], names: Sequence[str]) -> dict[str, torch.Tensor]:
        """The inputs for texts by field, each (N, …). `names` call the samples in a message. Raises `Failure` for a text
        that has no token."""
        sequences = {}
        for field in self.fields:
            sequences[field], faults = self.encoders[field].encode(texts[field])
            for index, reason in sorted(faults.items()):
                raise Failure("NNC0909", names[index], f"`{field}`: {reason}")
        padding = PaddingConfig(self.fields, self.padding.values, self.padding.multiple_of, self.padding.length)
        batch = pad_fields(sequences, padding)
        return {name: batch[field] for name, field in self.inputs.items()}
