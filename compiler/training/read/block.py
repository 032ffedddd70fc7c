"""A loss written as a block of layers: `loss: {layers: …}`, with `outputs:` and `reduction:`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnc.compiler.diagnostics import Severity
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.training.config import DataConfig, Network
from nnc.compiler.training.loss_block import LossBlock
from nnc.compiler.training.read.sections import Section, read_value
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.compiler.training.vocabulary.dataset_parts import parts_of
from nnc.compiler.types.dim import size
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["read_loss_block"]

KEYS = ("layers", "outputs", "reduction")


def read_loss_block(
    section: Section,
    tree: TreeMapping,
    data: DataConfig | None,
    network: Network | None,
    names: Mapping[str, Any],
    prefix: str = "",
) -> LossBlock | None:
    """The block, elaborated where all types are known; None after reporting its faults, or where the network or the data
    have faults of their own."""
    from nnc.compiler.elaborate.order import free_names
    from nnc.compiler.ops.catalogue import CATALOGUE
    from nnc.compiler.schema.entries import EntryReader

    part = Section("loss", tree, KEYS, section.problems, names)
    written = tree.get("reduction")
    fits = "Literal['mean', 'sum']"
    reduction: Any = "mean" if written is None else read_value("reduction", written, fits, section.problems, names)
    layers = tree.entry("layers")
    section.ok = section.ok and part.ok and reduction is not None
    if not section.ok or layers is None or network is None or network.spec is None or data is None:
        return None
    before = len(section.problems)
    blocks = frozenset(network.spec.blocks)
    reader = EntryReader(section.problems, section.broken, blocks, frozenset())
    body = reader.body(layers, tree.get("outputs"), None)
    if body is None or any(p.severity is Severity.ERROR for p in section.problems.found[before:]):
        section.ok = False
        return None
    outputs = [n for n in network.outputs if n not in network.train_only]
    fields = [f for f in data.delivered if f not in outputs]
    types = {n: network.types[n] for n in outputs} | _field_types(data, network, fields)
    known = {k: v for k, v in names.items() if k not in ("epochs", "batch_size") and not isinstance(v, TensorType)}
    mentioned = set(free_names(body, CATALOGUE))
    uses = tuple(n for n in (*outputs, *fields) if n in mentioned)
    block = LossBlock(
        network.spec,
        body,
        layers.key.content,
        (*outputs, *fields),
        types,
        known,
        tree.span.text,
        reduction,
        uses,
        prefix,
    )
    if block.known and block.graph(section.problems) is None:
        section.ok = False
        return None
    return block


def _field_types(data: DataConfig, network: Network, fields: list[str]) -> dict[str, TensorType]:
    """Fields that feed an input have its type; a class number is the last one of most of torchvision's datasets."""
    inputs = list(network.input_types)
    by_name = all(n in data.delivered for n in inputs)
    feeding = dict(zip(inputs if by_name else data.fields, inputs, strict=False))
    types = {f: network.input_types[feeding[f]] for f in fields if f in feeding}
    found = VOCABULARY["dataset"].get(data.train.name)
    last, held = data.fields[-1], None if found is None else parts_of(found, data.train.arguments)
    if held and list(held.values())[-1] == "label" and last in fields and last not in types:
        first = next(iter(network.input_types.values()), None)
        batch = first.shape[0] if first is not None and first.shape else size("B")
        types[last] = TensorType((batch,), DType.int64)
    return types
