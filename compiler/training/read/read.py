"""Both sections of a spec, with what the rest of the compiler knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnc.compiler.diagnostics import Problems
from nnc.compiler.graph.ir import Graph
from nnc.compiler.schema.spec import Spec
from nnc.compiler.source.tree import Tree
from nnc.compiler.training.config import DataConfig, TrainConfig
from nnc.compiler.training.network import network_of
from nnc.compiler.training.own import read_imports
from nnc.compiler.training.read.data import read_data
from nnc.compiler.training.read.sections import Broken
from nnc.compiler.training.read.train import read_train

__all__ = ["read_sections"]


def read_sections(
    sections: Mapping[str, Tree],
    problems: Problems,
    *,
    graph: Graph | None = None,
    names: Mapping[str, Any] | None = None,
    broken: Broken = frozenset(),
    epochs: int | None = None,
    spec: Spec | None = None,
) -> tuple[DataConfig | None, TrainConfig | None]:
    """`data:` and `train:` of `Spec.sections`; None for one that is not there or has faults, which are reported.

    `spec` is the file, whose blocks a loss may use; `graph` is the network, where it could be made; `names` are the values
    of the spec's arguments; `broken` is what the schema check has refused already (`check_document`).
    """
    data = train = None
    imports = read_imports(sections.get("imports"), problems)
    if "data" in sections:
        data = read_data(sections["data"], problems, names=names, broken=broken, imports=imports)
    if "train" in sections:
        network = network_of(graph, spec) if graph is not None else None
        train = read_train(
            sections["train"], problems, data=data, network=network, names=names, broken=broken, epochs=epochs
        )
    return data, train
