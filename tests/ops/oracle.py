"""What torch itself does with an op's arguments: the measure of every rule.

Ops run on real CPU tensors, because meta kernels accept dtypes that no device can compute. Integer tensors hold zeros,
so that as indices they are always inside.
"""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
import torchvision.ops
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = [
    "Outcome", "as_torch", "call_function", "construct", "forward", "function", "in_a_row", "inferred", "run", "tensor",
]  # fmt: skip

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """`results` in torch's order, with their `names` where torch names them, or the `error` that torch raised."""

    results: tuple[tuple[tuple[int, ...], str], ...] = ()
    state: tuple[tuple[str, tuple[int, ...], str], ...] = ()
    error: str = ""
    names: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        return bool(self.error)


def run(op: OpDef, arguments: Arguments) -> Outcome:
    """Builds and calls the op without gradients: in eval mode, but dropout in training, where it does something."""
    training = op.family == "dropout" or op.name == "StochasticDepth"
    if fatal(op, arguments):
        return Outcome(error="ValueError: torch would divide by this size, which is not positive")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            if op.form == "function":
                results = call_function(op, arguments)
                return Outcome(_types(results), names=_names(results))
            module = construct(op, arguments).train(training)
            state = tuple((k, tuple(v.shape), _name(v)) for k, v in module.state_dict().items())
            return Outcome(_types(forward(module, op, arguments)), state)
        except Exception as error:  # whatever torch raises is its way to refuse
            return Outcome(error=f"{type(error).__name__}: {error}".split("\n")[0])


def fatal(op: OpDef, arguments: Arguments) -> bool:
    """Whether torchvision's kernel would end the process: it divides by the size of a region's grid."""
    if "roi" not in op.name.lower():
        return False
    size = arguments.get("output_size")
    grid = size if isinstance(size, tuple) else (size,)
    return len(grid) > 2 or not all(type(s) is int and s > 0 for s in grid)


# -- modules -----------------------------------------------------------------------------------------------------------


def construct(op: OpDef, arguments: Arguments) -> nn.Module:
    """torch's module with the constructor arguments among `arguments`, and the inferred ones from the input."""
    names = {a.name for a in op.arguments}
    settings = {k: as_torch(v) for k, v in inferred(op, arguments).items()}
    settings |= {k: as_torch(v) for k, v in arguments.items() if k in names}
    if op.family == "loss":  # weights are written as numbers, torch wants tensors
        settings |= {
            k: torch.tensor(settings[k], dtype=torch.float32)
            for k in ("weight", "pos_weight")
            if settings.get(k) is not None
        }
    for word in ("norm_layer", "activation_layer", "activation", "scale_activation"):
        if op.family == "vision" and isinstance(settings.get(word), str):
            settings[word] = getattr(nn, settings[word])
    if op.name in ("TransformerEncoder", "TransformerDecoder"):
        return stack(op.name, **settings)
    if op.name == "LinearCrossEntropyLoss":
        fields = {f.name for f in dataclasses.fields(nn.LinearCrossEntropyOptions)}
        options = {k: settings.pop(k) for k in fields if settings.get(k) is not None}
        settings = {k: v for k, v in settings.items() if k not in fields}
        settings["options"] = nn.LinearCrossEntropyOptions(**options) if options else None
    module: Callable[..., nn.Module] = getattr(nn, op.name, None) or getattr(torchvision.ops, op.name)
    return module(**settings)


def stack(name: str, num_layers: int, norm: bool = False, **settings: Any) -> nn.Module:
    """A stack of transformer layers, made by hand: torch's takes a layer and a norm."""
    own = {k: settings.pop(k) for k in ("enable_nested_tensor", "mask_check") if k in settings}
    layer = getattr(nn, f"{name}Layer")(**settings)
    eps, bias = settings.get("layer_norm_eps", 1e-5), settings.get("bias", True)
    last = nn.LayerNorm(settings["d_model"], eps, bias=bias) if norm else None
    made: nn.Module = getattr(nn, name)(layer, num_layers, norm=last, **own)
    return made


def forward(module: nn.Module, op: OpDef, arguments: Arguments) -> Any:
    """Calls a module with tensors and call-time keywords; recurrent states are passed as torch wants them, as `hx`."""
    names = [a.name for a in (*op.inputs, *op.calls)]
    given = {k: as_torch(arguments[k]) for k in names if arguments.get(k) is not None}
    if "h_0" in given:
        state = given.pop("h_0")
        given["hx"] = (state, given.pop("c_0")) if "c_0" in given else state
    if op.name == "FeaturePyramidNetwork":
        return [*module(dict(enumerate(given["x"]))).values()]
    if "lengths" in given:
        return packed(module, **given)
    if op.name == "CTCLoss":
        in_a_row(given["targets"], given["target_lengths"])
    by_position = [given.pop(a.name) for a in op.inputs if a.required and a.name in given]  # named otherwise in some
    return module(*by_position, **given)


def in_a_row(targets: torch.Tensor, target_lengths: torch.Tensor) -> None:
    """Targets behind one another are as many as their lengths add up to: all are the first one's."""
    if targets.dim() == 1 and target_lengths.numel() and not target_lengths.is_floating_point():
        target_lengths.view(-1)[0] = len(targets)


def packed(module: Any, input: Any, lengths: Any, enforce_sorted: bool = False, hx: Any = None) -> Any:
    """A recurrent layer over sequences of their own lengths, packed by hand; a length is 1 where the sample says 0."""
    first = module.batch_first
    sequences = pack_padded_sequence(input, lengths.clamp(min=1), batch_first=first, enforce_sorted=enforce_sorted)
    output, state = module(sequences, hx)
    padded, _ = pad_packed_sequence(output, batch_first=first, total_length=input.size(1 if first else 0))
    return padded, state


def inferred(op: OpDef, arguments: Arguments) -> dict[str, int]:
    """The constructor arguments that a specification leaves out, read from the input's shape."""
    first: TensorType = arguments[op.inputs[0].name]
    space = re.search(r"(\d)d$", op.name)
    places: dict[str, int] = {
        "in_features": -1,
        "input_size": -1,
        "embed_dim": -1,
        "d_model": -1,
        "normalized_shape": -1,
    }
    places["num_channels"] = 1
    places["in_channels"] = -1 - int(space[1]) if space else -1 if op.name == "MLP" else 1
    places["input_channels"] = -3
    places["num_features"] = places["in_channels"] if op.name.startswith("Instance") else 1
    found: dict[str, int] = {}
    if op.inferred == ("in_channels_list",):
        return {"in_channels_list": [one.shape[1] for one in arguments["x"] if one.rank > 1]}
    for name in op.inferred:
        source: TensorType = {
            "kdim": arguments.get("key"), "vdim": arguments.get("value"), "in2_features": arguments.get("input2"),
        }.get(name) or first  # fmt: skip
        place = places.get(name, -1)
        if -source.rank <= place < source.rank:
            size = source.shape[place]
            assert isinstance(size, int)
            found[name] = size
        else:
            found[name] = 1
    return found


# -- functions ---------------------------------------------------------------------------------------------------------

SPECIAL: dict[str, Callable[..., Any]] = {
    "getitem": lambda input, index: input[index],
    "inverse": lambda input: torch.linalg.inv_ex(input)[0],  # whether there is one depends on the numbers
    "softmax": lambda input, dim=None, dtype=None: F.softmax(input, dim, dtype=dtype),
    "log_softmax": lambda input, dim=None, dtype=None: F.log_softmax(input, dim, dtype=dtype),
    "softmin": lambda input, dim=None, dtype=None: F.softmin(input, dim, dtype=dtype),
    "normalize": lambda input, p=2.0, dim=1, eps=1e-12: F.normalize(input, p, dim, eps),
    "norm": torch.Tensor.norm,  # torch.norm has an `out` in between
    "view": lambda input, *size: torch.Tensor.reshape(input, *size),
    "reshape": lambda input, *size: torch.Tensor.reshape(input, *size),
    "permute": lambda input, *dims: torch.Tensor.permute(input, *dims),
    "flip": lambda input, *dims: torch.Tensor.flip(input, *dims),
    "tile": lambda input, *dims: torch.Tensor.tile(input, *dims),
    "arange": lambda start, end=None, step=1, dtype=None: (
        torch.arange(start, dtype=dtype) if end is None else torch.arange(start, end, step, dtype=dtype)
    ),
    "eye": lambda n, m=None, dtype=None: torch.eye(n, n if m is None else m, dtype=dtype),
    "add": lambda input, other, alpha=1: torch.add(*_lifted(input, other), alpha=alpha),
    "sub": lambda input, other, alpha=1: (
        input - other if alpha == 1 else torch.sub(*_lifted(input, other), alpha=alpha)
    ),
    "mul": lambda input, other: input * other,
    "div": lambda input, other, rounding_mode=None: torch.div(*_lifted(input, other), rounding_mode=rounding_mode),
    "floor_divide": lambda input, other: input // other,
    "remainder": lambda input, other: input % other,
    "pow": lambda input, exponent: input**exponent,
    "eq": lambda input, other: input == other,
    "ne": lambda input, other: input != other,
    "lt": lambda input, other: input < other,
    "le": lambda input, other: input <= other,
    "gt": lambda input, other: input > other,
    "ge": lambda input, other: input >= other,
    "bitwise_and": lambda input, other: input & other,
    "bitwise_or": lambda input, other: input | other,
    "bitwise_xor": lambda input, other: input ^ other,
}  # fmt: skip


def _lifted(input: Any, other: Any) -> tuple[Any, Any]:
    """`2 / x` by name: torch's function wants a tensor first, and the number counts as a Python number."""
    if isinstance(input, torch.Tensor):
        return input, other
    return torch._C._VariableFunctions.scalar_tensor(input, dtype=torch.result_type(other, input)), other


def function(name: str) -> Callable[..., Any]:
    """torch's own: of torch.nn.functional, else of torch, else a tensor's method, else torchvision's."""
    if name in SPECIAL:
        return SPECIAL[name]
    space, _, word = name.rpartition(".")
    if space:
        of_space: Callable[..., Any] = getattr(getattr(torch, space), word)
        return of_space
    for home in (F, torch, torch.Tensor, torchvision.ops):
        found: Callable[..., Any] | None = getattr(home, name, None)
        if found is not None and not isinstance(found, torch.dtype):
            return found
    raise AssertionError(f"torch has no {name}")


def call_function(op: OpDef, arguments: Arguments) -> Any:
    """torch's function with these arguments."""
    positional, keywords = _call(op, arguments)
    if op.name == "ctc_loss":
        in_a_row(positional[1], positional[3])
    return function(op.name)(*positional, **keywords)


def _call(op: OpDef, arguments: Arguments) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments as torch takes them."""
    values = {k: as_torch(v, op.family == "arithmetic") for k, v in arguments.items()}
    if op.name.startswith(("linalg.", "cholesky")):
        values = {k: _regular(v) if _typed(arguments[k]) else v for k, v in values.items()}
    optional = {a.name for a in op.arguments if a.default is None}
    values = {k: v for k, v in values.items() if v is not None or k not in optional}  # some of torch's take no None
    positional: list[Any] = []
    if op.variadic:
        before, many = op.variadic
        positional = [values.pop(n) for n in before] + list(values.pop(many) or ((),))
    else:
        for argument in op.arguments:  # torch's methods name their tensor `self`: leading arguments go by position
            if argument.name not in values or argument.keyword_only:
                break
            positional.append(values.pop(argument.name))
    return positional, values


# -- values ------------------------------------------------------------------------------------------------------------


def tensor(type: TensorType, ones: bool = False) -> torch.Tensor:
    dtype = getattr(torch, type.dtype)
    sizes = tuple(s for s in type.shape if isinstance(s, int))
    assert len(sizes) == type.rank, f"{type} has free sizes"
    return torch.full(sizes, int(ones or dtype.is_floating_point or dtype.is_complex), dtype=dtype)


def as_torch(value: Any, ones: bool = False) -> Any:
    """An argument as torch takes it: types become tensors, dtypes torch's; `ones` makes integers 1, to divide by."""
    if isinstance(value, TensorType):
        return tensor(value, ones)
    if isinstance(value, DType):
        return getattr(torch, value)
    if isinstance(value, tuple | list):
        return type(value)(as_torch(v) for v in value)
    return value


def _typed(value: Any) -> bool:
    """Whether it says of what type tensors are, and none is given yet."""
    return isinstance(value, TensorType) or (isinstance(value, tuple | list) and any(map(_typed, value)))


def _regular(value: Any) -> Any:
    """Matrices of ones on the diagonal: they have inverses and factors, which others may not."""
    if isinstance(value, tuple | list):
        return type(value)(_regular(v) for v in value)
    if not isinstance(value, torch.Tensor) or value.ndim < 2:
        return value
    return torch.eye(*value.shape[-2:]).to(value.dtype).expand(value.shape).clone()


def _types(results: Any) -> tuple[tuple[tuple[int, ...], str], ...]:
    if results is None:
        return ()
    if isinstance(results, torch.Tensor):
        return ((tuple(results.shape), _name(results)),)
    return tuple(t for r in results for t in _types(r))


def _names(results: Any) -> tuple[str, ...]:
    """Those of a torch.return_types, which are what `torch.max(x, 0)` gives."""
    return tuple(type(results).__match_args__) if type(results).__module__ == "torch.return_types" else ()


def _name(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
