"""Drawings by the suffix of their file: .svg, .png and .pdf are drawn, .dot and .mmd are text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnc.cli.exits import Misuse

if TYPE_CHECKING:
    from nnc.compiler.backends.dot import Direction
    from nnc.compiler.graph.ir import Graph

__all__ = ["PICTURES", "picture"]

PICTURES = ("svg", "png", "pdf", "dot", "mmd")


def picture(
    graph: Graph,
    kind: str,
    *,
    expand: bool = False,
    depth: int | None = None,
    once: bool = False,
    sideways: bool = False,
) -> str | bytes:
    """The drawing of a graph as one of PICTURES. Raises Misuse, saying what to install, where it cannot be drawn."""
    from nnc.compiler.backends.sketch import sketch

    drawing = sketch(graph, expand=expand, depth=depth, once=once)
    direction: Direction = "LR" if sideways else "TB"
    if kind == "mmd":
        from nnc.compiler.backends.mermaid import to_mermaid

        return to_mermaid(drawing, direction=direction)
    from nnc.compiler.backends.dot import to_dot

    dot = to_dot(drawing, direction=direction)
    if kind == "dot":
        return dot
    from nnc.compiler.backends.draw import DrawingError, draw

    match kind:
        case "svg" | "png" | "pdf":
            try:
                return draw(dot, kind)
            except DrawingError as error:
                raise Misuse(str(error)) from None
    raise ValueError(f"not a picture: {kind}")
