"""Text files: lines as samples, files as samples in one folder per class."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnc.compiler.training.config import BoundCall
from nnc.runtime.data.npz import memory_limit
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.saving.ordinary import ordinary

__all__ = ["Texts", "files_of", "lines_of", "read_folder", "read_lines", "read_text"]

CHUNK = 1 << 20


@dataclass(frozen=True)
class Texts:
    """`texts`, where each one stands (`names.txt:17`), and the number of its class where they have one."""

    texts: Sequence[str]
    places: Sequence[str]
    labels: Sequence[int] | None = None
    classes: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.texts)


def files_of(call: BoundCall, base: Path) -> list[Path]:
    """The files that `file` names, one or several."""
    written = call.arguments["file"]
    return [base / f for f in ((written,) if isinstance(written, str) else written)]


def read_lines(call: BoundCall, base: Path) -> Texts:
    """The lines of a `TextLines`. Raises `Failure`."""
    texts: list[str] = []
    places: list[str] = []
    for path in files_of(call, base):
        lines = lines_of(read_text(path, call))
        kept = [(n, t) for n, t in enumerate(lines, 1) if t or call.arguments.get("keep_empty")]
        texts += [t for _, t in kept]
        places += [f"{path}:{n}" for n, _ in kept]
    if not texts:
        raise Failure("NNC0814", call.span, f"{call.name} has no lines")
    return Texts(texts, places)


def read_folder(call: BoundCall, base: Path) -> Texts:
    """The samples of a `TextFolder`. Raises `Failure`."""
    root = base / str(call.arguments["root"])
    if not root.is_dir():
        raise Failure("NNC0814", root, "there is no such folder")
    lines = bool(call.arguments.get("lines"))
    groups = {p.stem if lines else p.name: p for p in sorted(root.iterdir()) if (p.is_file() if lines else p.is_dir())}
    texts, places, labels = [], [], []
    for number, path in enumerate(groups.values()):
        files = [path] if lines else sorted(f for f in path.rglob("*") if f.is_file())
        for file in files:
            whole = read_text(file, call)
            found = (
                [(f"{file}:{n}", t) for n, t in enumerate(lines_of(whole), 1) if t] if lines else [(str(file), whole)]
            )
            places += [p for p, _ in found]
            texts += [t for _, t in found]
            labels += [number] * len(found)
    if not texts:
        what = "files, one per class," if lines else "folders, one per class, with text files"
        raise Failure("NNC0814", root, f"there are no {what} in it")
    return Texts(texts, places, labels, tuple(groups))


def lines_of(text: str) -> list[str]:
    """Lines as editors count them: ended by \\n, \\r\\n or \\r, and not by the other marks that `splitlines` knows."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def read_text(path: Path, call: BoundCall | None = None) -> str:
    """A whole text file; .gz is unpacked. Raises `Failure` where it is not there, too large, or in another encoding."""
    encoding = "utf-8" if call is None else str(call.arguments.get("encoding", "utf-8"))
    try:
        content = _content(path)
        return content.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except FileNotFoundError:
        raise Failure("NNC0814", path, "there is no such file") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        fix = ('`encoding="latin-1"` reads any file',) if encoding.lower() in ("utf-8", "utf8") else ()
        raise Failure("NNC0814", path, f"line {line} is not in {encoding}", notes=fix) from None
    except LookupError:
        where = path if call is None else call.spans.get("encoding", call.span)
        raise Failure("NNC0814", where, f"there is no encoding `{encoding}`") from None
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise Failure("NNC0814", path, f"it cannot be read: {reason_of(error)}") from None


def _content(path: Path) -> bytes:
    limit = memory_limit() // 8  # the text in memory, its lines and its numbers
    parts, size = [], 0
    with gzip.open(ordinary(path), "rb") if path.suffix == ".gz" else ordinary(path).open("rb") as stream:
        while chunk := stream.read(CHUNK):
            size += len(chunk)
            if size > limit:
                raise Failure(
                    "NNC0814", path, f"it holds more than {limit / 2**30:.1f} GiB, an eighth of what fits in memory"
                )
            parts.append(chunk)
    return b"".join(parts)
