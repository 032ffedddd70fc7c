"""A saved model: one safetensors file that loads anywhere, without pickle and without the YAML it was written from."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nnc.compiler.backends.torch.build import build, origin, rebuild
from nnc.compiler.backends.torch.unfilled import unfilled
from nnc.compiler.driver import SpecError, compile_mapping
from nnc.runtime.failure import Failure
from nnc.runtime.saving.files import TEMPORARY, flush_folder, writing
from nnc.runtime.saving.header import MAX_HEADER, Header, digest_of, raw_header, read_header, verify_digest
from nnc.runtime.saving.packing import distinct
from nnc.runtime.saving.provenance import versions
from nnc.runtime.saving.tensor_file import ALIGNED, lay_out, map_tensors, write_tensors
from nnc.runtime.saving.usage import Usage, recall, remember
from nnc.runtime.signature import signature_of
from nnc.runtime.training.state import model_tensors, transient_buffers

__all__ = ["load", "load_with_header", "save"]


def save(
    model: nn.Module,
    path: str | Path,
    *,
    classes: tuple[str, ...] = (),
    scores: str = "",
    metrics: Mapping[str, float] | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Writes a compiled network, spec and weights, to one file, which appears whole or not at all.

    Tied tensors are stored once. Classes, scores and preprocessing are by default those of the saved model, or of
    torchvision's weights, that the network has been loaded from. Raises `Failure` where the network was not compiled by
    nnc, or the file cannot be written.
    """
    from nnc import __version__

    path, source, usage = Path(path), origin(model), recall(model)
    if source is None or source.recipe.spec is None:
        raise Failure("NNC0903", path, f"a {type(model).__name__} that nnc did not compile has no spec to save")
    transient = transient_buffers(model)
    tensors, aliases = distinct(model_tensors(model) | transient)
    header = Header(
        path=path,
        version=__version__,
        spec=source.recipe.spec,
        args=source.recipe.args,
        sizes=source.recipe.sizes,
        signature=signature_of(source.graph).as_plain(),
        preprocessing=preprocessing or usage.preprocessing,
        classes=classes or usage.classes,
        scores=scores or usage.scores,
        metrics=metrics or {},
        provenance={"versions": versions()} | dict(provenance or {}),
        aliases=aliases,
        transient=tuple(transient),
    )
    temporary = path.parent / f"{TEMPORARY}{path.name}-{secrets.token_hex(4)}"
    with writing(path):
        try:
            _write(temporary, tensors, header)
            os.replace(temporary, path)
            flush_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    return path


def _write(path: Path, tensors: Mapping[str, torch.Tensor], header: Header) -> None:
    """A new file, on the disk when this returns, with its digest in its header. Equal models are equal files. Raises
    OSError, or `Failure` for what safetensors does not have."""
    try:
        entries = lay_out(tensors)
    except ValueError as error:
        raise Failure("NNC0903", header.path, f"the network cannot be saved: {error}") from None
    blank = _header_bytes(header, entries)
    if len(blank) > MAX_HEADER:
        raise OSError(f"a header of {len(blank):,} bytes would not be read again")
    with path.open("x+b") as stream:
        stream.write(len(blank).to_bytes(8, "little") + blank)
        write_tensors(stream, tensors)
        stream.flush()
        sealed = _header_bytes(replace(header, sha256=digest_of(stream, blank)), entries)
        stream.seek(8)
        stream.write(sealed)
        stream.flush()
        os.fsync(stream.fileno())


def _header_bytes(header: Header, entries: Mapping[str, Any]) -> bytes:
    """Padded so that the tensors begin at a multiple of their alignment."""
    metadata = {"format": "pt", "nnc": json.dumps(header.document())}
    text = json.dumps({"__metadata__": metadata, **entries}, separators=(",", ":")).encode()
    return text + b" " * (-(len(text) + 8) % ALIGNED)


def load(path: str | Path, *, device: torch.device | str = "cpu", verify: bool = True) -> nn.Module:
    """The saved network, in training mode like every new module. Raises `Failure`."""
    return load_with_header(Path(path), device=device, verify=verify)[0]


def load_with_header(
    path: Path, *, device: torch.device | str = "cpu", verify: bool = True
) -> tuple[nn.Module, Header]:
    """The saved network and what the file says of it. No initialization runs: the network is made without memory, and
    given the tensors of the file, mapped from the disk, while other threads compare every byte with the file's digest.
    What is written to a weight stays in the process; the file may be replaced while the network is used, as everything
    here does, but not be written over or cut short. `verify=False` leaves the comparison out. Raises `Failure`."""
    header = read_header(path)
    with ThreadPoolExecutor(1) as beside:
        intact = beside.submit(verify_digest, header) if verify else None
        try:
            return _assemble(header, device), header
        finally:
            if intact is not None:
                intact.result()  # a damaged file is said to be damaged, whatever came of it


def _read_tensors(header: Header, device: torch.device | str) -> dict[str, torch.Tensor]:
    """The tensors under all their names. Raises `Failure`."""
    try:
        with header.path.open("rb") as stream:
            stored = map_tensors(stream, raw_header(stream, header.path.stat().st_size))
        stored = {name: tensor.to(device) for name, tensor in stored.items()}
        return stored | {alias: stored[name] for alias, name in header.aliases.items()}
    except (OSError, ValueError) as error:
        raise Failure("NNC0904", header.path, f"its tensors cannot be read: {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise Failure("NNC0904", header.path, f"its tensors cannot be read: {error} is not what it should be") from None


def _assemble(header: Header, device: torch.device | str) -> nn.Module:
    with unfilled():
        model = rebuild(header.spec, args=header.args, sizes=header.sizes, device="meta") or _compiled(header)
    assign(model, _read_tensors(header, device), header.path)
    remember(model, Usage(header.classes, header.scores, header.preprocessing))
    return model


def _compiled(header: Header) -> nn.Module:
    try:
        compilation = compile_mapping(
            header.spec, name=str(header.path), args=header.args, sizes=header.sizes, trust=True
        )
        return build(compilation.graph, spec=header.spec, args=header.args, sizes=header.sizes, device="meta")
    except SpecError as error:
        raise Failure.of(error.diagnostics) from error


def assign(model: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Makes the tensors the network's own: what is one parameter in the network stays one. Raises `Failure` where they
    differ from the network's in name or shape; their dtype is kept."""
    wanted = model_tensors(model) | transient_buffers(model)
    wrong = [
        *(f"`{n}` is missing" for n in wanted if n not in tensors),
        *(f"`{n}` is not in the network" for n in tensors if n not in wanted),
        *(f"`{n}` is {list(tensors[n].shape)}, in the network {list(t.shape)}" for n, t in wanted.items()
          if n in tensors and tensors[n].shape != t.shape),
    ]  # fmt: skip
    if wrong:
        raise Failure("NNC0904", path, "its tensors are not those of its spec", notes=wrong[:8])
    made: dict[int, nn.Parameter] = {}
    for prefix, module in model.named_modules(remove_duplicate=False):
        place = f"{prefix}." if prefix else ""
        for name, parameter in list(module._parameters.items()):
            if parameter is not None and parameter.is_meta:
                if id(parameter) not in made:
                    made[id(parameter)] = nn.Parameter(tensors[place + name], parameter.requires_grad)
                setattr(module, name, made[id(parameter)])  # and not into _parameters: an RNN keeps a list of its own
        for name, buffer in list(module._buffers.items()):
            if buffer is not None and buffer.is_meta:
                module._buffers[name] = tensors[place + name]
