"""Every tensor that a network owns, by its full name, with the type of the layer it belongs to.

layer1.0.conv1.weight              of the Conv2d `layer1.0.conv1`
encoder.self_attn.out_proj.bias    of the Linear `encoder.self_attn.out_proj`, which torch's layer has inside
class_token                        the network's own
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from nnc.compiler.graph.ir import Graph, Node, Stored
from nnc.compiler.ops.call import ParameterSpec
from nnc.compiler.ops.registry import OpDef

__all__ = ["INSIDE", "Owned", "owned", "owned_by"]

_FEED_FORWARD = {"linear1": "Linear", "linear2": "Linear"}
_ENCODER = {"self_attn.out_proj": "Linear", "self_attn": "MultiheadAttention", **_FEED_FORWARD, "norm?": "LayerNorm"}
_DECODER = {"multihead_attn.out_proj": "Linear", "multihead_attn": "MultiheadAttention", **_ENCODER}


def _stack(path: str, layer: str, inside: Mapping[str, str]) -> dict[str, str]:
    """Layers of a stack, and what each has inside."""
    return {f"{path}.{inner}": kind for inner, kind in inside.items()} | {path: layer}


INSIDE: Mapping[str, Mapping[str, str]] = {
    "AdaptiveLogSoftmaxWithLoss": {"head": "Linear", "tail.*.*": "Linear"},
    "LinearCrossEntropyLoss": {"linear": "Linear"},
    "MultiheadAttention": {"out_proj": "Linear"},
    "Transformer": {
        **_stack("encoder.layers.*", "TransformerEncoderLayer", _ENCODER),
        **_stack("decoder.layers.*", "TransformerDecoderLayer", _DECODER),
        "*coder.norm": "LayerNorm",
    },
    "TransformerDecoder": {**_stack("layers.*", "TransformerDecoderLayer", _DECODER), "norm": "LayerNorm"},
    "TransformerDecoderLayer": _DECODER,
    "TransformerEncoder": {**_stack("layers.*", "TransformerEncoderLayer", _ENCODER), "norm": "LayerNorm"},
    "TransformerEncoderLayer": _ENCODER,
}
"""The layers that torch's own layers have inside: glob over paths → type, of which the first that fits holds."""


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
            kind = spec.layer or (_inside(node.target.name, inner) if inner else node.target.name)
            yield Owned(f"{path}.{spec.name}", f"{path}.{inner}" if inner else path, name, kind, node, spec)


def _inside(layer: str, path: str) -> str:
    """The type of the layer at `path` inside one of torch's."""
    return next((kind for glob, kind in INSIDE.get(layer, {}).items() if fnmatchcase(path, glob)), "")
