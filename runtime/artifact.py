"""A saved model: one safetensors file that loads anywhere, without pickle and without the YAML it was written from."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from nnc.compiler.backends.torch.build import build, origin
from nnc.compiler.driver import SpecError, compile_mapping
from nnc.runtime.failure import Failure
from nnc.runtime.files import TEMPORARY, flush_folder, give_usual_mode, sha256_of, writing
from nnc.runtime.header import BLANK, MAX_HEADER, Header, read_header, verify_digest
from nnc.runtime.packing import distinct
from nnc.runtime.signature import signature_of
from nnc.runtime.state import model_tensors, transient_buffers
from nnc.runtime.usage import Usage, recall, remember

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
        provenance={"torch": torch.__version__} | dict(provenance or {}),
        aliases=aliases,
        transient=tuple(transient),
    )
    temporary = path.parent / f"{TEMPORARY}{path.name}-{secrets.token_hex(4)}"
    with writing(path):
        try:
            save_file(tensors, temporary, {"format": "pt", "nnc": json.dumps(header.document())})
            _seal(temporary)
            give_usual_mode(temporary)
            os.replace(temporary, path)
            flush_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    return path


def _seal(path: Path) -> None:
    """Puts the header's texts in a fixed order, so that equal models are equal files, and the file's digest into its
    place."""
    with path.open("r+b") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > MAX_HEADER:
            raise OSError(f"a header of {length:,} bytes would not be read again")
        header = json.loads(stream.read(length))
        header = {"__metadata__": dict(sorted(header.pop("__metadata__").items()))} | header
        stream.seek(8)
        stream.write(_padded(header, length))
        stream.flush()
        digest = sha256_of(path)
        before, _, after = header["__metadata__"]["nnc"].rpartition(BLANK)
        header["__metadata__"]["nnc"] = before + digest + after
        stream.seek(8)
        stream.write(_padded(header, length))
        stream.flush()
        os.fsync(stream.fileno())


def _padded(header: object, length: int) -> bytes:
    text = json.dumps(header, separators=(",", ":")).encode()
    if len(text) > length:
        raise OSError("the header has grown while it was put in order")
    return text.ljust(length)


def load(path: str | Path, *, device: torch.device | str = "cpu", verify: bool = True) -> nn.Module:
    """The saved network, in training mode like every new module. Raises `Failure`."""
    return load_with_header(Path(path), device=device, verify=verify)[0]


def load_with_header(
    path: Path, *, device: torch.device | str = "cpu", verify: bool = True
) -> tuple[nn.Module, Header]:
    """The saved network and what the file says of it. No initialization runs: the network is made without memory, and
    given the tensors of the file. `verify=False` skips the comparison with the file's digest. Raises `Failure`."""
    header = read_header(path)
    with ThreadPoolExecutor(1) as beside:  # the digest takes as long as all the rest, and needs another core only
        intact = beside.submit(verify_digest, header) if verify else None
        try:
            return _assemble(header, device), header
        finally:
            if intact is not None:
                intact.result()  # a damaged file is said to be damaged, whatever came of it


def _assemble(header: Header, device: torch.device | str) -> nn.Module:
    path = header.path
    try:
        compilation = compile_mapping(header.spec, name=str(path), args=header.args, sizes=header.sizes)
        model = build(compilation.graph, spec=header.spec, args=header.args, sizes=header.sizes, device="meta")
    except SpecError as error:
        raise Failure.of(error.diagnostics) from error
    try:
        stored = load_file(path, device=str(device))
    except (SafetensorError, OSError, ValueError) as error:
        raise Failure("NNC0904", path, f"its tensors cannot be read: {error}") from None
    try:
        # In memory of their own: kernels sum tensors that are mapped from a file, at any address, in another order.
        stored = {name: tensor.clone() if tensor.device.type == "cpu" else tensor for name, tensor in stored.items()}
        tensors = stored | {alias: stored[name] for alias, name in header.aliases.items()}
    except KeyError as error:
        raise Failure("NNC0904", path, f"the tensor {error} is missing") from None
    assign(model, tensors, path)
    remember(model, Usage(header.classes, header.scores, header.preprocessing))
    return model


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
