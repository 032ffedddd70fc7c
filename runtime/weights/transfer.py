"""Trained weights from elsewhere put into a network: a file of tensors or torchvision's, whole or in part, with an
account of what was taken and what was not.

A .pt file is opened as data (`weights_only=True`), so nothing in it runs. Where it holds more than a state_dict, that is
found under `state_dict`, `model_state_dict`, `model`, `module` or `net`, the first of these that holds tensors by name.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from nnc.compiler.backends.torch.build import origin
from nnc.compiler.weights import GivenWeights
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.saving.header import read_header, verify_digest
from nnc.runtime.saving.usage import remember
from nnc.runtime.training.state import model_tensors

__all__ = ["Transfer", "compared", "hints", "load_weights", "read_tensors", "transfer"]

NESTED = ("state_dict", "model_state_dict", "model", "module", "net")
UNCOUNTED = "num_batches_tracked"  # torch's own loading does without it: older files have none
SHOWN = 8


@dataclass(frozen=True)
class Transfer:
    """What came of loading: names in the network, but `unexpected`, which are the file's. `misfits` says why: the
    file's shape or dtype, and the network's."""

    source: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    misfits: Mapping[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return not (self.missing or self.unexpected or self.misfits)

    @property
    def total(self) -> int:
        """Tensors of the network."""
        return len(self.loaded) + len(self.missing) + len(self.misfits)

    def lines(self) -> Iterator[str]:
        """The account, one layer's tensors together."""
        yield f"transferred {len(self.loaded)} of {self.total} tensors from {self.source}"
        if self.missing:
            yield f"not in the file: {_by_layer(self.missing)}"
        if self.misfits:
            shown = [f"{name} is {why}" for name, why in list(self.misfits.items())[:SHOWN]]
            more = len(self.misfits) - len(shown)
            yield f"of another shape: {'; '.join(shown)}{f' and {more} more' if more else ''}"
        if self.unexpected:
            yield f"not in the network: {_by_layer(self.unexpected)}"

    def __str__(self) -> str:
        return "\n  ".join(self.lines())


def _by_layer(names: Iterable[str]) -> str:
    """`fc (weight, bias), aux.conv (weight)`, and how many layers more."""
    layers: dict[str, list[str]] = {}
    for name in names:
        layer, _, last = name.rpartition(".")
        layers.setdefault(layer, []).append(last)
    shown = [f"{layer} ({', '.join(own)})" if layer else ", ".join(own) for layer, own in layers.items()]
    return ", ".join(shown[:SHOWN]) + (f" and {len(shown) - SHOWN} layers more" if len(shown) > SHOWN else "")


def load_weights(model: nn.Module, weights: GivenWeights) -> Transfer:
    """Carries out a spec's `weights:`. torchvision's are found by the network's name; what is known of their use is kept
    for when the network is saved. Raises `Failure`."""
    if not weights.pretrained:
        return transfer(model, read_tensors(weights.path, weights), weights, str(weights.path))
    from nnc.runtime.weights.pretrained import find_pretrained, pretrained_tensors, usage_of

    source = origin(model)
    owner, member = find_pretrained(weights, source.graph.name if source is not None else "")
    done = transfer(model, pretrained_tensors(model, weights, owner, member), weights, repr(member))
    if source is not None:
        remember(model, usage_of(member, source.graph.inputs[0].name, classes=not done.misfits))
    return done


# -- into the network --------------------------------------------------------------------------------------------------


def transfer(model: nn.Module, tensors: Mapping[str, torch.Tensor], weights: GivenWeights, source: str) -> Transfer:
    """Copies what fits. Raises `Failure` where `strict` wants all and something is left, or where nothing fits."""
    if fault := weights.wrong_rename(tensors):
        raise Failure("NNC0921", weights.span, fault)
    given = {weights.renamed(name): tensor for name, tensor in tensors.items()}
    own = model_tensors(model)
    done = compared(model, given, source)
    notes = [*list(done.lines())[1:], *hints(given, own)]
    if own and not done.loaded:
        raise Failure("NNC0921", weights.span, f"nothing in {source} fits the network", notes=notes)
    if weights.strict and not done.complete:
        notes.append("`strict: false` loads what fits")
        raise Failure("NNC0921", weights.span, f"the weights in {source} are not this network's", notes=notes)
    with torch.no_grad():
        for name in done.loaded:
            own[name].copy_(given[name])
    return done


def compared(model: nn.Module, given: Mapping[str, torch.Tensor], source: str) -> Transfer:
    """What of the network these tensors would fill, by their names."""
    own = model_tensors(model)
    misfits = {n: why for n, t in own.items() if n in given and (why := _misfit(given[n], t))}
    loaded = [n for n in own if n in given and n not in misfits]
    filled = {own[n].data_ptr() for n in loaded}  # a tied tensor is there under another of its names
    missing = [n for n, t in own.items() if n not in given and not n.endswith(UNCOUNTED) and t.data_ptr() not in filled]
    return Transfer(source, tuple(loaded), tuple(missing), tuple(n for n in given if n not in own), misfits)


def _misfit(given: torch.Tensor, own: torch.Tensor) -> str:
    """Why a tensor cannot be copied; "" where it can."""
    if given.shape != own.shape:
        return f"{list(given.shape)}, in the network {list(own.shape)}"
    if given.is_floating_point() != own.is_floating_point() or given.is_complex() != own.is_complex():
        return f"{_plain(given.dtype)}, in the network {_plain(own.dtype)}"
    return ""


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def hints(given: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> Iterator[str]:
    """A prefix that all names of one side have more than the other's."""
    for names, others, form in ((given, own, '{{"{}": ""}}'), (own, given, '{{"": "{}"}}')):
        prefixes = {n.partition(".")[0] + "." for n in names if "." in n}
        for prefix in sorted(prefixes)[:SHOWN]:
            if sum(n.removeprefix(prefix) in others for n in names if n.startswith(prefix)) > len(names) // 2:
                yield f"`rename: {form.format(prefix)}` would make names fit"
                return


# -- out of a file -----------------------------------------------------------------------------------------------------


def read_tensors(path: Path, weights: GivenWeights) -> dict[str, torch.Tensor]:
    """The tensors of a .safetensors file, a saved model of nnc's among them, or of a checkpoint. Raises `Failure`."""
    if not path.is_file():
        raise Failure("NNC0920", weights.span, f"there is no file {path}", notes=("the path is relative to the spec",))
    if path.suffix == ".safetensors":
        return _safetensors(path, weights)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch wonders about files that it then refuses
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged or hostile file makes of torch's reader
        reason = reason_of(error)[:200]
        notes = (reason, "only tensors and plain data are read: save `model.state_dict()`")
        raise Failure("NNC0920", weights.span, f"{path} holds no weights that can be read", notes=notes) from None
    found = _state(content)
    if found is None:
        notes = (
            f"it holds {_described(content)}",
            f"a state_dict is looked for at the top, and under {', '.join(NESTED)}",
        )
        raise Failure("NNC0920", weights.span, f"{path} holds no tensors by name", notes=notes)
    return found


def _state(content: Any) -> dict[str, torch.Tensor] | None:
    """The state_dict in a checkpoint's content."""
    if not isinstance(content, Mapping):
        return None
    tensors = {n: t for n, t in content.items() if isinstance(n, str) and isinstance(t, torch.Tensor) and _dense(t)}
    if tensors:
        return tensors
    return next((s for key in NESTED if key in content and (s := _state_inside(content[key])) is not None), None)


def _state_inside(content: Any) -> dict[str, torch.Tensor] | None:
    if not isinstance(content, Mapping):
        return None
    return {
        n: t for n, t in content.items() if isinstance(n, str) and isinstance(t, torch.Tensor) and _dense(t)
    } or None


def _dense(tensor: torch.Tensor) -> bool:
    """Whether it is an ordinary tensor with all its numbers."""
    return tensor.layout is torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized


def _described(content: Any) -> str:
    if isinstance(content, Mapping):
        return f"the keys {', '.join(str(k)[:40] for k in list(content)[:SHOWN])}" if content else "nothing"
    return f"a {type(content).__name__}"


def _safetensors(path: Path, weights: GivenWeights) -> dict[str, torch.Tensor]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            ours = "nnc" in (file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
    except (SafetensorError, OSError, ValueError, RuntimeError, json.JSONDecodeError) as error:
        raise Failure("NNC0920", weights.span, f"{path} cannot be read: {error}") from None
    if not ours:
        return tensors
    header = read_header(path)
    verify_digest(header)
    tensors |= {alias: tensors[name] for alias, name in header.aliases.items() if name in tensors}
    return {name: tensor for name, tensor in tensors.items() if name not in header.transient}
