"""PyTorch's own samples of its modules, `torch.testing._internal.common_modules.module_db`, written as specs.

A sample is a module's constructor arguments and the arguments of a call. As a spec it has one layer, one input for every
tensor, and one output for every result.
"""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.testing._internal.common_modules import FunctionInput, ModuleInfo, module_db

from nnc.compiler.ops.catalogue import CATALOGUE

__all__ = ["INFOS", "Inexpressible", "Sample", "errors", "flat", "samples"]

INFOS: Mapping[str, ModuleInfo] = {info.name.removeprefix("nn."): info for info in module_db}

# Arguments that are the caller's or private; those that a spec has no word for are in `test_module_samples.py`.
LEFT_OUT = {"device", "dtype", "_random_samples"}
# What torch's `hx` holds, in order, where a spec names its parts.
STATES = {"RNN": ("h_0",), "GRU": ("h_0",), "LSTM": ("h_0", "c_0"), "LSTMCell": ("h_0", "c_0")}


class Inexpressible(Exception):
    """No spec says this."""


@dataclass(frozen=True)
class Sample:
    """`make` builds torch's module and `call` calls one; `spec` and `tensors`, by the names of its inputs, are the same."""

    text: str
    make: Callable[[], nn.Module]
    call: Callable[[nn.Module], list[Tensor]]
    spec: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    def with_outputs(self, count: int) -> Mapping[str, Any]:
        """The spec, with an output for each of `count` results."""
        if count < 2:
            return self.spec
        names = CATALOGUE[self.spec["layers"]["layer"]["type"]].results[:count]
        return {**self.spec, "outputs": {n: f"layer.{n}" for n in names}}


def samples(name: str, training: bool = False) -> Iterator[Sample | Inexpressible]:
    """Those on the CPU with float32."""
    info = INFOS[name]
    torch.manual_seed(0)
    drawn = info.module_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=False, training=training)
    for one in drawn:
        yield _sample(info, one.constructor_input, one.forward_input)


def errors(name: str) -> Iterator[Sample | Inexpressible]:
    """What torch's own tests expect to be refused."""
    info = INFOS[name]
    if info.module_error_inputs_func is None:
        return
    torch.manual_seed(0)
    drawn = info.module_error_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=False, training=False)
    usual = next(
        iter(info.module_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=False, training=False))
    )
    for one in drawn:
        given = one.module_error_input
        no_call = given.forward_input is None or not (given.forward_input.args or given.forward_input.kwargs)
        called = given.forward_input
        if no_call:  # what cannot be built is not called; a spec's layer is
            called = (
                _input_for(one.module_error_input.constructor_input) if name == "GroupNorm" else usual.forward_input
            )
        yield _sample(info, given.constructor_input, called)


def _input_for(norm: FunctionInput) -> FunctionInput:
    """Of as many channels as the constructor of a group normalization says."""
    return FunctionInput(torch.ones(2, norm.args[1], 3))


def _sample(info: ModuleInfo, constructor: FunctionInput, forward: FunctionInput) -> Sample | Inexpressible:
    made = {k: v for k, v in _bound(info.module_cls.__init__, constructor).items() if k not in LEFT_OUT}
    called = _bound(info.module_cls.forward, forward)
    text = f"{info.name}({_short(made)})({_short(called)})"

    def make() -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = info.module_cls(**made)
        if isinstance(module, LazyModuleMixin):
            module.eval()(**called)  # makes its parameters
        return module

    try:
        spec, tensors = _spec(info.name.removeprefix("nn."), made, called)
    except Inexpressible as reason:
        return Inexpressible(f"{text}: {reason}")
    return Sample(text, make, lambda module: flat(module(**called)), spec, tensors)


def _bound(function: Callable[..., Any], given: FunctionInput) -> dict[str, Any]:
    """Arguments by name, those in `*args` and `**kwargs` too: recurrent layers have no other signature."""
    signature = inspect.signature(function)
    if any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values()):
        names = ("input_size", "hidden_size", "num_layers")
        return dict(zip(names, given.args, strict=False)) | given.kwargs
    bound = signature.bind(None, *given.args, **given.kwargs).arguments
    bound.pop("self")
    return bound | bound.pop("kwargs", {})


def _spec(name: str, made: Mapping[str, Any], called: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    tensors: dict[str, Tensor] = {}
    inputs: dict[str, Any] = {}

    def source(tensor: Tensor) -> str:
        """One input for each tensor: attention given one thrice takes another way than given three equal ones."""
        for known, other in tensors.items():
            if other is tensor:
                return known
        new = f"x{len(tensors)}"
        tensors[new] = tensor
        shape = [d or f"N{len(inputs)}" for d in tensor.shape]  # no size is 0; an empty batch is one of a free size
        inputs[new] = {"shape": shape, "dtype": str(tensor.dtype).removeprefix("torch.")}
        return new

    layer: dict[str, Any] = {"type": name, **_settings(made)}
    wired: dict[str, str] = {}
    settings: dict[str, Any] = {}
    for parameter, value in called.items():
        if parameter == "log_input":  # PoissonNLLLoss, whose function says `input`
            parameter = "input"
        if isinstance(value, tuple) and parameter.endswith("lengths"):
            value = torch.tensor(value)
        if parameter == "hx" and name in STATES and value is not None:
            states = value if isinstance(value, tuple) else (value,)
            wired |= {state: source(v) for state, v in zip(STATES[name], states, strict=True)}
        elif isinstance(value, Tensor):
            wired[parameter] = source(value)
        elif value is not None:
            settings[parameter] = _plain(parameter, value)
    layer["from"] = wired
    if settings:
        layer["call"] = settings
    return {"nnc": 1, "inputs": inputs, "layers": {"layer": layer}}, tensors


def _settings(made: Mapping[str, Any]) -> dict[str, Any]:
    """What the constructor is given as plain data: of a layer to be copied, and of options, what they hold."""
    found: dict[str, Any] = {}
    for name, value in made.items():
        if isinstance(value, nn.TransformerEncoderLayer):
            found |= _of_layer(value)
        elif isinstance(value, nn.LinearCrossEntropyOptions):
            assert value.acc_dtype is None
            found |= {k: v for k, v in dataclasses.asdict(value).items() if v is not None}
        elif (name, value) != ("options", None):
            found[name] = _plain(name, value)
    return found


def _of_layer(layer: nn.TransformerEncoderLayer) -> dict[str, Any]:
    """The constructor's arguments, read from what it made."""
    return {
        "d_model": layer.linear1.in_features,
        "nhead": layer.self_attn.num_heads,
        "dim_feedforward": layer.linear1.out_features,
        "dropout": layer.dropout.p,
        "activation": layer.activation.__name__,
        "layer_norm_eps": layer.norm1.eps,
        "batch_first": layer.self_attn.batch_first,
        "norm_first": layer.norm_first,
        "bias": layer.linear1.bias is not None,
    }


def _plain(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [_plain(name, v) for v in value]
    if isinstance(value, Tensor):
        return value.tolist()  # the weights of a loss
    if value in (F.relu, F.gelu):
        return value.__name__  # an activation by its name is the same to torch
    raise Inexpressible(f"{name} is a {type(value).__name__}")


def _short(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{k}={tuple(v.shape) if isinstance(v, Tensor) else v}" for k, v in given.items())


def flat(results: Any) -> list[Tensor]:
    """Tensors in order: of (output, (h_n, c_n)) three, of (output, None) one."""
    if isinstance(results, Tensor):
        return [results]
    return [t for r in (results.values() if isinstance(results, Mapping) else results or ()) for t in flat(r)]
