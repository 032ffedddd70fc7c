"""The kinds of entries: a layer by its type, an inline list or mapping, a repeated one, a module called again, a
stored tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nnc.compiler.diagnostics import Label, Problems, Span
from nnc.compiler.elaborate import blocks
from nnc.compiler.elaborate.calls import Flow, Given, Incoming, add_op, bind, call_function, name_last, said, wire
from nnc.compiler.elaborate.context import WORK_PER_NODE, Failed
from nnc.compiler.elaborate.evaluate import Evaluator, has_tensor
from nnc.compiler.elaborate.expand import Pending
from nnc.compiler.elaborate.scope import Binding, Builder, Scope, Several
from nnc.compiler.expr import statics, tree
from nnc.compiler.expr.parser import parse
from nnc.compiler.expr.unparse import unparse
from nnc.compiler.graph.ir import Graph, Node, Stored, Value
from nnc.compiler.ops.call import ParameterSpec
from nnc.compiler.ops.registry import Argument, OpDef
from nnc.compiler.schema.spec import BlockDecl, Body, EntryDecl, LayerCall, Loop, Reuse, StoredDecl, Wiring
from nnc.compiler.types.dim import Dim
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

if TYPE_CHECKING:
    from nnc.compiler.elaborate.body import BodyElaborator

__all__ = ["group", "layer", "repeated", "reuse", "stored"]

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
        raise _no_call(at, item.entry, f"`{target.name}` is a {kind}")
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
    operands |= _call_keywords(evaluator, item.entry, target)
    return add_op(context, at.builder, target, operands, settings, item.key, span)


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
    if not isinstance(callee, tree.Name):
        raise context.fail(
            "NNC0312", callee.span, f"`{unparse(callee)}` is code from outside, which is not loaded",
            notes=("own layers come in through `imports:`, and only for a caller who trusts the file",),
        )  # fmt: skip
    name = callee.name
    found = item.scope.find(name)
    if found is not None and isinstance(found[0], str) and depth < 8:
        return _held(at, item, callee, found[0], depth)
    if name in context.blocks:
        return context.blocks[name], None
    if name in context.catalogue:
        return context.catalogue[name], None
    place = item.scope.place(name)
    if place is not None:
        raise context.fail(
            "NNC0308", callee.span, f"`{name}` is not a layer, it is a value", labels=(Label(place, "defined here"),)
        )
    advice = context.instead(name)
    if advice is not None:
        raise context.fail("NNC0301", callee.span, f"`{name}` is not a layer here", notes=(advice,))
    upper = name[:1].isupper()
    names = [n for n, op in context.catalogue.items() if (op.form == "module") is upper]
    fix = context.did_you_mean(name, callee.span, [*context.blocks, *names]) or context.did_you_mean(
        name, callee.span, list(context.catalogue)
    )
    notes = () if fix else ("`nnc layers` lists every layer; a block of your own goes into `blocks:`",)
    raise context.fail("NNC0301", callee.span, f"there is no layer `{name}`", notes=notes, fix=fix)


def _held(
    at: BodyElaborator, item: Pending, callee: tree.Name, text: str, depth: int
) -> tuple[OpDef | BlockDecl, Arguments | None]:
    """Resolves the text that an argument holds. Its own arguments are literals: it sees no names of where it is used."""
    problems = Problems()
    expr = parse(text, callee.span.pinned(), problems)
    head = expr.callee if isinstance(expr, tree.CallExpr) else expr
    if expr is None or not isinstance(head, tree.Name):
        raise at.context.fail(
            "NNC0308", callee.span, f'`{callee.name}` holds "{text[:40]}", which is not a layer\'s type'
        )
    bare = Pending(item.key, item.entry, Scope(at.builder), item.span)
    target, inner = _resolve(at, bare, tree.Name(head.name, callee.span), depth + 1)
    if not isinstance(expr, tree.CallExpr):
        return target, inner
    evaluator = Evaluator(at.context, Scope(at.builder))
    return target, _arguments(evaluator, LayerCall(head, expr.arguments, expr.keywords, callee.span))


def _no_call(at: BodyElaborator, entry: EntryDecl, what: str) -> Failed:
    notes = ("`call:` holds keywords of the `forward` of torch's layers",)
    return at.context.fail("NNC0302", entry.call[0].span, f"{what}, and takes no `call:`", notes=notes)


def _call_keywords(evaluator: Evaluator, entry: EntryDecl, op: OpDef) -> dict[str, Given]:
    """`call: {need_weights: false}`: keywords of `forward` that are no tensors."""
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
    each = replace(entry, key=None, repeat=None, source=None, condition=None, let=(), loop=turns)
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


# -- calling again ----------


def reuse(at: BodyElaborator, item: Pending, use: Reuse, flow: Flow) -> Binding:
    """`{use: encoder, from: right}`: the same module, with its parameters, on another input."""
    original, path = _find(at, use)
    context = at.context
    if isinstance(original.target, OpDef):
        inferred = {a.name for a in original.target.arguments if a.inferred}  # anew: do they come out the same?
        settings = {k: Given(v, use.span) for k, v in original.settings.items() if k not in inferred}
        evaluator = Evaluator(context, item.scope)
        operands = wire(evaluator, original.target.name, original.target.inputs, flow(), use.span)
        operands |= _call_keywords(evaluator, item.entry, original.target)
        value = add_op(context, at.builder, original.target, operands, settings, item.key, use.span, path)
        made = at.builder.nodes[-1]
        if made.parameters != original.parameters or made.settings != original.settings:
            raise _mismatch(at, use, original, made.settings)
        return value
    if item.entry.call:
        raise _no_call(at, item.entry, f"`{use.target}` is none of torch's layers")
    if original in context.again:
        node = context.again[original](at, item, flow(), use.span)
    elif original in context.again_inline and context.again_inline[original][0] is at.builder:
        node = context.again_inline[original][1](at, item, flow, use.span)
    else:
        raise context.fail(
            "NNC0708", use.span, f"`{use.target}` is an inline list inside another module: only its neighbors can call it",
            notes=("make it a block, or call the module that contains it",),
        )  # fmt: skip
    if not (
        isinstance(node.target, Graph)
        and isinstance(original.target, Graph)
        and same_module(original.target, node.target)
    ):
        raise _mismatch(at, use, original)
    return add_graph_node(at, replace(node, shares=path), use.span)


def _find(at: BodyElaborator, use: Reuse) -> tuple[Node, str]:
    """The node that owns the module `use:` names, and its dotted path."""
    parts = use.target.split(".")
    nodes: tuple[Node, ...] | list[Node] = at.builder.nodes
    for depth, part in enumerate(parts):
        node = next((n for n in nodes if n.name == part and n.named), None)
        if node is not None and node.shares is not None and depth == 0:
            return _find(at, replace(use, target=".".join([node.shares, *parts[1:]])))
        if node is None or not node.is_module:
            if at.ends.get(part, None) is not None and node is None and depth == 0:
                raise Failed if at.is_broken(part) else _not_a_module(at, use, part)
            if node is not None:
                raise _not_a_module(at, use, part)
            if depth == 0 and at.scope.misses_names:
                raise Failed
            names = [n.name for n in nodes if n.named and n.is_module]
            outside = depth == 0 and _is_outside(at.builder.parent, part)
            fix = None if outside else at.context.did_you_mean(part, use.span, names)
            notes = () if fix else (f"modules here: {', '.join(names[:12]) or 'none'}",)
            if outside:
                notes = (f"`{part}` stands around this `layers:`, which can call only modules of its own",)
            raise at.context.fail(
                "NNC0601", use.span, f"there is no module `{part}` to call again", notes=notes, fix=fix
            )
        if depth == len(parts) - 1:
            return node, use.target
        if not isinstance(node.target, Graph):
            raise at.context.fail("NNC0601", use.span, f"`{part}` has no modules inside")
        nodes = node.target.nodes
    raise AssertionError("unreachable: a path has at least one part")


def _is_outside(builder: Builder | None, name: str) -> bool:
    while builder is not None:
        if any(n.name == name and n.named and n.is_module for n in builder.nodes):
            return True
        builder = builder.parent
    return False


def _not_a_module(at: BodyElaborator, use: Reuse, part: str) -> Failed:
    if part in at.switched_off:
        message = f"`{part}` is switched off by `if:`, so there is no module to call again"
        return at.context.fail("NNC0308", use.span, message, notes=("give both entries the same `if:`",))
    return at.context.fail("NNC0308", use.span, f"`{part}` is not a module, so it cannot be called again")


def _mismatch(at: BodyElaborator, use: Reuse, original: Node, settings: Mapping[str, Any] | None = None) -> Failed:
    """`settings` are those that a layer of its own would have here."""
    other = next((k for k, v in (settings or {}).items() if v != original.settings.get(k)), None)
    why = "its parameters would have other shapes"
    if other is not None and settings is not None:
        why = f"its {other} is {original.settings.get(other)}, here it would be {settings[other]}"
    return at.context.fail(
        "NNC0708", use.span, f"`{use.target}` cannot take this input: {why}",
        labels=(Label(original.span, "made here"),),
    )  # fmt: skip


def same_module(a: Graph, b: Graph) -> bool:
    """Whether one module can run both: the same steps with the same settings and parameters."""
    if a is b:
        return True
    if [n.name for n in a.schedule] != [n.name for n in b.schedule] or tuple(a.outputs) != tuple(b.outputs):
        return False
    for one, other in zip(a.schedule, b.schedule, strict=True):
        if isinstance(one.target, Graph) and isinstance(other.target, Graph):
            if not same_module(one.target, other.target):
                return False
        elif one.target is not other.target and not isinstance(one.target, Stored):
            return False
        if one.settings != other.settings or one.parameters != other.parameters:
            return False
        if _known(one) != _known(other):
            return False
    return True


def _known(node: Node) -> dict[str, Any]:
    """The operands with tensors replaced by their names."""

    def known(operand: Any) -> Any:
        if isinstance(operand, Value):
            return operand.name
        if isinstance(operand, tuple | list):
            return tuple(known(o) for o in operand)
        return operand

    return {k: known(v) for k, v in node.operands.items()}


# -- stored tensors ----------


def stored(at: BodyElaborator, item: Pending, evaluator: Evaluator, decl: StoredDecl) -> Binding:
    """`Parameter([1, 1, dim])`, `Buffer(tril(ones([T, T])), persistent=False)`."""
    context = at.context
    title = decl.kind.capitalize()
    options = _stored_options(evaluator, decl, title)
    if len(decl.arguments) != 1:
        raise context.fail("NNC0303", decl.span, f"{title} takes one argument: a shape, or the tensor it starts with")
    builder = Builder(parent=at.builder)
    value = Evaluator(context, item.scope.child(builder)).value(decl.arguments[0])
    span = decl.arguments[0].span
    if builder.captures:
        raise context.fail("NNC0310", span, f"a {decl.kind} starts from known numbers, not from tensors that flow")
    if isinstance(value, tuple):
        free = next((d for d in value if isinstance(d, Dim)), None)
        if free is not None:
            message = f"a {decl.kind}'s shape must be known, but {free} is a free size"
            raise context.fail("NNC0505", span, message, notes=(context.advice(free),))
        if not all(isinstance(d, int) and not isinstance(d, bool) and d >= 0 for d in value):
            raise context.fail("NNC0305", span, f"a shape is a list of sizes ≥ 0, this is {said(value)}")
        kind = TensorType(value, options.get("dtype", DType.float32))
    else:
        kind = evaluator.one(value, span).type
        if options.get("dtype", kind.dtype) is not kind.dtype:
            message = f"the tensor that this {decl.kind} starts with is {kind.dtype}: say the dtype there"
            raise context.fail("NNC0503", span, message)
        if any(isinstance(d, Dim) for d in kind.shape):
            message = f"a {decl.kind}'s shape must be known, this one is {kind}"
            raise context.fail("NNC0505", span, message, notes=(context.advice(*kind.shape),))
    if options.get("requires_grad", decl.kind == "parameter") and not (kind.dtype.is_floating or kind.dtype.is_complex):
        raise context.fail("NNC0503", span, f"a Parameter holds floating-point numbers, this is {kind.dtype}")
    target = Stored(
        "parameter" if decl.kind == "parameter" else "buffer",
        kind,
        tuple(builder.nodes),
        options.get("persistent", True),
        options.get("requires_grad", True),
    )
    registered = decl.kind if options.get("persistent", True) else "transient"
    shape = tuple(d for d in kind.shape if isinstance(d, int))
    result = Value(item.key, kind, item.span)
    spec = ParameterSpec("", shape, registered, kind.dtype)
    at.builder.add(Node(item.key, target, {}, {}, (result,), item.span, parameters=(spec,)))
    return result


def _stored_options(evaluator: Evaluator, decl: StoredDecl, title: str) -> dict[str, Any]:
    kinds: dict[str, type] = {"dtype": DType, "persistent" if decl.kind == "buffer" else "requires_grad": bool}
    options: dict[str, Any] = {}
    for keyword in decl.keywords:
        if keyword.name not in kinds:
            fix = evaluator.context.did_you_mean(keyword.name, keyword.span, list(kinds))
            raise evaluator.context.fail("NNC0302", keyword.span, f"{title} has no argument `{keyword.name}`", fix=fix)
        value = evaluator.static(keyword.value, f"`{keyword.name}`")
        if not isinstance(value, kinds[keyword.name]):
            wanted = "a dtype" if keyword.name == "dtype" else "true or false"
            message = f"`{keyword.name}` of {title} must be {wanted}, not {statics.describe(value)}"
            raise evaluator.context.fail("NNC0305", keyword.value.span, message)
        options[keyword.name] = value
    return options
