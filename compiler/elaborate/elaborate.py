"""Spec → typed graph: the whole file's body, in a scope that holds its arguments and the sizes of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from nnc.compiler.diagnostics import Fix, Problems, Span
from nnc.compiler.elaborate.blocks import define_lets
from nnc.compiler.elaborate.body import BodyElaborator
from nnc.compiler.elaborate.calls import Given, Incoming
from nnc.compiler.elaborate.context import Context, Failed
from nnc.compiler.elaborate.evaluate import Evaluator
from nnc.compiler.elaborate.scope import BROKEN, Builder, Environment, Scope
from nnc.compiler.elaborate.unreached import check_unreached
from nnc.compiler.expr import tree
from nnc.compiler.expr.statics import describe
from nnc.compiler.graph.ir import Graph, Value
from nnc.compiler.ops.registry import Catalogue
from nnc.compiler.schema.spec import InputDecl, PromiseDecl, Spec
from nnc.compiler.suggest import closest
from nnc.compiler.types.dim import Dim, DimLike, Symbol, size
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.requirements import Promise
from nnc.compiler.types.tensor import TensorType

__all__ = ["Elaborated", "elaborate"]


@dataclass(frozen=True, slots=True)
class Elaborated:
    """The typed graph with what its file promises of its free dimensions, and the argument values it was made with."""

    graph: Graph
    promises: Mapping[Symbol, Promise]
    arguments: Mapping[str, Any]
    sizes: Mapping[str, int]


def elaborate(
    spec: Spec,
    catalogue: Catalogue,
    problems: Problems,
    *,
    args: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    characters: int | None = None,
) -> Elaborated | None:
    """None where something is at fault; all faults are in `problems`. `args` replace the file's defaults, `sizes`
    fix dimensions. `characters` is how much was written, where that is more than the spec's own text."""
    scope, constants = Scope(Builder(parent=None)), Scope(Builder(parent=None))
    context = Context(
        catalogue, problems, Environment(spec.blocks, constants), characters=characters or len(spec.source.text)
    )
    try:
        arguments = _arguments(context, spec, scope, args or {})
        define_lets(context, scope, spec.let)
        constants.names.update(scope.names)
        constants.places.update(scope.places)
        fixed = _sizes(context, spec, sizes or {})
        inputs = [_input(context, scope, declared, fixed) for declared in spec.inputs]
        promises = _promises(context, spec, scope)
    except Failed:
        return None
    symbols = {n: v for n, v in scope.names.items() if n not in constants.names and isinstance(v, int | Dim)}
    for value in inputs:
        scope.define(value.name, value, value.span)
        scope.builder.inputs.append(value)
        scope.builder.names.add(value.name)

    def entering(span: Span) -> Incoming:
        return Incoming((Given(inputs[0], span),))

    body = BodyElaborator(context, scope, entering if len(inputs) == 1 else None)
    try:
        finished = body.run(spec.body, "net", spec.name, spec.span, symbols=symbols, arguments=arguments)
    except Failed:
        return None
    if not finished.sound:
        return None
    graph = _with_parameters(context, spec, scope, finished.graph)
    check_unreached(context)
    if problems.has_errors:
        return None
    context.uses.warn(problems, catalogue, spec)
    return Elaborated(graph, promises, arguments, fixed)


def _with_parameters(context: Context, spec: Spec, scope: Scope, graph: Graph) -> Graph:
    """The graph with what `init:` and `freeze:` say of its parameters."""
    if spec.sections.keys().isdisjoint(("init", "freeze")):
        return graph
    from nnc.compiler.elaborate.initialize import freezing, initial_values

    with suppress(Failed):
        graph = replace(graph, init=initial_values(context, scope, spec.sections.get("init"), graph))
    with suppress(Failed):
        graph = replace(graph, freeze=freezing(context, spec.sections.get("freeze"), graph))
    return graph


def _arguments(context: Context, spec: Spec, scope: Scope, given: Mapping[str, Any]) -> dict[str, Any]:
    failed = False
    names = [a.name for a in spec.args]
    for name in given:
        if name not in names:
            notes = (f"its arguments are {', '.join(names) or 'none'}",)
            at = spec.args[0].span if spec.args else spec.span
            context.fail("NNC0709", at, f"{spec.name} has no argument `{name}`", notes=notes, fix=_meant(name, names))
            failed = True
    for arg in spec.args:
        try:
            if arg.name in given:
                scope.define(arg.name, tupled(given[arg.name]), arg.span)
            elif arg.default is not None:
                scope.define(arg.name, Evaluator(context, scope).static(arg.default, f"`{arg.name}`"), arg.span)
            else:
                note = f"give it on the command line, --set {arg.name}=…, or a default in the file"
                context.fail(
                    "NNC0701", arg.span, f"the argument `{arg.name}` has no default and is not given", notes=(note,)
                )
                failed = True
        except Failed:
            failed = True
        if arg.name not in scope.names:
            scope.define(arg.name, BROKEN, arg.span)
    if failed:
        raise Failed
    return {n: scope.names[n] for n in names}


def _meant(name: str, names: list[str]) -> Fix | None:
    """What a name given from outside may have meant: there is nothing in the file to replace."""
    best = closest(name, names)
    return Fix(f"did you mean `{best}`?") if best else None


def tupled(value: Any) -> Any:
    """Plain data as the evaluator holds it: lists become tuples."""
    if isinstance(value, list | tuple):
        return tuple(tupled(v) for v in value)
    if isinstance(value, dict):
        return {k: tupled(v) for k, v in value.items()}
    return value


def _sizes(context: Context, spec: Spec, given: Mapping[str, int]) -> dict[str, int]:
    """Dimensions with a known size: from `--size`, else from `dims: {H: 224}`."""
    names = _dimension_names(spec)
    for name in given:
        if name not in names:
            notes = (f"its dimensions are {', '.join(names) or 'none'}",)
            at = spec.inputs[0].shape_span if spec.inputs else spec.span
            raise context.fail(
                "NNC0709", at, f"{spec.name} has no dimension `{name}`", notes=notes, fix=_meant(name, names)
            )
        if given[name] < 1:
            raise context.fail("NNC0709", spec.span, f"the dimension `{name}` must be at least 1, not {given[name]}")
    return {p.name: p.value for p in spec.dims if p.value is not None} | dict(given)


def _dimension_names(spec: Spec) -> list[str]:
    own = {a.name for a in (*spec.args, *spec.let)}
    items = (e for i in spec.inputs for e in i.shape or ())
    return list(dict.fromkeys(e.name for e in items if isinstance(e, tree.Name) and e.name not in own))


def _input(context: Context, scope: Scope, declared: InputDecl, fixed: Mapping[str, int]) -> Value:
    if declared.shape is None:
        raise context.fail("NNC0702", declared.span, f"the input `{declared.name}` needs a shape, such as [B, 3, H, W]")
    shape = tuple(_dimension(context, scope, expr, fixed) for expr in declared.shape)
    dtype = DType(declared.dtype) if declared.dtype is not None else DType.float32
    return Value(declared.name, TensorType(shape, dtype), declared.span)


def _dimension(context: Context, scope: Scope, expr: tree.Expr, fixed: Mapping[str, int]) -> DimLike:
    if isinstance(expr, tree.Literal) and expr.value is ...:
        raise context.fail(
            "NNC0702", expr.span, "a network's input names every dimension; `...` is for a block's pattern"
        )
    if isinstance(expr, tree.Name) and expr.name not in scope.names:
        if expr.name == "_":
            raise context.fail(
                "NNC0702", expr.span, "a network's input names every dimension; `_` is for a block's pattern"
            )
        scope.define(expr.name, fixed.get(expr.name, size(expr.name)), expr.span)
    found = Evaluator(context, scope).static(expr, "a dimension")
    if isinstance(found, bool) or not isinstance(found, int | Dim):
        raise context.fail("NNC0702", expr.span, f"a dimension is a size, not {describe(found)}")
    if isinstance(found, int) and found < 1:
        raise context.fail("NNC0702", expr.span, f"a dimension is at least 1, this is {found}")
    return found


def _promises(context: Context, spec: Spec, scope: Scope) -> dict[Symbol, Promise]:
    names = _dimension_names(spec)
    promises: dict[Symbol, Promise] = {}
    for promise in spec.dims:
        if promise.name not in names:
            fix = context.did_you_mean(promise.name, promise.span, names)
            raise context.fail("NNC0307", promise.span, f"no input has a dimension `{promise.name}`", fix=fix)
        found = scope.names.get(promise.name)
        if isinstance(found, int):
            _check_promise(context, promise, found)
        elif isinstance(found, Dim) and found.symbol is not None:
            promises[found.symbol] = Promise(promise.minimum, promise.maximum, promise.multiple_of)
    return promises


def _check_promise(context: Context, promise: PromiseDecl, value: int) -> None:
    broken = (
        (promise.minimum is not None and value < promise.minimum)
        or (promise.maximum is not None and value > promise.maximum)
        or (promise.multiple_of is not None and value % promise.multiple_of != 0)
    )
    if broken:
        raise context.fail(
            "NNC0507", promise.span, f"`{promise.name}` is {value}, which breaks what `dims:` promises of it"
        )
