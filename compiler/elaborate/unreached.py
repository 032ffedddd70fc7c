"""Blocks that nothing calls, for these arguments: their names are checked all the same. Shapes are not, for nobody says what
flows in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from nnc.compiler.elaborate.context import Context, Failed
from nnc.compiler.elaborate.evaluate import Evaluator
from nnc.compiler.elaborate.scope import BROKEN, Builder, Environment, Scope
from nnc.compiler.expr import statics, tree
from nnc.compiler.expr.called import called
from nnc.compiler.expr.mentions import names_in
from nnc.compiler.expr.tree import Targets
from nnc.compiler.schema.spec import BlockDecl, Body, EntryDecl, Formula, Group, LayerCall, Splice, StoredDecl
from nnc.compiler.types.dtype import DType

__all__ = ["check_unreached"]

VALUES = {*DType.__members__, "inf", "nan"}  # names that mean something everywhere


def check_unreached(context: Context) -> None:
    """Reports layers, functions and names that there are none of in blocks that have not been instantiated."""
    reached = {key[0] for key in context.instances}
    for decl in context.blocks.values():
        if id(decl) not in reached:
            _block(context, decl)


def _block(context: Context, decl: BlockDecl) -> None:
    environment = context.environment
    scope = Scope(Builder(parent=None), environment.constants if decl.own is None else None)
    names = [a.name for a in (*decl.args, *decl.let)]
    names += [i.name for i in decl.inputs]
    names += names_in([e for i in decl.inputs for e in i.shape or ()])
    for name in names:
        scope.define(name, BROKEN)
    inside = environment if decl.own is None else Environment(decl.own, scope)
    with context.within(inside):
        for arg in (*decl.args, *decl.let):
            if arg.default is not None:
                _expression(context, arg.default, scope)
        _body(context, decl.body, scope)


def _body(context: Context, body: Body, around: Scope) -> None:
    scope = around.child()
    _define_entries(body, scope)
    for entry in body.entries:
        _entry(context, entry, scope)
    for output in body.outputs or ():
        for expression in (output.source, output.condition):
            _expression(context, expression, scope)


def _define_entries(body: Body, scope: Scope) -> None:
    """Entries that `each:` splices stand in the body around it."""
    for entry in body.entries:
        if isinstance(entry.action, Splice):
            _define_entries(entry.action.body, scope)
        elif entry.key is not None and entry.key.literal is None:
            scope.incomplete = True  # a name may be one that a loop makes
        elif entry.key is not None:
            scope.define(str(entry.key.literal), BROKEN)


def _entry(context: Context, entry: EntryDecl, around: Scope) -> None:
    scope = around.child()
    if entry.loop is not None:
        _expression(context, entry.loop.iterable, around)
        _define(entry.loop.targets, scope)
    if isinstance(entry.action, Splice):
        _define(entry.action.loop.targets, scope)
    if entry.repeat is not None:
        scope.define("i", BROKEN)
    for let in entry.let:
        _expression(context, let.value, scope)
        scope.define(let.name, BROKEN)
    for expression in _written(entry):
        _expression(context, expression, scope)
    match entry.action:
        case LayerCall(callee=tree.Name(name=name, span=span)) if scope.find(name) is None:
            from nnc.compiler.elaborate.layers import no_such_layer

            if name not in context.blocks and name not in context.catalogue and not scope.misses_names:
                no_such_layer(context, name, span)
        case Formula(expression=tree.Name(name=name, span=span)) if name not in context.catalogue:
            if scope.find(name) is None and name not in VALUES:
                Evaluator(context, scope).unknown_name(name, span)
        case Group(body=body) | Splice(body=body):
            _body(context, body, scope)


def _define(targets: Targets, scope: Scope) -> None:
    for target in targets:
        if isinstance(target, str):
            scope.define(target, BROKEN)
        else:
            _define(target, scope)


def _written(entry: EntryDecl) -> Iterator[tree.Expr | None]:
    """The expressions of an entry, but for its own loop's and its nested body's."""
    yield from (entry.condition, entry.repeat, *(k.value for k in entry.call))
    if entry.key is not None:
        yield from (p for p in entry.key.parts if not isinstance(p, str))
    if entry.source is not None:
        yield from (entry.source.single, *(entry.source.several or ()), *(k.value for k in entry.source.by_name or ()))
    match entry.action:
        case Formula(expression=tree.Name() | tree.Attribute() as name) if called(name) is not None:
            return  # `act: relu` may be a function
        case Formula(expression=expression):
            yield expression
        case LayerCall(arguments=arguments, keywords=keywords) | StoredDecl(arguments=arguments, keywords=keywords):
            yield from (*arguments, *(k.value for k in keywords))
        case Splice(loop=loop):
            yield loop.iterable


def _expression(context: Context, expression: tree.Expr | None, scope: Scope) -> None:
    """A loop, not recursion: long sums nest deeply."""
    stack: list[tuple[tree.Expr, Scope]] = [] if expression is None else [(expression, scope)]
    while stack:
        expr, inside = stack.pop()
        evaluator = Evaluator(context, inside)
        with suppress(Failed):
            match expr:
                case tree.Name(name=name, span=span):
                    if inside.find(name) is None and name not in VALUES:
                        raise evaluator.unknown_name(name, span)
                case tree.CallExpr(callee=callee) if (function := called(callee)) is not None:
                    stack += [(e, inside) for e in _operands(expr)]
                    if inside.find(function) is None and function not in statics.FUNCTIONS and not inside.misses_names:
                        evaluator.function(function, callee.span)
                case tree.Comprehension():
                    turn = inside.child()
                    _define(expr.targets, turn)
                    stack += [(e, turn) for e in tree.children(expr)]
                case _:
                    stack += [(e, inside) for e in tree.children(expr)]


def _operands(call: tree.CallExpr) -> Sequence[tree.Expr]:
    return (*call.arguments, *(k.value for k in call.keywords))
