"""What all pictures share: the look, names out of files, and files that are the same for the same picture."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nnc.compiler.render.visible import visible
from nnc.runtime.extras import require
from nnc.runtime.failure import Failure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PALETTE", "PICTURES", "drawing", "label", "picture_kind", "render"]

PICTURES = ("png", "svg", "pdf")
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C564B", "#555555")  # Okabe and Ito's
STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.labelcolor": "#444444",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "font.size": 9,
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "svg.hashsalt": "nnc",  # equal pictures are equal files
    "text.parse_math": False,  # a name with a $ in it is a name
}


def picture_kind(path: Path, option: str = "a picture") -> str:
    """`png`, `svg` or `pdf`. Raises `Failure` for another end of the file's name."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in PICTURES:
        raise Failure("NNC0903", path, f"{option} is written as .{', .'.join(PICTURES)}")
    return kind


@contextmanager
def drawing() -> Iterator[None]:
    """matplotlib in our style; glyphs that a font lacks are boxes, and not worth a warning. Raises `Failure` where
    matplotlib is missing."""
    matplotlib = require("matplotlib", "plot", "a picture")
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def render(figure: Figure, kind: str) -> bytes:
    """A figure as the bytes of a file, the same ones every time."""
    buffer = io.BytesIO()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    figure.savefig(buffer, format=kind, dpi=150, metadata=undated.get(kind))
    return buffer.getvalue()


def label(text: str, most: int = 40) -> str:
    """A name out of a file, as a picture can bear it: no control characters, not too long."""
    shown = visible(text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"
