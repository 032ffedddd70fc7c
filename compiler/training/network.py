"""What the sections need to know about the network they feed."""

from __future__ import annotations

from collections.abc import Iterator

from nnc.compiler.graph.ir import Graph, Stored
from nnc.compiler.graph.owned import owned
from nnc.compiler.schema.spec import Spec
from nnc.compiler.training.config import Network, Parameter

__all__ = ["OUTPUT", "network_of"]

OUTPUT = "output"  # what an unnamed single output is called


def network_of(graph: Graph, spec: Spec | None = None) -> Network:
    """Names of a graph's inputs and outputs, and its parameters as `named_parameters` has them."""
    return Network(
        inputs=tuple(v.name for v in graph.inputs),
        outputs=tuple(name or OUTPUT for name in graph.outputs),
        parameters=_parameters(graph),
        train_only=frozenset(name or OUTPUT for name in graph.train_only),
        types={name or OUTPUT: value.type for name, value in graph.outputs.items()},
        input_types={v.name: v.type for v in graph.inputs},
        spec=spec,
        graph=graph,
    )


def _parameters(graph: Graph) -> tuple[Parameter, ...]:
    """Tied ones once, under their first name."""
    blocks = {p: n.target.name for p, n in graph.walk() if isinstance(n.target, Graph) and n.target.kind == "block"}
    found: dict[str, Parameter] = {}
    for tensor in owned(graph):
        if tensor.is_parameter:
            around = tuple(blocks[p] for p in _around(tensor.path) if p in blocks)
            frozen = graph.freeze is not None and graph.freeze.covers(tensor.path)
            frozen = frozen or (isinstance(tensor.node.target, Stored) and not tensor.node.target.requires_grad)
            ndim = len(tensor.spec.shape)
            sparse = tensor.node.settings.get("sparse") is True
            is_complex = tensor.spec.dtype.is_complex
            found[tensor.path] = Parameter(tensor.path, tensor.type, ndim, around, frozen, sparse, is_complex)
    order = {name: i for i, name in enumerate(found)}
    for pair in _ties(graph):
        if all(name in order for name in pair):
            found.pop(max(pair, key=order.__getitem__), None)
    return tuple(found.values())


def _around(path: str) -> Iterator[str]:
    parts = path.split(".")
    return (".".join(parts[:i]) for i in range(1, len(parts)))


def _ties(graph: Graph) -> Iterator[tuple[str, str]]:
    yield from graph.ties
    for path, node in graph.walk():
        if isinstance(node.target, Graph) and node.shares is None:
            yield from ((f"{path}.{a}", f"{path}.{b}") for a, b in node.target.ties)
