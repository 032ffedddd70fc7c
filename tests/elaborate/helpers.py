"""Small specs in, graphs or codes out."""

from __future__ import annotations

import textwrap
from typing import Any

from nnc.compiler.driver import Compilation, compile_text
from nnc.compiler.graph.ir import Graph

__all__ = ["codes", "compiled", "graph", "names"]


def compiled(text: str, **options: Any) -> Compilation:
    """A body of `layers:` (or a whole spec that begins with `inputs:`) over the input x: [B, 16], compiled."""
    text = textwrap.dedent(text).strip("\n")
    if "inputs:" not in text.partition("layers:")[0]:
        text = f"inputs: {{x: [B, 16]}}\n{text}"
    return compile_text(f"nnc: 1\nname: net\n{text}\n", name="test.yaml", **options)


def graph(text: str, **options: Any) -> Graph:
    return compiled(text, **options).graph


def codes(text: str, **options: Any) -> list[str]:
    return [d.code for d in compiled(text, **options).problems.sorted()]


def names(graph: Graph) -> list[str]:
    """Paths of everything that registers, in state_dict order."""
    return [path for path, node in graph.walk() if node.registers]
