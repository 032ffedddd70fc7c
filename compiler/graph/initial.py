"""How a network's parameters start, and which of them training leaves alone: what `init:` and `freeze:` come to.

Every parameter gets the value of the last rule that fits it, in the order of `named_parameters()`.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from nnc.compiler.diagnostics import Span
from nnc.compiler.expr.tree import Binary, CallExpr, Expr, Literal, Name, Unary, children
from nnc.compiler.graph.owned import Owned

__all__ = [
    "ITSELF", "LAYER_NAMES", "Freeze", "InitRule", "Initializer", "choose", "fan", "fits", "is_literal",
    "layer_values", "skeleton",
]  # fmt: skip

ITSELF = "value"
"""The key of a rule whose globs name parameters, and not layers."""

LAYER_NAMES = (
    "in_features", "out_features", "in_channels", "out_channels", "groups", "num_features", "num_channels", "num_groups",
    "num_embeddings", "embedding_dim", "embed_dim", "num_heads", "input_size", "hidden_size", "num_layers",
)  # fmt: skip
"""What an initializer's arguments see of the layer, beside `fan_in` and `fan_out`: numbers that every layer of torch
which takes them keeps under the same name."""


@dataclass(frozen=True, slots=True)
class Initializer:
    """A function of `torch.nn.init` with its arguments by name: expressions over the layer's names, in which everything
    else is computed. One that does not differ by layer is a literal."""

    function: str
    arguments: Mapping[str, Expr]
    span: Span


@dataclass(frozen=True, slots=True)
class InitRule:
    """`settings`: by parameter name (or a glob over these) of the layers that `types` and `globs` fit; under `ITSELF`,
    of the parameters whose full names `globs` fit."""

    types: tuple[str, ...]
    globs: tuple[str, ...]
    settings: Mapping[str, Initializer]

    def setting(self, tensor: Owned) -> str | None:
        """The key under which the rule speaks of a parameter."""
        if tensor.type in self.types or any(fnmatchcase(tensor.module, g) for g in self.globs):
            for key in reversed(list(self.settings)):
                if key != ITSELF and (key == tensor.name or fnmatchcase(tensor.name, key)):
                    return key
        if ITSELF in self.settings and any(fnmatchcase(tensor.path, g) for g in self.globs):
            return ITSELF
        return None


@dataclass(frozen=True, slots=True)
class Freeze:
    """Globs over the names of parameters and modules: the parameters are not trained. With `statistics`, normalization
    layers without a trainable parameter keep their running statistics too. What `besides` names is left out."""

    globs: tuple[str, ...]
    statistics: bool = True
    besides: tuple[str, ...] = ()

    def covers(self, path: str) -> bool:
        """Whether a parameter or module, or a module around it, is named."""
        return any(fits(path, glob) for glob in self.globs) and not any(fits(path, glob) for glob in self.besides)


def fits(path: str, glob: str) -> bool:
    """Whether a glob names what is at `path`, or a module around it."""
    parts = path.split(".")
    return any(fnmatchcase(".".join(parts[:i]), glob) for i in range(len(parts), 0, -1))


def choose(rules: Sequence[InitRule], tensor: Owned) -> tuple[int, str] | None:
    """The rule that decides how a parameter starts, and its key: the last that fits."""
    if not tensor.is_parameter:
        return None
    for i in range(len(rules) - 1, -1, -1):
        key = rules[i].setting(tensor)
        if key is not None:
            return i, key
    return None


def is_literal(glob: str) -> bool:
    """Whether it can name one thing only."""
    return re.search(r"[*?\[]", glob) is None


def fan(shape: Sequence[int]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight of at least two dimensions, as torch.nn.init counts them."""
    field = 1
    for n in shape[2:]:
        field *= n
    return shape[1] * field, shape[0] * field


def skeleton(expr: Expr, literals: list[Any]) -> Hashable:
    """An initializer's argument without its numbers, which are added to `literals` from left to right."""
    match expr:
        case Literal(value=value):
            literals.append(value)
            return None
        case Name(name=name):
            return name
        case Unary(operator=operator):
            head: Hashable = operator
        case Binary(operator=operator):
            head = operator
        case CallExpr(callee=Name(name=name), arguments=arguments):
            return (name, *(skeleton(a, literals) for a in arguments))
        case _:
            raise AssertionError(f"a {type(expr).__name__} in an initializer's argument")
    return (head, *(skeleton(e, literals) for e in children(expr)))


def layer_values(tensor: Owned, siblings: Iterable[Owned]) -> dict[str, Any]:
    """What an initializer's arguments see of the layer that a parameter belongs to. `siblings` are its parameters."""
    weights = [tensor, *(s for s in siblings if s.name == "weight")]
    matrix = next((w.spec.shape for w in weights if len(w.spec.shape) > 1), None)
    values: dict[str, Any] = {} if matrix is None else dict(zip(("fan_in", "fan_out"), fan(matrix), strict=True))
    if tensor.type == "Linear" and matrix is not None:
        return values | {"in_features": matrix[1], "out_features": matrix[0]}
    target = tensor.node.target
    if getattr(target, "name", None) == tensor.type:  # and not a layer inside one of torch's
        given = {a.name: a.default for a in getattr(target, "arguments", ())} | dict(tensor.node.settings)
        values |= {n: given[n] for n in LAYER_NAMES if isinstance(given.get(n), int)}
    return values
