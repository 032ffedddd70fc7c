"""Files and folders that appear whole or not at all: written under another name, flushed to the disk, then renamed."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnc.runtime.failure import Failure

__all__ = [
    "TEMPORARY",
    "flush_file",
    "flush_folder",
    "give_usual_mode",
    "name_folder",
    "new_file",
    "new_folder",
    "remove_leftovers",
    "sha256_of",
    "write_file",
    "writing",
]

TEMPORARY = ".tmp-"  # a name that begins like this is nobody's: what a killed process left behind
CHUNK = 1 << 20


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the system says about a failed write into a `Failure` that names the file."""
    try:
        yield
    except Failure:
        raise
    except OSError as error:
        raise Failure(
            "NNC0903", path, f"cannot be written: {error.strerror or error}", notes=("what was saved before is intact",)
        ) from error
    except Exception as error:
        if type(error).__module__.split(".")[0] != "safetensors":
            raise
        raise Failure(
            "NNC0903", path, f"cannot be written: {error}", notes=("what was saved before is intact",)
        ) from error


def write_file(path: Path, content: bytes) -> None:
    """Puts `content` in the place of the file, in one step. Raises `Failure`."""
    temporary = path.parent / f"{TEMPORARY}{path.name}-{secrets.token_hex(4)}"
    with writing(path):
        try:
            with temporary.open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
            flush_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A name for a file to write; when the block ends it gets the name `path`, in one step, with all of it on the disk."""
    temporary = path.parent / f"{TEMPORARY}{path.name}-{secrets.token_hex(4)}"
    with writing(path):
        try:
            yield temporary
            flush_file(temporary)
            give_usual_mode(temporary)
            os.replace(temporary, path)
            flush_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill; when the block ends it gets its name, in one step, with everything in it on the disk."""
    temporary = path.parent / f"{TEMPORARY}{path.name}-{secrets.token_hex(4)}"
    with writing(path):
        try:
            temporary.mkdir()
            yield temporary
            name_folder(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def name_folder(temporary: Path, path: Path) -> None:
    """Gives a filled folder its name, in one step, when everything in it is on the disk. Raises OSError."""
    for folder in (*(p for p in temporary.iterdir() if p.is_dir()), temporary):
        for file in folder.iterdir():
            if file.is_file():
                flush_file(file)
        flush_folder(folder)
    temporary.rename(path)
    flush_folder(path.parent)


def flush_file(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def flush_folder(path: Path) -> None:
    """Makes the names in a folder durable. Windows has no such call, and needs none."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Removes what killed processes left in a folder that only one process may write to."""
    for path in folder.glob(f"{TEMPORARY}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def give_usual_mode(path: Path) -> None:
    """The mode that a file gets by default: safetensors creates its files for the owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)


def sha256_of(path: Path) -> str:
    """The digest of a file's bytes, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
