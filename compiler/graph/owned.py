"""Every tensor that a network owns, by its full name, with the type of the layer it belongs to.

layer1.0.conv1.weight              of the Conv2d `layer1.0.conv1`
encoder.self_attn.out_proj.bias    of the Linear `encoder.self_attn.out_proj`, which torch's layer has inside
class_token                        the network's own
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nnc.compiler.graph.ir import Graph, Node, Stored
from nnc.compiler.ops.call import ParameterSpec
from nnc.compiler.ops.registry import OpDef

__all__ = ["INSIDE", "Owned", "owned", "owned_by"]

_ATTENTION = {"out_proj": "Linear"}
_FEED_FORWARD = {"linear1": "Linear", "linear2": "Linear"}
_ENCODER = {"self_attn": "MultiheadAttention", "self_attn.out_proj": "Linear", **_FEED_FORWARD}
_ENCODER |= {"norm1": "LayerNorm", "norm2": "LayerNorm"}
_DECODER = {**_ENCODER, "multihead_attn": "MultiheadAttention", "multihead_attn.out_proj": "Linear"}
_DECODER |= {"norm3": "LayerNorm"}

INSIDE: Mapping[str, Mapping[str, str]] = {
    "MultiheadAttention": _ATTENTION,
    "TransformerEncoderLayer": _ENCODER,
    "TransformerDecoderLayer": _DECODER,
}
"""The layers that torch's own layers have inside: path → type. Those of `Transformer` follow from its parts."""

_PARTS = {"encoder.layers": "TransformerEncoderLayer", "decoder.layers": "TransformerDecoderLayer"}


@dataclass(frozen=True, slots=True)
class Owned:
    """A parameter or buffer. `path` is its name in the network, `module` that of the layer (or block) it belongs to and
    `name` its own there; `type` is that layer's type, "" for a tensor that the file declares. `node` is the entry."""

    path: str
    module: str
    name: str
    type: str
    node: Node
    spec: ParameterSpec

    @property
    def is_parameter(self) -> bool:
        return self.spec.kind == "parameter"


def owned(graph: Graph, prefix: str = "") -> Iterator[Owned]:
    """All of them, each module's own before its children's, as `named_parameters` has them. A module that is called
    again is passed once."""
    module = prefix.removesuffix(".")
    for node in graph.nodes:
        if isinstance(node.target, Stored):
            (spec,) = node.parameters
            yield Owned(f"{prefix}{node.name}", module, node.name, "", node, spec)
    for node in graph.nodes:
        if not isinstance(node.target, Stored):
            yield from owned_by(node, f"{prefix}{node.name}")


def owned_by(node: Node, path: str) -> Iterator[Owned]:
    """Those of one entry at `path`; none where it calls a module again."""
    if node.shares is not None:
        return
    if isinstance(node.target, Graph):
        yield from owned(node.target, f"{path}.")
    elif isinstance(node.target, OpDef):
        for spec in sorted(node.parameters, key=lambda p: "." in p.name):
            inner, _, name = spec.name.rpartition(".")
            kind = _inside(node.target.name, inner) if inner else node.target.name
            yield Owned(f"{path}.{spec.name}", f"{path}.{inner}" if inner else path, name, kind, node, spec)


def _inside(layer: str, path: str) -> str:
    """The type of the layer at `path` inside one of torch's."""
    for part, kind in _PARTS.items():
        if layer == "Transformer" and path.startswith(f"{part}."):
            number, _, rest = path.removeprefix(f"{part}.").partition(".")
            return INSIDE[kind].get(rest, "") if number.isdigit() and rest else kind
    if layer == "Transformer":
        return "LayerNorm"  # the last one of encoder and decoder
    return INSIDE.get(layer, {}).get(path, "")
