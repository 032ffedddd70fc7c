"""The kinds of entries: a layer by its type, an inline list or mapping, a repeated one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nnc.compiler.diagnostics import Label, Problems, Span
from nnc.compiler.elaborate import blocks
from nnc.compiler.elaborate.calls import Flow, Given, Incoming, add_op, bind, call_function, name_last, wire
from nnc.compiler.elaborate.context import WORK_PER_NODE, Context, Failed
from nnc.compiler.elaborate.evaluate import Evaluator, has_tensor
from nnc.compiler.elaborate.expand import Pending, split_lets
from nnc.compiler.elaborate.habits import by_habit
from nnc.compiler.elaborate.scope import Binding, Builder, Scope, Several
from nnc.compiler.expr import statics, tree
from nnc.compiler.expr.called import called
from nnc.compiler.expr.parser import parse
from nnc.compiler.expr.unparse import unparse
from nnc.compiler.graph.ir import Graph, Node, Value
from nnc.compiler.ops.registry import Argument, OpDef
from nnc.compiler.schema.spec import BlockDecl, Body, EntryDecl, LayerCall, Loop, Wiring
from nnc.compiler.types.dim import Dim
from nnc.compiler.types.tensor import TensorType

if TYPE_CHECKING:
    from nnc.compiler.elaborate.body import BodyElaborator

__all__ = ["add_graph_node", "call_keywords", "group", "layer", "no_call", "no_such_layer", "repeated"]

MAX_REPEAT = 1_000_000


@dataclass(frozen=True, slots=True)
class Arguments:
    """A call's arguments, evaluated."""

    positional: list[Given]
    keywords: dict[str, Given]


# -- a layer by its type ----------


def layer(at: BodyElaborator, item: Pending, evaluator: Evaluator, call: LayerCall, flow: Flow) -> Binding:
    """`Conv2d(64, 3)`, `Bottleneck(planes)`, `norm()`: an op of the catalogue or a block of the file."""
    arguments = _arguments(evaluator, call)
    target, held = _resolve(at, item, call.callee)
    if held is not None:
        arguments = Arguments(held.positional + arguments.positional, held.keywords | arguments.keywords)
    span = call.callee.span
    if item.entry.call and (isinstance(target, BlockDecl) or target.form == "function"):
        kind = "block" if isinstance(target, BlockDecl) else "function"
        raise no_call(at, item.entry, f"`{target.name}` is a {kind}")
    if isinstance(target, BlockDecl):
        return _block(at, item, evaluator, target, arguments, flow, span)
    if target.form == "function":
        tensors = any(has_tensor(g.value) for g in (*arguments.positional, *arguments.keywords.values()))
        before = len(at.builder.nodes)
        value = call_function(
            evaluator, target, arguments.positional, arguments.keywords, span, None if tensors else flow
        )
        return name_last(at.builder, before, value, item.key, item.span)
    context = at.context
    settings = bind(
        context, target.name, target.positional, target.arguments, arguments.positional, arguments.keywords, span,
        allowed=[a.name for a in target.calls], inferred=[a.name for a in target.arguments if a.inferred],
    )  # fmt: skip
    operands = wire(evaluator, target.name, target.inputs, flow(), span)
    operands |= call_keywords(evaluator, item.entry, target)
    habit = by_habit(target, arguments.positional, operands)
    made = add_op(context, at.builder, target, operands, settings, item.key, span, notes=habit)
    if habit:
        where = arguments.positional[0].span
        message, *read = habit
        context.problems.warning("NNC0314", where, message, notes=(*read, "where it is meant, write it by keyword"))
    return made


def _arguments(evaluator: Evaluator, call: LayerCall) -> Arguments:
    """Evaluates every argument before giving up, so that two faults of one call are both reported."""
    failed = False
    positional: list[Given] = []
    keywords: dict[str, Given] = {}
    for expr in call.arguments:
        try:
            positional.append(Given(evaluator.value(expr), expr.span))
        except Failed:
            failed = True
    for keyword in call.keywords:
        try:
            keywords[keyword.name] = Given(evaluator.value(keyword.value), keyword.value.span, keyword.span)
        except Failed:
            failed = True
    if failed:
        raise Failed
    return Arguments(positional, keywords)


def _resolve(
    at: BodyElaborator, item: Pending, callee: tree.Expr, depth: int = 0
) -> tuple[OpDef | BlockDecl, Arguments | None]:
    """What a type names. An argument that holds a type may hold arguments too: `norm: GroupNorm(32)`."""
    context = at.context
    if isinstance(callee, tree.Literal):
        raise context.fail("NNC0219", callee.span, "another spec is a layer of a network only, not of a loss")
    name = called(callee)
    if name is None:
        raise context.fail(
            "NNC0312", callee.span, f"`{unparse(callee)}` is code from outside, which is not loaded",
            notes=("a spec imports no Python: what layers and functions can say goes into `blocks:`",),
        )  # fmt: skip
    found = item.scope.find(name)
    if found is not None and isinstance(found[0], str) and depth < 8:
        return _held(at, item, tree.Name(name, callee.span), found[0], depth)
    if name in context.blocks:
        return context.blocks[name], None
    if name in context.catalogue:
        return context.catalogue[name], None
    place = item.scope.place(name)
    if place is not None:
        raise context.fail(
            "NNC0308", callee.span, f"`{name}` is not a layer, it is a value", labels=(Label(place, "defined here"),)
        )
    raise no_such_layer(context, name, callee.span)


def no_such_layer(context: Context, name: str, span: Span) -> Failed:
    """Reports that nothing of this name is a layer, and what may be meant."""
    fix = context.did_you_mean(name, span, list(context.blocks))
    advice = context.instead(name) if fix is None else None
    if advice is not None:
        return context.fail("NNC0301", span, f"`{name}` is not a layer here", notes=(advice,))
    upper = name[:1].isupper()
    names = [n for n, op in context.catalogue.items() if (op.form == "module") is upper]
    fix = fix or context.did_you_mean(name, span, names) or context.did_you_mean(name, span, list(context.catalogue))
    notes = () if fix else ("`nnc layers` lists every layer; a block of your own goes into `blocks:`",)
    return context.fail("NNC0301", span, f"there is no layer `{name}`", notes=notes, fix=fix)


def _held(
    at: BodyElaborator, item: Pending, callee: tree.Name, text: str, depth: int
) -> tuple[OpDef | BlockDecl, Arguments | None]:
    """Resolves the text that an argument holds. Its own arguments are literals: it sees no names of where it is used."""
    problems = Problems()
    expr = parse(text, callee.span.pinned(), problems)
    head = expr.callee if isinstance(expr, tree.CallExpr) else expr
    name = None if head is None else called(head)
    if head is None or name is None:
        raise at.context.fail(
            "NNC0308", callee.span, f'`{callee.name}` holds "{text[:40]}", which is not a layer\'s type'
        )
    bare = Pending(item.key, item.entry, Scope(at.builder), item.span)
    target, inner = _resolve(at, bare, tree.Name(name, callee.span), depth + 1)
    if not isinstance(expr, tree.CallExpr):
        return target, inner
    evaluator = Evaluator(at.context, Scope(at.builder))
    return target, _arguments(evaluator, LayerCall(head, expr.arguments, expr.keywords, callee.span))


def no_call(at: BodyElaborator, entry: EntryDecl, what: str) -> Failed:
    notes = ("`call:` holds keywords of the `forward` of torch's layers",)
    return at.context.fail("NNC0302", entry.call[0].span, f"{what}, and takes no `call:`", notes=notes)


def call_keywords(evaluator: Evaluator, entry: EntryDecl, op: OpDef) -> dict[str, Given]:
    """`call: {need_weights: false}`: keywords of `forward` that are no tensors."""
    for keyword in entry.call:
        if any(a.name == keyword.name for a in op.inputs):
            others = ", ".join(f"{a.name}: …" for a in op.inputs if a.required)
            raise evaluator.context.fail(
                "NNC0302", keyword.span, f"`{keyword.name}` of {op.name} is a tensor, and belongs to `from:`",
                notes=(f"write `from: {{{others}, {keyword.name}: …}}`",),
            )  # fmt: skip
    given = {k.name: Given(evaluator.static(k.value, f"`{k.name}`"), k.value.span, k.span) for k in entry.call}
    return bind(evaluator.context, f"{op.name}'s forward", (), op.calls, (), given, entry.span) if given else {}


# -- blocks and inline bodies ----------


def _block(
    at: BodyElaborator,
    item: Pending,
    evaluator: Evaluator,
    decl: BlockDecl,
    arguments: Arguments,
    flow: Flow,
    span: Span,
) -> Binding:
    values = blocks.bind_arguments(at.context, decl, arguments.positional, arguments.keywords, span)
    environment = at.context.environment

    def call(elaborator: BodyElaborator, user: Pending, incoming: Incoming, where: Span) -> Node:
        user_evaluator = Evaluator(elaborator.context, user.scope)
        operands = wire(user_evaluator, decl.name, blocks.named_inputs([i.name for i in decl.inputs]), incoming, where)
        with elaborator.context.within(environment):
            graph, sizes = blocks.instantiate(elaborator.context, elaborator.builder, decl, values, operands, where)
        types = {name: v.type.substitute(sizes) for name, v in graph.outputs.items()}
        return graph_node(user.key, graph, {n: g.value for n, g in operands.items()}, types, where, sizes)

    node = call(at, item, flow(), span)
    at.context.again[node] = call
    return add_graph_node(at, node, span)


def group(at: BodyElaborator, item: Pending, body: Body, flow: Flow) -> Binding:
    """`layers:` inside an entry: a list is a Sequential, a mapping a group; both see the names around them."""
    source = item.entry.source
    inputs = blocks.named_inputs([k.name for k in source.by_name]) if source is not None and source.by_name else None

    def call(elaborator: BodyElaborator, user: Pending, flowing: Flow, where: Span) -> Node:
        return _inline(elaborator, replace(item, key=user.key), body, inputs, flowing, where)

    node = call(at, item, flow, item.span)
    at.context.again_inline[node] = (at.builder, call)
    return add_graph_node(at, node, item.span)


def _inline(
    at: BodyElaborator, item: Pending, body: Body, inputs: Sequence[Argument] | None, flow: Flow, span: Span
) -> Node:
    """`inputs` are those that `from:` named, where it is a mapping; `span` is where the body is called."""
    from nnc.compiler.elaborate.body import BodyElaborator

    at.context.step(item.span, WORK_PER_NODE)
    builder = Builder(parent=at.builder)
    scope = item.scope.child(builder)
    outer: dict[str, Value] = {}
    evaluator = Evaluator(at.context, item.scope)

    def take(given: Given, name: str) -> Value:
        value = evaluator.one(given.value, given.span)
        inner = Value(name, value.type, given.span)
        outer[name] = value
        builder.inputs.append(inner)
        return inner

    if inputs is not None:
        builder.names |= {a.name for a in inputs}
        for name, given in wire(evaluator, f"`{item.key}`", inputs, flow(), span).items():
            scope.define(name, take(given, name), given.name_span)

    def entering(here: Span) -> Incoming:
        if not builder.inputs:
            incoming = flow()
            if incoming.named is not None or len(incoming.positional) != 1:
                raise at.context.fail(
                    "NNC0607", incoming.span or here, "a list of layers takes one tensor",
                    notes=("name several: `from: {left: a, right: b}`, and the layers see `left` and `right`",),
                )  # fmt: skip
            take(incoming.positional[0], builder.fresh("x"))
        return Incoming((Given(builder.inputs[0], here),))

    with at.context.inside(item.span):
        inner = BodyElaborator(at.context, scope, None if inputs is not None and len(inputs) != 1 else entering)
        finished = inner.run(body, "sequential" if body.listed else "group", item.key, item.span)
    if not finished.sound:
        raise Failed
    for demand, span in finished.graph.demands:
        at.builder.demand(demand, span)
    operands = outer | {v.name: o for o, v in builder.captures.items()}
    types = {name: v.type for name, v in finished.graph.outputs.items()}
    return graph_node(item.key, finished.graph, operands, types, item.span, {})


def graph_node(
    key: str,
    graph: Graph,
    operands: Mapping[str, Value],
    types: Mapping[str, TensorType],
    span: Span,
    sizes: Mapping[Any, Any],
) -> Node:
    """A call of `graph`; `types` are its outputs' as this graph sees them."""
    results = tuple(Value(f"{key}.{name}" if name else key, t, span) for name, t in types.items())
    explicit = tuple(types) if "" not in types else ()
    return Node(key, graph, {}, operands, results, span, sizes=sizes, explicit=explicit)


def add_graph_node(at: BodyElaborator, node: Node, span: Span) -> Binding:
    graph = node.target
    assert isinstance(graph, Graph)
    weight = at.context.weigh(graph)
    at.within_budget(weight, span)
    at.builder.add(node)
    at.builder.weight += weight
    return Several(dict(zip(node.explicit, node.results, strict=True)), span) if node.explicit else node.results[0]


def repeated(at: BodyElaborator, item: Pending, flow: Flow) -> Binding:
    """`repeat: n`: a Sequential of `n` of the same, in which `i` counts from 0."""
    entry = item.entry
    assert entry.repeat is not None
    count = Evaluator(at.context, item.scope).static(entry.repeat, "`repeat:`")
    if isinstance(count, bool) or not isinstance(count, int):
        what = (
            f"must be known, but {count} is a free size"
            if isinstance(count, Dim)
            else f"is a whole number, not {statics.describe(count)}"
        )
        code = "NNC0505" if isinstance(count, Dim) else "NNC0305"
        notes = (at.context.advice(count),) if isinstance(count, Dim) else ()
        raise at.context.fail(code, entry.repeat.span, f"`repeat:` {what}", notes=notes)
    if not 0 <= count <= MAX_REPEAT:
        raise at.context.fail("NNC0704", entry.repeat.span, f"`repeat: {count}` is outside 0 … {MAX_REPEAT}")
    at.within_budget(count, entry.repeat.span)
    turns = Loop(("i",), tree.Literal(tuple(range(count)), entry.repeat.span), entry.repeat.span)
    each = replace(entry, key=None, repeat=None, source=None, condition=None, let=split_lets(entry)[1], loop=turns)
    once = replace(item, entry=replace(entry, source=None))
    if entry.source is not None and entry.source.single is None:
        once, each, flow = _beside_the_flow(item, once, each, entry.source, flow())
    return group(at, once, Body((each,), True, item.span), flow)


def _beside_the_flow(
    item: Pending, once: Pending, each: EntryDecl, source: Wiring, incoming: Incoming
) -> tuple[Pending, EntryDecl, Flow]:
    """`from: [x, memory]` of a repeated layer: `x` flows from turn to turn, and every turn is given the same `memory`.
    What is written there is computed once, around the turns, which see it under names that nobody can write."""
    given = [*incoming.positional, *(incoming.named or {}).values()]
    scope = item.scope.child()
    names: list[tree.Expr] = [tree.Name(f"from[{n}]", g.span) for n, g in enumerate(given)]
    for n, g in enumerate(given):
        scope.define(f"from[{n}]", g.value, g.span)
    several, by_name = source.several and tuple(names), source.by_name
    if by_name:
        by_name = tuple(replace(k, value=name) for k, name in zip(by_name, names, strict=True))
    wiring = replace(source, several=several, by_name=by_name, carried=True)
    first = Incoming((given[0],), None, source.span)
    return replace(once, scope=scope), replace(each, source=wiring), lambda: first
