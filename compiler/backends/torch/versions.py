"""What a network says that the installed torch is too old for: found before it is built, at the line that says it."""

from __future__ import annotations

from collections.abc import Iterator

from nnc.compiler.diagnostics import Diagnostic
from nnc.compiler.graph.ir import Graph, Node
from nnc.compiler.ops.registry import OpDef

__all__ = ["newer_than"]


def newer_than(graph: Graph, version: str) -> list[Diagnostic]:
    """Every layer, function or argument that came later than torch `version` ("2.11.0+cpu"), once for each line."""
    installed = _numbers(version)
    found: dict[tuple[str, int], Diagnostic] = {}
    for node in _nodes(graph, set()):
        for what, since in _since(node):
            if installed < _numbers(since):
                message = f"{what} needs torch {since} or newer, {version} is installed"
                found.setdefault((what, node.span.start), Diagnostic("NNC0313", node.span, message))
    return list(found.values())


def _nodes(graph: Graph, seen: set[int]) -> Iterator[Node]:
    """Those of nested graphs too, each graph once."""
    if id(graph) in seen:
        return
    seen.add(id(graph))
    for node in graph.nodes:
        yield node
        if isinstance(node.target, Graph):
            yield from _nodes(node.target, seen)


def _since(node: Node) -> Iterator[tuple[str, str]]:
    if not isinstance(node.target, OpDef):
        return
    if node.target.since:
        yield node.target.name, node.target.since
    for argument in node.target.arguments:
        if argument.since and (argument.name in node.settings or argument.name in node.operands):
            yield f"`{argument.name}` of {node.target.name}", argument.since


def _numbers(version: str) -> tuple[int, int]:
    """(2, 11) of "2.11.0+cpu"."""
    major, minor = version.split(".")[:2]
    return int(major), int("".join(c for c in minor if c.isdigit()) or 0)
