"""What the sections need to know about the network they feed."""

from __future__ import annotations

from nnc.compiler.graph.ir import Graph, Stored
from nnc.compiler.schema.spec import Spec
from nnc.compiler.training.config import Network

__all__ = ["OUTPUT", "network_of"]

OUTPUT = "output"  # what an unnamed single output is called


def network_of(graph: Graph, spec: Spec | None = None) -> Network:
    """Names of a graph's inputs, outputs and parameters; the latter as in `state_dict`."""
    parameters: list[str] = []
    for path, node in graph.walk():
        if node.shares is not None:
            continue
        if isinstance(node.target, Stored):
            parameters += [path] if node.target.kind == "parameter" else []
        parameters += [f"{path}.{p.name}" for p in node.parameters if p.kind == "parameter"]
    return Network(
        inputs=tuple(v.name for v in graph.inputs),
        outputs=tuple(name or OUTPUT for name in graph.outputs),
        parameters=tuple(parameters),
        train_only=frozenset(name or OUTPUT for name in graph.train_only),
        types={name or OUTPUT: value.type for name, value in graph.outputs.items()},
        input_types={v.name: v.type for v in graph.inputs},
        spec=spec,
    )
