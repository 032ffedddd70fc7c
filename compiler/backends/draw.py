"""DOT text becomes a picture: by the `dot` program, or where there is none by the Graphviz inside `pygraphviz`.

Either runs in a process of its own, stopped when it takes too long: what cannot be drawn is an error, never a hang.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from typing import Literal, get_args

from nnc.compiler.backends.dot import FONT

__all__ = ["FORMATS", "DrawingError", "Format", "draw"]

Format = Literal["svg", "png", "pdf"]
FORMATS: tuple[Format, ...] = get_args(Format)
TIMEOUT = 120.0  # seconds; 400 boxes take about 5
DPI = 144  # of a PNG: sharp on screens of twice the usual density

HOW_TO_DRAW = (
    "drawing needs Graphviz: `pip install 'nnc[render]'` brings one along, or install it from "
    "https://graphviz.org/download/ (a .dot or .mmd file needs none)"
)

_PYGRAPHVIZ = """
import sys, pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
sys.stdout.buffer.write(graph.draw(format=sys.argv[1], prog="dot", args=sys.argv[2]))
"""


class DrawingError(Exception):
    """Why a picture could not be drawn, and what to do, in words for a user."""


def draw(dot: str, format: Format, *, timeout: float = TIMEOUT) -> bytes:
    """The picture that DOT text describes. Raises DrawingError where there is no Graphviz, where it fails, and where it
    takes more than `timeout` seconds."""
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
    return _portable(done.stdout) if format == "svg" else done.stdout


def _portable(svg: bytes) -> bytes:
    """Names first the font that the text was measured with: a reader's Helvetica is narrower, and would leave gaps."""
    asked = FONT.partition(",")[0]
    finder = shutil.which("fc-match")
    if finder is None:
        return svg
    try:
        found = subprocess.run(
            [finder, "-f", "%{family[0]}", asked], capture_output=True, timeout=5, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return svg
    family = found.decode(errors="replace").strip()
    if not family or not all(c.isalnum() or c in " -" for c in family) or family == asked:
        return svg
    same_width = ",Verdana" if family in ("DejaVu Sans", "Bitstream Vera Sans") else ""
    return svg.replace(f'font-family="{FONT}"'.encode(), f'font-family="{family}{same_width},{FONT}"'.encode())
