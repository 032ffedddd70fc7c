"""torch.nn.init: the fourteen functions that fill a tensor, with torch's arguments and what torch refuses.

The tensor stands first in each; `generator` is left out: the order of random draws follows the seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from nnc.compiler.ops.kinds import Number, Positive, Probability, parse_kind
from nnc.compiler.ops.registry import REQUIRED, Argument
from nnc.compiler.types.dtype import DType

__all__ = ["FUNCTIONS", "InitFunction", "Target", "Unfit"]

LARGEST = 3.4e38  # a float32 cannot be larger
Mode = Literal["fan_in", "fan_out"]


class Unfit(Exception):
    """Why a function cannot fill a tensor, or not with these arguments; `argument` is the one at fault."""

    def __init__(self, message: str, argument: str | None = None) -> None:
        super().__init__(message)
        self.message, self.argument = message, argument


@dataclass(frozen=True, slots=True)
class Target:
    """The tensor that is to be filled."""

    shape: Sequence[int]
    dtype: DType

    def real(self, function: str) -> None:
        if self.dtype.is_complex:
            self.refuse(f"{function} fills real numbers, this is {self.dtype}")

    def at_least_2d(self, function: str) -> None:
        """Refuses vectors, which have no fan_in and fan_out."""
        self.real(function)
        if len(self.shape) < 2:
            self.refuse(f"{function} needs a tensor of two dimensions or more, this one has {len(self.shape)}")

    def exactly_2d(self, function: str) -> None:
        self.real(function)
        if len(self.shape) != 2:
            self.refuse(f"{function} needs a matrix, this tensor has {len(self.shape)} dimensions")

    def refuse(self, message: str, argument: str | None = None) -> NoReturn:
        raise Unfit(message, argument)


@dataclass(frozen=True, slots=True)
class InitFunction:
    """One function. `check` raises `Unfit` for a tensor or arguments that torch would refuse."""

    name: str
    arguments: tuple[Argument, ...]
    rule: Callable[..., None]
    doc: str

    def check(self, target: Target, arguments: Mapping[str, Any]) -> None:
        for name, value in arguments.items():
            if isinstance(value, float) and not (math.isfinite(value) and abs(value) <= LARGEST):
                raise Unfit(f"`{name}` is {value}, which is no float32", name)
        self.rule(target, **arguments)


def initializer(rule: Callable[..., None]) -> InitFunction:
    """Reads the signature from the code object, as ops do: `inspect` would cost more than all the rest."""
    names = rule.__code__.co_varnames[1 : rule.__code__.co_argcount]
    defaults = rule.__defaults__ or ()
    given = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
    arguments = tuple(Argument(n, parse_kind(rule.__annotations__[n]), given.get(n, REQUIRED)) for n in names)
    return InitFunction(rule.__name__, arguments, rule, rule.__doc__ or "")


@initializer
def constant_(tensor: Target, val: Number) -> None:
    """The same number everywhere."""


@initializer
def dirac_(tensor: Target, groups: Positive = 1) -> None:
    """A convolution that passes its input on, as far as there are channels."""
    tensor.real("dirac_")
    if not 3 <= len(tensor.shape) <= 5:
        tensor.refuse(f"dirac_ is for the weights of convolutions, this tensor has {len(tensor.shape)} dimensions")
    if tensor.shape[0] % groups:
        tensor.refuse(f"{tensor.shape[0]} output channels do not divide into {groups} groups", "groups")


@initializer
def eye_(tensor: Target) -> None:
    """The identity matrix."""
    tensor.exactly_2d("eye_")


@initializer
def kaiming_normal_(
    tensor: Target,
    a: Number = 0,
    mode: Literal["fan_in", "fan_out"] = "fan_in",
    nonlinearity: Literal[
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "selu",
    ] = "leaky_relu",
) -> None:
    """Normal, with the standard deviation gain/√fan (https://arxiv.org/abs/1502.01852)."""
    _kaiming("kaiming_normal_", tensor)


@initializer
def kaiming_uniform_(
    tensor: Target,
    a: Number = 0,
    mode: Literal["fan_in", "fan_out"] = "fan_in",
    nonlinearity: Literal[
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "selu",
    ] = "leaky_relu",
) -> None:
    """Uniform within ±gain·√(3/fan) (https://arxiv.org/abs/1502.01852)."""
    _kaiming("kaiming_uniform_", tensor)


def _kaiming(function: str, tensor: Target) -> None:
    if 0 not in tensor.shape:  # an empty tensor is left as it is
        tensor.at_least_2d(function)


@initializer
def normal_(tensor: Target, mean: Number = 0.0, std: Number = 1.0) -> None:
    """Normal."""
    if std < 0:
        tensor.refuse(f"std is at least 0, this is {std}", "std")


@initializer
def ones_(tensor: Target) -> None:
    """1 everywhere."""


@initializer
def orthogonal_(tensor: Target, gain: Number = 1) -> None:
    """Orthogonal rows or columns (https://arxiv.org/abs/1312.6120)."""
    tensor.at_least_2d("orthogonal_")


@initializer
def sparse_(tensor: Target, sparsity: Probability, std: Number = 0.01) -> None:
    """Normal, and in every column the fraction `sparsity` is 0."""
    tensor.exactly_2d("sparse_")
    if std < 0:
        tensor.refuse(f"std is at least 0, this is {std}", "std")


@initializer
def trunc_normal_(tensor: Target, mean: Number = 0.0, std: Number = 1.0, a: Number = -2.0, b: Number = 2.0) -> None:
    """Normal, within a and b."""
    tensor.real("trunc_normal_")
    if std <= 0:
        tensor.refuse(f"std is above 0, this is {std}", "std")
    if a > b:
        tensor.refuse(f"a is at most b, and {a} is above {b}", "a")


@initializer
def uniform_(tensor: Target, a: Number = 0.0, b: Number = 1.0) -> None:
    """Uniform from a to b."""
    tensor.real("uniform_")
    if a > b:
        tensor.refuse(f"a is at most b, and {a} is above {b}", "a")
    if b - a > LARGEST:
        tensor.refuse(f"the range from {a} to {b} is no float32", "b")


@initializer
def xavier_normal_(tensor: Target, gain: Number = 1.0) -> None:
    """Normal, with the standard deviation gain·√(2/(fan_in + fan_out))."""
    tensor.at_least_2d("xavier_normal_")


@initializer
def xavier_uniform_(tensor: Target, gain: Number = 1.0) -> None:
    """Uniform within ±gain·√(6/(fan_in + fan_out))."""
    tensor.at_least_2d("xavier_uniform_")


@initializer
def zeros_(tensor: Target) -> None:
    """0 everywhere."""


FUNCTIONS: Mapping[str, InitFunction] = {
    f.name: f
    for f in (
        constant_, dirac_, eye_, kaiming_normal_, kaiming_uniform_, normal_, ones_, orthogonal_, sparse_,
        trunc_normal_, uniform_, xavier_normal_, xavier_uniform_, zeros_,
    )
}  # fmt: skip
