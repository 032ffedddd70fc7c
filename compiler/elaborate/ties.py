"""`tie:`: one parameter under two names, as in language models whose decoder is the embedding's transpose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nnc.compiler.diagnostics import Span
from nnc.compiler.elaborate.context import Context, Failed
from nnc.compiler.graph.ir import Graph, Node
from nnc.compiler.ops.call import ParameterSpec
from nnc.compiler.schema.spec import TieDecl

__all__ = ["resolve_ties"]


def resolve_ties(context: Context, nodes: Sequence[Node], ties: Sequence[TieDecl]) -> tuple[tuple[str, str], ...]:
    """(target, source) in an order in which they can be assigned; faulty ones are reported and left out.

    What is one with a target already, here or inside a block, goes along with it:
    {a: b, b: c}   →   a: c, b: c"""
    together = {path: members for members in _tied(nodes, "") for path in members}
    assigned: dict[str, str] = {}
    for tie in ties:
        if not _fits(context, nodes, tie):
            continue
        moving = together.get(tie.target, {tie.target})
        if tie.source in moving:
            context.fail("NNC0708", tie.target_span, f"`{tie.target}` and `{tie.source}` are one parameter already")
            continue
        source = assigned.get(tie.source, tie.source)
        assigned |= dict.fromkeys(sorted(moving), source)
        members = moving | together.get(tie.source, {tie.source})
        together |= dict.fromkeys(members, members)
    return tuple(assigned.items())


def _tied(nodes: Sequence[Node], prefix: str) -> Iterator[set[str]]:
    """Sets of parameters that blocks inside tied."""
    for node in nodes:
        if node.shares is None and isinstance(node.target, Graph):
            path = f"{prefix}{node.name}."
            yield from _tied(node.target.nodes, path)
            sources: dict[str, set[str]] = {}
            for target, source in node.target.ties:
                sources.setdefault(f"{path}{source}", {f"{path}{source}"}).add(f"{path}{target}")
            yield from sources.values()


def _fits(context: Context, nodes: Sequence[Node], tie: TieDecl) -> bool:
    """Whether both parameters exist and agree in shape; else the fault is reported."""
    try:
        target = _parameter(context, nodes, tie.target, tie.target_span)
        source = _parameter(context, nodes, tie.source, tie.source_span)
    except Failed:
        return False
    if target.shape != source.shape:
        message = f"`{tie.target}` has shape {list(target.shape)}, `{tie.source}` has {list(source.shape)}: they cannot be one"
        context.fail("NNC0708", tie.target_span, message)
        return False
    return True


def _parameter(context: Context, nodes: Sequence[Node], path: str, span: Span) -> ParameterSpec:
    known = {name: spec for name, spec in _parameters(nodes, "") if spec.kind == "parameter"}
    if path in known:
        return known[path]
    raise context.fail(
        "NNC0601", span, f"there is no parameter `{path}`", fix=context.did_you_mean(path, span, list(known)),
        notes=("`nnc summary` shows every layer; a parameter is `layer.weight` or `layer.bias`",),
    )  # fmt: skip


def _parameters(nodes: Sequence[Node], prefix: str) -> list[tuple[str, ParameterSpec]]:
    found: list[tuple[str, ParameterSpec]] = []
    for node in nodes:
        if node.shares is not None:
            continue
        path = prefix + node.name
        found += [(f"{path}.{p.name}" if p.name else path, p) for p in node.parameters]
        if isinstance(node.target, Graph):
            found += _parameters(node.target.nodes, f"{path}.")
    return found
