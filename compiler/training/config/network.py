"""What the sections need to know about the network they feed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnc.compiler.graph.ir import Graph
    from nnc.compiler.schema.spec import Spec
    from nnc.compiler.types.tensor import TensorType

__all__ = ["Network", "Parameter"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the network under its name in `named_parameters`. `layer` is the type of the layer that it belongs to,
    "" for one that the file declares; `blocks` are the names of the file's blocks around it; `frozen` by `freeze:`."""

    name: str
    layer: str
    ndim: int
    blocks: tuple[str, ...] = ()
    frozen: bool = False
    sparse: bool = False  # whether its gradient is
    is_complex: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    """What the sections need to know about the network they feed: its inputs, outputs and parameters, in order. An unnamed
    single output is called `output`. Those in `train_only` come out in training mode only. `graph` is the network itself."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: tuple[Parameter, ...] | None = None
    train_only: frozenset[str] = frozenset()
    types: Mapping[str, TensorType] = field(default_factory=dict)  # of the outputs
    input_types: Mapping[str, TensorType] = field(default_factory=dict)
    spec: Spec | None = None
    graph: Graph | None = None
