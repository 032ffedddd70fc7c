"""Applying an op: arguments are bound to torch's names, the rule says what comes out, a node is added."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nnc.compiler.diagnostics import Fix, Label, Span
from nnc.compiler.elaborate.context import WORK_PER_NODE, Context, Failed
from nnc.compiler.elaborate.scope import Binding, Builder, Several
from nnc.compiler.expr.statics import describe
from nnc.compiler.graph.ir import Node, Value
from nnc.compiler.ops.apply import Applied, apply
from nnc.compiler.ops.call import Refusal
from nnc.compiler.ops.kinds import Kind
from nnc.compiler.ops.registry import Argument, OpDef
from nnc.compiler.records import record
from nnc.compiler.types.dim import Dim
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

if TYPE_CHECKING:
    from nnc.compiler.elaborate.evaluate import Evaluator

__all__ = ["Flow", "Given", "Incoming", "add_op", "bind", "call_function", "name_last", "said", "typed", "wire"]


@record(frozen=True, slots=True)
class Given:
    """An argument as it was written: its value, where that stands, and where its name stands (of a keyword)."""

    value: Binding
    span: Span
    name_span: Span | None = None


@record(frozen=True, slots=True)
class Incoming:
    """The tensors that an entry is given: by position, or by the parameter's name."""

    positional: tuple[Given, ...] = ()
    named: Mapping[str, Given] | None = None
    span: Span | None = None  # of `from:`, where there is one


LIST_OF_TENSORS = "a list of tensors"

# What flows into an entry, asked for only when it is needed: a formula that writes all its tensors does not take it.
Flow = Callable[[], Incoming]


def typed(operand: Any) -> Any:
    """An operand as a rule sees it: tensors become their types."""
    if isinstance(operand, Value):
        return operand.type
    if isinstance(operand, tuple | list):
        return tuple(typed(o) for o in operand)
    if isinstance(operand, slice):
        return slice(typed(operand.start), typed(operand.stop), typed(operand.step))
    return operand


# -- binding ----------


def bind(
    context: Context,
    title: str,
    positional: Sequence[Argument],
    every: Sequence[Argument],
    arguments: Sequence[Given],
    keywords: Mapping[str, Given],
    span: Span,
    *,
    allowed: Sequence[str] = (),
    inferred: Sequence[str] = (),
) -> dict[str, Given]:
    """Arguments by name. Every fault is reported before `Failed` is raised: too many, unknown, double, of the wrong
    kind, missing.
    `allowed` are further names that a misspelt keyword may have meant; `inferred` ones cannot be given by position."""
    bound: dict[str, Given] = {}
    failed = False
    hint = (
        (f"{' and '.join(inferred)} {'is' if len(inferred) == 1 else 'are'} inferred, and not written",)
        if inferred
        else ()
    )
    variadic = next((a for a in positional if a.variadic), None)
    plain = [a for a in positional if not a.variadic]
    for argument, given in zip(plain, arguments, strict=False):
        bound[argument.name] = given
    rest = arguments[len(plain) :]
    if variadic is not None:
        single = rest[0].value if len(rest) == 1 and isinstance(rest[0].value, tuple) else tuple(g.value for g in rest)
        where = rest[0].span.to(rest[-1].span) if rest else span
        bound[variadic.name] = Given(single, where)
    elif rest:
        names = ", ".join(a.name for a in plain) or "none"
        context.fail(
            "NNC0304", rest[0].span, f"{title} takes {_count(len(plain))} by position, this is one more",
            notes=(f"by position: {names}", *hint),
        )  # fmt: skip
        failed = True
    by_name = {a.name: a for a in every}
    for name, given in keywords.items():
        if name not in by_name:
            at = given.name_span or given.span
            fix = context.did_you_mean(name, at, [*by_name, *allowed])
            notes = () if fix else (f"its arguments are {', '.join(by_name) or 'none'}",)
            context.fail("NNC0302", at, f"{title} has no argument `{name}`", fix=fix, notes=notes)
            failed = True
        elif name in bound:
            context.fail(
                "NNC0306", given.name_span or given.span, f"`{name}` is given twice",
                labels=(Label(bound[name].span, "first given here"),),
            )  # fmt: skip
            failed = True
        else:
            bound[name] = given
    for argument in every:
        if argument.name in bound:
            bound[argument.name] = _dtype(argument, bound[argument.name])
            by_position = bound[argument.name].name_span is None and not argument.variadic
            failed |= not _fits(context, title, argument, bound[argument.name], hint if by_position else ())
            if failed and argument.kind.words == LIST_OF_TENSORS:
                break  # `cat(a, b)`: the second tensor is no `dim`
        elif argument.required and not failed:
            layer = _layer_note(context, title) if argument.kind.tensor else ()
            context.fail("NNC0303", span, f"{title} needs `{argument.name}`: {argument.kind.words}", notes=layer)
            failed = True
    if failed:
        raise Failed
    return bound


def _layer_note(context: Context, title: str) -> tuple[str, ...]:
    """`conv2d` takes its weight as a tensor; what is meant mostly has one of its own."""
    layer = next((n for n, op in context.catalogue.items() if op.form == "module" and n.lower() == title.lower()), None)
    return (f"the layer `{layer}` has one of its own",) if layer and layer != title else ()


def _dtype(argument: Argument, given: Given) -> Given:
    """`dtype: int64` in the mapping form is a text; where a dtype is wanted it names one."""
    if isinstance(given.value, str) and "a dtype" in argument.kind.words and given.value in DType.__members__:
        return Given(DType[given.value], given.span, given.name_span)
    return given


def _count(n: int) -> str:
    return {0: "no argument", 1: "one argument"}.get(n, f"{n} arguments")


def _fits(context: Context, title: str, argument: Argument, given: Given, hint: tuple[str, ...]) -> bool:
    kind = argument.kind
    values = given.value if argument.variadic and isinstance(given.value, tuple) else (given.value,)
    for value in values:
        seen = typed(value)
        if kind.accepts(seen):
            continue
        free = _free(seen)
        if free is not None and not kind.symbolic and not isinstance(seen, TensorType):
            message = f"`{argument.name}` of {title} must be known, but {free} is a free size"
            context.fail("NNC0505", given.span, message, notes=(context.advice(free),))
            return False
        if isinstance(seen, TensorType) and title[:1].isupper():
            hint = (f"the tensors that a layer takes stand in a second pair of parentheses: `{title}(…)(x)`", *hint)
        word = _word(seen) if given.name_span is not None and not kind.choices else None
        if word is not None:
            hint = (f"`{word}` is a text here: a computed value is written `${word}`", *hint)
        context.fail(
            "NNC0305", given.span, f"`{argument.name}` of {title} must be {kind.words}, not {said(seen)}",
            fix=_kind_fix(kind, seen, given.span), notes=hint,
        )  # fmt: skip
        return False
    return True


def _word(value: Any) -> str | None:
    """The name that was meant by `size: [H, W]`, which in the mapping form is a list of texts."""
    texts = [v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, str)]
    return next((text for text in texts if text.isidentifier()), None)


def said(value: Any) -> str:
    if isinstance(value, TensorType):
        return f"a tensor {value}"
    if isinstance(value, tuple) and 0 < len(value) <= 6 and all(isinstance(v, int | float | str) for v in value):
        return str(list(value))
    return describe(value)


def _free(value: Any) -> Dim | None:
    if isinstance(value, Dim):
        return value
    if isinstance(value, tuple):
        return next((d for d in map(_free, value) if d is not None), None)
    return None


def _kind_fix(kind: Kind, value: Any, span: Span) -> Fix | None:
    from nnc.compiler.suggest import closest

    if isinstance(value, TensorType) and kind.words == LIST_OF_TENSORS:
        return Fix("tensors stand in a list: `cat([a, b], 1)`", span)
    if isinstance(value, str) and kind.choices:
        best = closest(value, kind.choices)
        return Fix(f'did you mean "{best}"?', span, best) if best else None
    if isinstance(value, float) and value == int(value) if _finite(value) else False:
        return Fix(f"write {int(value)}, or divide with `//`", span, str(int(value)))
    return None


def _finite(value: Any) -> bool:
    return isinstance(value, float) and abs(value) < 2**53


# -- wiring ----------


def wire(
    evaluator: Evaluator, title: str, inputs: Sequence[Argument], incoming: Incoming, span: Span
) -> dict[str, Given]:
    """The tensors of a module's `forward`, by parameter name. Raises `Failed` after reporting a wrong number or name."""
    context = evaluator.context
    at = incoming.span or span
    names = [a.name for a in inputs]
    if incoming.named is not None:
        bound = dict(incoming.named)
        for name, given in bound.items():
            if name not in names:
                where = given.name_span or given.span
                raise context.fail(
                    "NNC0608", where, f"{title} has no input `{name}`", notes=(f"its inputs are {', '.join(names)}",),
                    fix=context.did_you_mean(name, where, names),
                )  # fmt: skip
    else:
        # What flows in unasked stands nowhere in the file: a fault in it is shown at the layer.
        given_list = [g if incoming.span else Given(g.value, span) for g in incoming.positional]
        if len(inputs) == 1 and "list of tensors" in inputs[0].kind.words:
            given_list = [Given(tuple(g.value for g in given_list), at)]
        if len(given_list) > len(names):
            raise context.fail(
                "NNC0607",
                at,
                f"{title} takes {_tensors(len(names))}, {len(given_list)} are given",
                notes=(_inputs_note(inputs),),
            )
        bound = dict(zip(names, given_list, strict=False))
    missing = [a.name for a in inputs if a.required and a.name not in bound]
    if missing:
        raise context.fail(
            "NNC0607", at, f"{title} also needs {' and '.join(f'`{m}`' for m in missing)}",
            notes=(_inputs_note(inputs), f"write `from: {{{', '.join(f'{n}: …' for n in [*bound, *missing])}}}`"),
        )  # fmt: skip
    return {n: _one(evaluator, bound[n]) for n in names if n in bound}  # in forward's order, however `from:` lists them


def _inputs_note(inputs: Sequence[Argument]) -> str:
    return "its inputs are " + ", ".join(a.name if a.required else f"{a.name} (optional)" for a in inputs)


def _tensors(n: int) -> str:
    return "one tensor" if n == 1 else f"{n} tensors"


def _one(evaluator: Evaluator, given: Given) -> Given:
    """Refuses several results where one tensor is meant."""
    if isinstance(given.value, tuple):
        return Given(tuple(evaluator.one(v, given.span) for v in given.value), given.span, given.name_span)
    return Given(evaluator.one(given.value, given.span), given.span, given.name_span)


# -- applying ----------


def call_function(
    evaluator: Evaluator,
    op: OpDef,
    arguments: Sequence[Given],
    keywords: Mapping[str, Given],
    span: Span,
    flow: Flow | None,
) -> Binding:
    """A function applied to evaluated arguments. With `flow`, what flows in stands before them."""
    arguments, keywords = (
        [_no_several(evaluator, g) for g in arguments],
        {k: _no_several(evaluator, g) for k, g in keywords.items()},
    )
    if flow is not None and any(a.kind.tensor for a in op.arguments):
        incoming = flow()
        if incoming.named is not None:
            keywords = {**incoming.named, **keywords}
        elif "list of tensors" in op.arguments[0].kind.words:
            values = tuple(evaluator.one(g.value, g.span) for g in incoming.positional)
            arguments = [Given(values, incoming.span or span), *arguments]
        else:
            arguments = [*(_one(evaluator, g) for g in incoming.positional), *arguments]
    positional = [a for a in op.arguments if not a.keyword_only]
    bound = bind(evaluator.context, op.name, positional, op.arguments, arguments, keywords, span)
    return add_op(evaluator.context, evaluator.scope.builder, op, bound, {}, None, span)


def _no_several(evaluator: Evaluator, given: Given) -> Given:
    """Numbered results (chunk's parts) stand for the list of them; named ones must be chosen from."""
    value = given.value
    if isinstance(value, Several):
        if all(name.isdigit() for name in value.results):
            return Given(tuple(value.results.values()), given.span, given.name_span)
        raise evaluator.several(value, given.span)
    if isinstance(value, tuple) and any(isinstance(v, Several) for v in value):
        return Given(
            tuple(_no_several(evaluator, Given(v, given.span)).value for v in value), given.span, given.name_span
        )
    return given


def add_op(
    context: Context,
    builder: Builder,
    op: OpDef,
    operands: Mapping[str, Given],
    settings: Mapping[str, Given],
    name: str | None,
    span: Span,
    shares: str | None = None,
    notes: tuple[str, ...] = (),
) -> Binding:
    """Runs the rule, adds the node, gives its value or values. `name` None: a part of an expression. `notes` are put under a
    refusal."""
    context.step(span, WORK_PER_NODE)
    spans = {k: g.span for k, g in (*operands.items(), *settings.items())}
    given = {k: g.value for k, g in settings.items()} | {k: g.value for k, g in operands.items()}
    applied = run_rule(context, op, given, spans, span, notes)
    for demand in applied.call.demands:
        builder.demand(demand, span)
    key = name if name is not None else builder.fresh(op.name.rpartition(".")[2])
    results = result_values(key, applied, span)
    constructor = {
        a.name: given[a.name] if a.name in given else applied.call.inferred.get(a.name) for a in op.arguments
    }
    node = Node(
        name=key,
        target=op,
        settings={k: v for k, v in constructor.items() if k in settings or k in applied.call.inferred}
        if op.form == "module"
        else {},
        operands={a.name: given[a.name] for a in (*op.inputs, *op.calls, *op.arguments) if a.name in operands},
        results=tuple(results.values()),
        span=span,
        named=name is not None,
        shares=shares,
        parameters=tuple(applied.call.parameters),
        cost=applied.call.cost,
        explicit=tuple(results) if applied.form == "mapping" else (),
    )
    builder.add(node)
    return Several(results, span) if applied.form != "one" else node.results[0]


def run_rule(
    context: Context,
    op: OpDef,
    given: Mapping[str, Any],
    spans: Mapping[str, Span],
    span: Span,
    more: tuple[str, ...] = (),
) -> Applied:
    """The rule's verdict; a refusal becomes a report at the argument at fault."""
    try:
        return apply(op, {k: typed(v) for k, v in given.items()})
    except Refusal as refusal:
        subject = refusal.subject
        at = spans.get(subject, span) if subject is not None else span
        tensor = subject is not None and isinstance(given.get(subject), Value)
        flowing = [f"{k} is {v.type}" for k, v in given.items() if isinstance(v, Value)]
        advice = (context.advice(*refusal.needs),) if refusal.needs else ()
        notes = (*more, *refusal.notes, *advice, *([", ".join(flowing)] if flowing else []))
        raise context.fail(refusal.code, span if tensor and at == span else at, refusal.message, notes=notes) from None


def result_values(key: str, applied: Applied, span: Span) -> dict[str, Value]:
    """The values of a call by result name; a single result bears the call's own name."""
    if applied.form == "one":
        return {"": Value(key, applied.results[0][1], span)}
    return {n: Value(f"{key}.{n}", t, span) for n, t in applied.results}


def name_last(builder: Builder, before: int, value: Binding, key: str, span: Span) -> Binding:
    """Gives the step that an entry's formula ended in the entry's name."""
    results = tuple(value.results.values()) if isinstance(value, Several) else (value,)
    if len(builder.nodes) == before or builder.nodes[-1].results != results:
        return value  # the formula is another name for a value that exists
    node = builder.nodes[-1]
    named = {
        (k := v.name.removeprefix(node.name).removeprefix(".")): Value(f"{key}.{k}" if k else key, v.type, span)
        for v in node.results
    }
    renamed = replace(node, name=key, results=tuple(named.values()), named=True)
    builder.release(node.name)
    builder.names.add(key)
    builder.nodes[-1] = builder.schedule[-1] = renamed
    return Several(named, span) if isinstance(value, Several) else renamed.results[0]
