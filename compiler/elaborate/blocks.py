"""A block applied: its input pattern meets what flows in, its free dimensions become symbols of its own, equal calls
share a graph.

x: [B, 64, (H + 1)//2, (W + 1)//2]   meets   [B, C, H, W]   →   inside: C = 64 and B, H, W; outside: H is (H + 1)//2
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from nnc.compiler.diagnostics import Label, Span
from nnc.compiler.elaborate.calls import Given, Incoming, bind
from nnc.compiler.elaborate.context import WORK_PER_NODE, Context, Failed
from nnc.compiler.elaborate.evaluate import Evaluator
from nnc.compiler.elaborate.scope import Builder, Environment, Scope
from nnc.compiler.expr import tree
from nnc.compiler.expr.mentions import names_in
from nnc.compiler.expr.statics import Static, describe
from nnc.compiler.graph.ir import Graph, Value
from nnc.compiler.ops.kinds import KINDS, Kind
from nnc.compiler.ops.registry import REQUIRED, Argument
from nnc.compiler.schema.spec import ArgDecl, BlockDecl, InputDecl
from nnc.compiler.types.demands import Demand, Relation
from nnc.compiler.types.dim import Dim, DimLike, Symbol, lower_bound, size, substitute
from nnc.compiler.types.tensor import TensorType

__all__ = ["bind_arguments", "define_lets", "instantiate", "named_inputs"]


def _known(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(_known(v) for v in value)
    return not isinstance(value, TensorType | Dim)


# Free sizes reach a block through its inputs' pattern, never through an argument: equal calls must stay equal at any size.
ANYTHING = Kind("a known value", _known, {})


def named_inputs(names: Sequence[str]) -> tuple[Argument, ...]:
    """Tensors by these names, as a layer's `forward` declares them."""
    return tuple(Argument(name, KINDS["TensorType"]) for name in names)


def bind_arguments(
    context: Context, decl: BlockDecl, positional: Sequence[Given], keywords: Mapping[str, Given], span: Span
) -> dict[str, Given]:
    """A call's arguments by name; defaults are filled in when the block is instantiated, where they can be computed."""
    arguments = [Argument(a.name, ANYTHING, REQUIRED if a.default is None else a.default) for a in decl.args]
    return bind(context, f"block {decl.name}", arguments, arguments, positional, keywords, span)


def instantiate(
    context: Context,
    outer: Builder,
    decl: BlockDecl,
    arguments: Mapping[str, Given],
    operands: Mapping[str, Given],
    span: Span,
) -> tuple[Graph, dict[Symbol, DimLike]]:
    """The block's graph for these arguments and input types, and what its own symbols are outside. Raises `Failed`
    after reporting."""
    from nnc.compiler.elaborate.body import BodyElaborator

    context.step(span, 2 * WORK_PER_NODE)  # a block is a graph of its own
    twice = next((a for a in decl.args if any(a.name == i.name for i in decl.inputs)), None)
    if twice is not None:  # where `inputs:` are written, the schema has said so
        notes = ("a block without `inputs:` takes one tensor, `x`",)
        raise context.fail("NNC0211", twice.span, f"`{twice.name}` names both an input and an argument", notes=notes)
    builder = Builder(parent=None)
    environment = context.environment
    scope = Scope(builder, environment.constants if decl.own is None else None)
    for arg in decl.args:
        if arg.name in arguments:
            scope.define(arg.name, arguments[arg.name].value, arg.span)
    with context.inside(span):
        late = _late(decl)
        _define_defaults(context, decl, scope, [a for a in decl.args if a.name not in late])
        define_lets(context, scope, [a for a in decl.let if a.name not in late])
        local = _Localizer(context, outer, decl, scope, span)
        types = {i.name: local.match(i, operands[i.name]) for i in decl.inputs}
        _define_defaults(context, decl, scope, [a for a in decl.args if a.name in late])
        define_lets(context, scope, [a for a in decl.let if a.name in late])
        constants = {a.name: scope.names[a.name] for a in decl.args}
        key = (id(decl), environment, freeze(constants), tuple(types.values()))
        if key not in context.instances:
            if decl.own is not None:
                environment = Environment(decl.own, _shared(decl, scope, late))
            values = {name: Value(name, t, i.span) for (name, t), i in zip(types.items(), decl.inputs, strict=True)}
            builder.inputs.extend(values.values())
            builder.names |= set(values)
            symbols = {n: v for n, v in scope.names.items() if n in local.bound}
            for name, value in values.items():
                scope.define(name, value, value.span)
            entering = (lambda at: Incoming((Given(builder.inputs[0], at),))) if len(values) == 1 else None
            elaborator = BodyElaborator(context, scope, entering)
            context.outside.append(local.sizes)
            try:
                with context.within(environment):
                    finished = elaborator.run(
                        decl.body, "block", decl.name, decl.span, symbols=symbols, arguments=constants
                    )
            finally:
                context.outside.pop()
            context.instances[key] = _initialized(context, decl, scope, finished.graph) if finished.sound else None
        graph = context.instances[key]
        if graph is None:
            raise Failed
        _hand_on(context, outer, graph, local.sizes)
    return graph, local.sizes


def _shared(decl: BlockDecl, scope: Scope, late: set[str]) -> Scope:
    """What blocks of the block's own see: its arguments and `let:` names, but for those that its inputs decide."""
    shared = Scope(Builder(parent=None))
    for name in (a.name for a in (*decl.args, *decl.let) if a.name not in late):
        shared.define(name, scope.names[name], scope.places[name])
    return shared


def _initialized(context: Context, decl: BlockDecl, scope: Scope, graph: Graph) -> Graph:
    """The graph with the block's `init:`."""
    if decl.init is None:
        return graph
    from nnc.compiler.elaborate.initialize import initial_values

    with suppress(Failed):  # reported; the block's values are known all the same
        return replace(graph, init=initial_values(context, scope, decl.init, graph))
    return graph


def _define_defaults(context: Context, decl: BlockDecl, scope: Scope, args: Sequence[ArgDecl]) -> None:
    for arg in args:
        if arg.name not in scope.names and arg.default is not None:
            scope.define(arg.name, Evaluator(context, scope).static(arg.default, f"`{arg.name}`"), arg.span)


def define_lets(context: Context, scope: Scope, lets: Sequence[ArgDecl]) -> None:
    """`let:` of a file or a block. Raises `Failed` after reporting what has no known value."""
    for let in lets:
        if let.default is not None:
            scope.define(let.name, Evaluator(context, scope).static(let.default, f"`{let.name}`"), let.span)


def _late(decl: BlockDecl) -> set[str]:
    """Arguments and `let:` names that need a name which the input pattern binds: `width: ${C}`. The others are known
    before the match."""
    known = (*decl.args, *decl.let)
    waiting = {e.name for i in decl.inputs for e in i.shape or () if isinstance(e, tree.Name)} - {a.name for a in known}
    late: set[str] = set()
    for arg in known:
        if arg.default is not None and waiting.union(late).intersection(names_in([arg.default])):
            late.add(arg.name)
    return late


def _hand_on(context: Context, outer: Builder, graph: Graph, sizes: Mapping[Symbol, DimLike]) -> None:
    """What the block demands of its own dimensions, said of the caller's."""
    failed = False
    for demand, place in graph.demands:
        here = demand.substitute(sizes)
        verdict = here.decide()
        if verdict is False:
            context.fail("NNC0504", place, here.reason, notes=(f"this needs {demand}, and here that is {here}",))
            failed = True
        elif verdict is None:
            outer.demand(here, place)
    if failed:
        raise Failed


def freeze(value: Any) -> Any:
    """A hashable stand-in that tells 1 from 1.0 and True."""
    if isinstance(value, dict):
        return tuple((k, freeze(v)) for k, v in value.items())
    if isinstance(value, tuple | list):
        return tuple(freeze(v) for v in value)
    return (type(value).__name__, value)


class _Localizer:
    """Matches input patterns; hands out the block's own symbols, one for each different free size that flows in."""

    def __init__(self, context: Context, outer: Builder, decl: BlockDecl, scope: Scope, span: Span) -> None:
        self.context, self.outer, self.decl, self.scope, self.span = context, outer, decl, scope, span
        self.sizes: dict[Symbol, DimLike] = {}
        self.locals: dict[DimLike, Dim] = {}
        self.bound: set[str] = set()

    def match(self, declared: InputDecl, given: Given) -> TensorType:
        """The input's type in the block's own symbols. Raises `Failed` after reporting a mismatch."""
        found: TensorType = given.value.type
        if declared.dtype is not None and declared.dtype != found.dtype:
            raise self._mismatch(
                declared, given, found, f"`{declared.name}` is {found.dtype}, the block wants {declared.dtype}"
            )
        if declared.shape is None:
            shape = tuple(self._local(d, f"{declared.name}{i}") for i, d in enumerate(found.shape))
            return TensorType(shape, found.dtype)
        pattern = self._spread(declared, given, found)
        items = zip(found.shape, pattern, strict=True)
        shape = tuple(self._item(declared, given, found, i, d, p) for i, (d, p) in enumerate(items))
        return TensorType(shape, found.dtype)

    def _spread(self, declared: InputDecl, given: Given, found: TensorType) -> list[tree.Expr | None]:
        """The pattern with `...` replaced by as many free places as there are dimensions left."""
        assert declared.shape is not None
        dots = [i for i, e in enumerate(declared.shape) if isinstance(e, tree.Literal) and e.value is ...]
        rest = found.rank - (len(declared.shape) - len(dots))
        if (not dots and rest != 0) or rest < 0:
            wanted = f"at least {len(declared.shape) - 1}" if dots else str(len(declared.shape))
            message = (
                f"`{declared.name}` of block {self.decl.name} has {wanted} dimensions, this tensor has {found.rank}"
            )
            raise self._mismatch(declared, given, found, message)
        pattern: list[tree.Expr | None] = []
        for i, expr in enumerate(declared.shape):
            pattern += [None] * rest if i in dots else [expr]
        return pattern

    def _item(
        self, declared: InputDecl, given: Given, found: TensorType, axis: int, size: DimLike, expr: tree.Expr | None
    ) -> DimLike:
        if expr is None or (isinstance(expr, tree.Name) and expr.name == "_"):
            return self._local(size, f"{declared.name}{axis}")
        if isinstance(expr, tree.Name) and expr.name not in self.scope.names:
            self.scope.define(expr.name, self._local(size, expr.name), expr.span)
            self.bound.add(expr.name)
            return self.scope.names[expr.name]  # type: ignore[no-any-return]  # a size, defined in the line above
        wanted: Static = Evaluator(self.context, self.scope).static(expr, "a dimension")
        if isinstance(wanted, bool) or not isinstance(wanted, int | Dim):
            raise self.context.fail("NNC0702", expr.span, f"a dimension is a size, not {describe(wanted)}")
        outside = substitute(wanted, self.sizes)
        text = expr.span.text
        reason = f"dimension {axis} of `{declared.name}` is {size}, but block {self.decl.name} wants {text}" + (
            f" = {outside}" if str(outside) != text else ""
        )
        demand = Demand(Relation.EQUAL, size, outside, reason)
        verdict = demand.decide()
        if verdict is False:
            raise self._mismatch(declared, given, found, reason)
        if verdict is None:
            self.outer.demand(demand, given.span)
        return wanted

    def _local(self, outside: DimLike, name: str) -> DimLike:
        """The block's own name for a size: a known one stays itself."""
        if not isinstance(outside, Dim):
            return outside
        if outside not in self.locals:
            low = lower_bound(outside)
            if low is None or low < 1:
                reason = f"the size {outside} that flows into block {self.decl.name} must be at least 1"
                self.outer.demand(Demand(Relation.AT_LEAST, outside, 1, reason), self.span)
            while Symbol(name) in self.sizes or name in self.scope.names:
                name += "_"
            local = size(name)
            assert local.symbol is not None
            self.sizes[local.symbol] = outside
            self.locals[outside] = local
        return self.locals[outside]

    def _mismatch(self, declared: InputDecl, given: Given, found: TensorType, message: str) -> Failed:
        labels = (Label(declared.shape_span, "the pattern"),)
        return self.context.fail("NNC0702", given.span, message, labels=labels, notes=(f"what flows in is {found}",))
