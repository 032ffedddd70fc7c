"""`train: {loss: {layers: …}}` → typed graph: a body whose inputs are outputs of the network and fields of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnc.compiler.diagnostics import Problems, Severity, Span
from nnc.compiler.elaborate.blocks import define_lets
from nnc.compiler.elaborate.body import BodyElaborator
from nnc.compiler.elaborate.context import Context, Failed
from nnc.compiler.elaborate.scope import Builder, Environment, Scope
from nnc.compiler.graph.ir import Graph, Stored, Value
from nnc.compiler.ops.registry import Catalogue
from nnc.compiler.schema.spec import Body, Spec
from nnc.compiler.types.tensor import TensorType

__all__ = ["elaborate_loss"]


def elaborate_loss(
    spec: Spec,
    body: Body,
    inputs: Mapping[str, tuple[TensorType, Span]],
    catalogue: Catalogue,
    problems: Problems,
    arguments: Mapping[str, Any],
) -> Graph | None:
    """The loss in a file's words: its blocks, arguments and `let:` are known in it. None where something is at fault.

    Its first output is the loss, one number; all its outputs are numbers, and nothing in it is trained."""
    own = Problems()
    scope, constants = Scope(Builder(parent=None)), Scope(Builder(parent=None))
    context = Context(catalogue, own, Environment(spec.blocks, constants), characters=len(spec.source.text))
    try:
        scope.names.update(arguments)
        define_lets(context, scope, spec.let)
        constants.names.update(scope.names)
        for name, (kind, span) in inputs.items():
            value = Value(name, kind, span)
            scope.define(name, value, span)
            scope.builder.inputs.append(value)
            scope.builder.names.add(name)
        finished = BodyElaborator(context, scope, None).run(body, "net", "loss", body.span)
        graph = finished.graph if finished.sound and _is_loss(context, finished.graph) else None
    except Failed:
        graph = None
    for found in own:
        if found.severity is Severity.ERROR or found.span != body.span:  # an input that a loss has no use for is fine
            problems.add(found)
    return None if own.has_errors else graph


def _is_loss(context: Context, graph: Graph) -> bool:
    good = True
    for name, value in graph.outputs.items():
        if value.type.shape:
            what = f"`{name}`" if name else "a loss"
            note = "reduce it: `mean(…)`, `sum(…)`, or the loss's own reduction"
            context.fail("NNC0820", value.span, f"{what} is one number, not {value.type}", notes=(note,))
            good = False
    for path, node in graph.walk():
        trained = [p for p in node.parameters if p.kind == "parameter"]
        if trained or (isinstance(node.target, Stored) and node.target.kind == "parameter"):
            message = f"`{path}` would have parameters, and nobody trains a loss's"
            context.fail("NNC0820", node.span, message, notes=("put it into the network, as one of its outputs",))
            good = False
    return good
