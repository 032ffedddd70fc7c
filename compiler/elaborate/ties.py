"""`tie:`: one parameter under two names, as in language models whose decoder is the embedding's transpose."""

from __future__ import annotations

from collections.abc import Sequence

from nnc.compiler.diagnostics import Span
from nnc.compiler.elaborate.context import Context, Failed
from nnc.compiler.graph.ir import Graph, Node
from nnc.compiler.ops.call import ParameterSpec
from nnc.compiler.schema.spec import TieDecl

__all__ = ["resolve_tie"]


def resolve_tie(context: Context, nodes: Sequence[Node], tie: TieDecl) -> bool:
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
