"""What a saved model says of its inputs: written after training, read before prediction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from nnc.compiler.diagnostics import Problems
from nnc.compiler.source import read_text
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.training.config import BoundCall, CarriedConfig, DataConfig
from nnc.compiler.training.read.transforms import read_transforms
from nnc.compiler.training.vocabulary.dataset_parts import FIELD_KINDS
from nnc.compiler.training.vocabulary.datasets import DATASETS
from nnc.runtime.data import Data
from nnc.runtime.data.ragged import read_plain_padding
from nnc.runtime.data.transforms import VALUES
from nnc.runtime.data.vocabulary import read_vocabularies
from nnc.runtime.failure import Failure, raise_errors
from nnc.runtime.prediction.inputs import Preprocessing
from nnc.runtime.saving.header import Header
from nnc.runtime.signature import Signature

__all__ = ["preprocessing_of", "read_preprocessing"]


def preprocessing_of(
    config: DataConfig, data: Data, feeding: Mapping[str, str], carried: Iterable[CarriedConfig] = ()
) -> Preprocessing:
    """What is done to the data of a spec before they go into its network."""
    used = set(feeding.values())
    columns = config.train.arguments.get("columns") or {}
    table = config.train.name in DATASETS and "table" in DATASETS[config.train.name].traits
    names = {f: columns.get(f, f) for f in used} if table else {}
    return Preprocessing(
        feeding,
        {f: _calls(config, f) for f in config.transforms if f in used},
        data.arrays,
        data.vocabularies,
        config.padding,
        columns={f: (c,) if isinstance(c, str) else tuple(c) for f, c in names.items()},
        images=tuple(f for f in config.train.arguments.get("images") or () if f in used),
        categories={f: tuple(c) for f, c in data.categories.items() if f in used},
        kinds={f: k for f, k in config.kinds.items() if f in used and k == "mask"},
        carried={c.input: (c.output, c.start) for c in carried},
    )


def _calls(config: DataConfig, field: str) -> tuple[BoundCall, ...]:
    """A field's transforms in evaluation. What a list for several fields does to the values of images alone is left out for a
    mask."""
    mask = config.kinds.get(field) == "mask"
    return tuple(
        call
        for stage in config.stages
        if field in stage.fields
        for call in stage.eval
        if not (mask and len(stage.fields) > 1 and call.name in VALUES | {"ToImage"})
    )


def read_preprocessing(header: Header, signature: Signature) -> Preprocessing:
    """The transforms are read again as a spec's are: bound to the vocabulary and checked. Raises `Failure`."""
    plain = header.preprocessing
    problems = Problems()
    transforms: dict[str, tuple[Any, ...]] = {}
    tree = read_text(json.dumps(plain.get("transforms", {})), str(header.path), problems)
    for entry in tree if isinstance(tree, TreeMapping) else ():
        done = read_transforms(entry.value, problems)
        transforms[str(entry.key.value)] = done.eval if done else ()
    raise_errors(problems)
    feeding = _mapping(plain, "feeding", header)
    kinds = {str(f): str(k) for f, k in _mapping(plain, "kinds", header).items() if k in FIELD_KINDS}
    carried = _carried(plain, signature, header)
    return Preprocessing(
        {n: str(feeding.get(n, n)) for n in signature.inputs if n not in carried},
        transforms,
        plain.get("arrays") is True,
        read_vocabularies(plain.get("vocabularies"), header.path) or {},
        read_plain_padding(plain.get("padding"), header.path),
        columns=_lists(plain, "columns", header),
        images=_texts(plain.get("images", []), "images", header),
        categories=_lists(plain, "categories", header),
        kinds=kinds,
        carried=carried,
    )


def _carried(plain: Mapping[str, Any], signature: Signature, header: Header) -> dict[str, tuple[str, float]]:
    """Inputs that a sample begins with by itself."""
    found: dict[str, tuple[str, float]] = {}
    for name, value in _mapping(plain, "carried", header).items():
        match value:
            case [str(output), int() | float() as start] if name in signature.inputs and output in signature.outputs:
                found[name] = (output, float(start))
            case _:
                raise Failure("NNC0904", header.path, "what it says of `carried` is damaged")
    return found


def _mapping(plain: Mapping[str, Any], key: str, header: Header) -> Mapping[str, Any]:
    found = plain.get(key, {})
    if not isinstance(found, Mapping):
        raise Failure("NNC0904", header.path, f"what it says of `{key}` is damaged")
    return found


def _lists(plain: Mapping[str, Any], key: str, header: Header) -> dict[str, tuple[str, ...]]:
    return {str(f): _texts(v, key, header) for f, v in _mapping(plain, key, header).items()}


def _texts(value: Any, key: str, header: Header) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise Failure("NNC0904", header.path, f"what it says of `{key}` is damaged")
    return tuple(value)
