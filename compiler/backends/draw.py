"""DOT text becomes a picture: by the `dot` program where there is one, else by the Graphviz inside the `pygraphviz` package.

Either runs in a process of its own that is stopped when it takes too long: what cannot be drawn is an error, never a hang.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from typing import Literal, get_args

__all__ = ["FORMATS", "DrawingError", "Format", "draw"]

Format = Literal["svg", "png", "pdf"]
FORMATS: tuple[Format, ...] = get_args(Format)
TIMEOUT = 120.0  # seconds; 400 boxes take about 5
DPI = 144  # of a PNG: sharp on screens of twice the usual density

HOW_TO_DRAW = (
    "drawing needs Graphviz: `pip install pygraphviz` brings one along (or `pip install 'nnc[render]'`), or install Graphviz itself "
    "(https://graphviz.org/download/). A .dot or .mmd file needs neither"
)  # fmt: skip

_PYGRAPHVIZ = """
import sys, pygraphviz
sys.stdout.buffer.write(pygraphviz.AGraph(string=sys.stdin.read()).draw(format=sys.argv[1], prog="dot", args=sys.argv[2]))
"""


class DrawingError(Exception):
    """Why a picture could not be drawn, and what to do, in words for a user."""


def draw(dot: str, format: Format, *, timeout: float = TIMEOUT) -> bytes:
    """The picture that DOT text describes. Raises DrawingError where there is no Graphviz, it fails, or takes more than `timeout` s."""
    if format not in FORMATS:
        raise DrawingError(f"a picture is {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, not {format!r}")
    resolution = f"-Gdpi={DPI}" if format == "png" else "-Gdpi=72"
    program = shutil.which("dot")
    if program is not None:
        command = [program, f"-T{format}", resolution]
    elif importlib.util.find_spec("pygraphviz") is not None:
        command = [sys.executable, "-P", "-c", _PYGRAPHVIZ, format, resolution]
    else:
        raise DrawingError(HOW_TO_DRAW)
    try:
        done = subprocess.run(command, input=dot.encode(), capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise DrawingError(
            f"Graphviz did not finish within {timeout:g} s: fold the drawing with --depth 1, or write a .dot file"
        ) from None
    except OSError as error:
        raise DrawingError(f"{command[0]} cannot be run: {error.strerror or error}") from None
    if done.returncode != 0 or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise DrawingError(f"Graphviz failed: {said[-1][:200] if said else f'exit code {done.returncode}'}")
    return done.stdout
