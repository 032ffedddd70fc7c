"""The header of a saved model, read without torch and within bounds.

    8 bytes            length of the header
    header, JSON       tensors by name; under `__metadata__` two texts: `format`, for other tools, and `nnc`, ours
    tensors

Our text is a JSON document with the spec and all else that is needed to use the model. Its `sha256` is the digest of the
whole file: that of the length and the header, with 64 zeros in its own place, and of every 64 MiB of what follows, these
digests one behind the other and digested once more. So several processors can take it at once.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from nnc.runtime.failure import Failure
from nnc.runtime.saving.ordinary import ordinary

__all__ = ["BLANK", "FORMAT", "MAX_HEADER", "Header", "digest_of", "raw_header", "read_header", "verify_digest"]

FORMAT = 1
MAX_HEADER = 16 << 20
BLANK = "0" * 64
BLOCK = 64 << 20  # large, for a thread that hashes has to wait for Python's lock between two of them
_LENGTH = 8


@dataclass(frozen=True)
class Header:
    """What a saved model says of itself.

    version         of nnc, when it was saved
    spec            as plain data, with the `args` and `sizes` it was compiled with
    signature       inputs with shape and dtype, and outputs: see `Signature.as_plain`
    preprocessing   which field feeds which input, and the transforms of each: see `Preprocessing`
    classes         names of the classes; empty where they are not known
    scores          what the first output holds: `logits`, `log_probabilities`, `probabilities`, `binary_logits` or ""
    metrics         what was measured when it was saved
    aliases         for every further name of a tied tensor, the name it is stored under
    transient       names of stored buffers that are in no state_dict
    """

    path: Path
    version: str
    spec: Mapping[str, Any]
    args: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    signature: Mapping[str, Any] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    scores: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    transient: tuple[str, ...] = ()
    sha256: str = BLANK

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "format": FORMAT,
            "version": self.version,
            "spec": dict(self.spec),
            "args": dict(self.args),
            "sizes": dict(self.sizes),
            "signature": dict(self.signature),
            "preprocessing": dict(self.preprocessing),
            "classes": list(self.classes),
            "scores": self.scores,
            "metrics": dict(self.metrics),
            "provenance": dict(self.provenance),
            "aliases": dict(self.aliases),
            "transient": list(self.transient),
            "sha256": self.sha256,
        }


_KINDS: dict[str, type] = {
    "version": str,
    "spec": dict,
    "args": dict,
    "sizes": dict,
    "signature": dict,
    "preprocessing": dict,
    "classes": list,
    "scores": str,
    "metrics": dict,
    "provenance": dict,
    "aliases": dict,
    "transient": list,
    "sha256": str,
}


def read_header(path: Path) -> Header:
    """The header of a saved model. Raises `Failure` where the file is not there, no model of ours, or of a newer
    nnc."""
    try:
        with ordinary(path).open("rb") as stream:
            raw = raw_header(stream, path.stat().st_size)
        document = json.loads(raw).get("__metadata__", {})["nnc"]
        plain = json.loads(document)
        version = plain["format"]
    except FileNotFoundError:
        raise Failure("NNC0905", path, "there is no such file") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = "it is a safetensors file without a spec" if isinstance(error, KeyError) else _reason(error)
        raise Failure("NNC0905", path, f"this is no model that nnc saved: {reason}") from None
    if version != FORMAT:
        raise Failure(
            "NNC0905",
            path,
            f"the file has format {version!r}, this version of nnc reads {FORMAT}: is there a newer nnc?",
        )
    values = {name: plain.get(name) for name in _KINDS}
    wrong = next((name for name, kind in _KINDS.items() if not isinstance(values[name], kind)), None)
    if wrong is None and not all(type(size) is int and size > 0 for size in values["sizes"].values()):
        wrong = "sizes"
    if wrong is None and not all(isinstance(stored, str) for stored in values["aliases"].values()):
        wrong = "aliases"
    if wrong is not None:
        raise Failure("NNC0904", path, f"its header is damaged: `{wrong}` is not what it should be")
    return Header(
        path,
        **values | {"classes": tuple(map(str, plain["classes"])), "transient": tuple(map(str, plain["transient"]))},
    )


def raw_header(stream: IO[bytes], size: int) -> bytes:
    """The header's bytes at the head of a file that has `size` of them. Raises ValueError."""
    length = int.from_bytes(stream.read(_LENGTH), "little")
    if size < _LENGTH or length > size - _LENGTH:
        raise ValueError("it is no safetensors file, or cut short")
    if length > MAX_HEADER:
        raise ValueError(f"its header has {length:,} bytes, more than any model's")
    return stream.read(length)


def verify_digest(header: Header) -> None:
    """Compares every byte of the file with the digest in its header. Raises `Failure`."""
    try:
        with header.path.open("rb") as stream:
            raw = raw_header(stream, header.path.stat().st_size)
            before, _, after = raw.rpartition(header.sha256.encode())
            found = digest_of(stream, before + BLANK.encode() + after)
    except (OSError, ValueError) as error:
        raise Failure("NNC0904", header.path, f"cannot be read: {_reason(error)}") from None
    if found != header.sha256:
        raise Failure("NNC0904", header.path, "the file is damaged: its SHA-256 is not the one it carries")


def digest_of(stream: IO[bytes], header: bytes) -> str:
    """The digest of a file whose header is `header`, as 64 hexadecimal digits. Raises OSError or ValueError."""
    # Mapped, a block is hashed in one call, for which the thread needs no lock of Python's.
    content = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))

    def block(at: int) -> bytes:
        return hashlib.sha256(content[at : at + BLOCK]).digest()

    places = range(_LENGTH + len(header), len(content), BLOCK)
    first = hashlib.sha256(len(header).to_bytes(_LENGTH, "little") + header).digest()
    with ThreadPoolExecutor(min(len(places), os.cpu_count() or 1) or 1) as pool:
        return hashlib.sha256(first + b"".join(pool.map(block, places))).hexdigest()


def _reason(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
