"""What commands print and write: text that any stream takes, colour where it is wanted, files whole or not at all."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any, TextIO

__all__ = ["note_written", "print_json", "tolerate_any_text", "wants_color", "write_file"]


def tolerate_any_text(*streams: TextIO) -> None:
    """Makes the streams write what their encoding lacks as escapes, where they would raise."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def wants_color(stream: TextIO) -> bool:
    """Colour on a terminal alone. NO_COLOR forbids it (https://no-color.org), FORCE_COLOR asks for it anywhere."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def print_json(data: Any) -> None:
    """One JSON document on standard output, two spaces deep, non-ASCII text as it is."""
    import json

    print(json.dumps(data, indent=2, ensure_ascii=False))


def note_written(path: str | Path) -> None:
    """Says on standard error that a file was written, so that standard output stays what was asked for."""
    if str(path) != "-":
        from nnc.compiler.render.visible import visible

        print(f"wrote {visible(str(path))}", file=sys.stderr)


def write_file(path: str | Path, content: str | bytes) -> None:
    """Writes a file so that it is there in whole or not at all. `-` is standard output. Folders on the way are made.

    Raises OSError, or `runtime.failure.Failure`, where that cannot be done."""
    data = content.encode() if isinstance(content, str) else content
    if str(path) == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        return
    target = Path(os.path.realpath(path))  # through a link, not in its place
    if target.exists() and not target.is_file():
        target.write_bytes(data)  # a device such as /dev/null; a folder raises
        return
    from nnc.runtime.saving.files import write_file as write_whole

    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, data)
