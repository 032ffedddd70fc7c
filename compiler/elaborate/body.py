"""A body of layers becomes a graph: entries are expanded, ordered, and elaborated one after the other, each with its type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Literal

from nnc.compiler.diagnostics import Label, Span
from nnc.compiler.elaborate.again import once_more
from nnc.compiler.elaborate.calls import Flow, Given, Incoming, name_last
from nnc.compiler.elaborate.context import MAX_MODULES, Context, Failed
from nnc.compiler.elaborate.evaluate import Evaluator, has_tensor
from nnc.compiler.elaborate.expand import Pending, expand
from nnc.compiler.elaborate.order import order
from nnc.compiler.elaborate.scope import BROKEN, Binding, Scope, Several
from nnc.compiler.expr import statics, tree
from nnc.compiler.expr.called import called
from nnc.compiler.expr.mentions import names_in
from nnc.compiler.graph.ir import Graph, Node, Stored, Value
from nnc.compiler.schema.spec import Body, Formula, Group, LayerCall, OutputDecl, Reuse, StoredDecl, Wiring
from nnc.compiler.types.dim import DimLike

__all__ = ["BodyElaborator", "Finished"]

Kind = Literal["net", "block", "sequential", "group"]


@dataclass(frozen=True, slots=True)
class Finished:
    """A graph, and whether every entry of it is sound."""

    graph: Graph
    sound: bool


def _results(several: Several) -> str:
    return "its result under a name" if len(several.results) == 1 else f"{len(several.results)} results"


class BodyElaborator:
    """Elaborates one body in one scope.

    `entering` is what flows into the first entry: None where there is nothing, or more than one thing, to take."""

    def __init__(self, context: Context, scope: Scope, entering: Callable[[Span], Incoming] | None) -> None:
        self.context, self.scope, self.entering = context, scope, entering
        self.builder = scope.builder
        self.sound = True
        self.listed = False
        self.ends: dict[str, Binding] = {}
        self.unasked: list[Wiring] = []  # each `from:` that nothing has taken

    def run(self, body: Body, kind: Kind, name: str, span: Span, *, symbols: Mapping[str, DimLike] | None = None,
            arguments: Mapping[str, statics.Static] | None = None) -> Finished:  # fmt: skip
        self.listed = body.listed
        pending = expand(self.context, body, self.scope)
        self._check_names(pending, body.listed)
        self.scope.incomplete = any(p.broken and not p.has_its_key for p in pending)
        self.builder.names.update(p.key for p in pending)
        self.context.uses.switched_off.update(p.key for p in pending if not p.enabled)
        pending = [p for p in pending if p.enabled or not isinstance(p.entry.action, StoredDecl)]
        self.switched_off = {p.key for p in pending if not p.enabled}
        self.flows = [p.key for p in pending if not isinstance(p.entry.action, StoredDecl)]
        self.previous = dict(zip(self.flows[1:], self.flows, strict=False))
        ordered = order(self.context, pending) if not body.listed else pending
        if len(ordered) < len(pending):
            self.sound = False
            for missing in {p.key for p in pending} - {p.key for p in ordered}:
                self._define(missing, BROKEN, body.listed, span)
        for item in ordered:
            self._define(item.key, self._entry(item), body.listed, item.span)
        outputs, train_only = self._outputs(body, span)
        graph = Graph(
            kind=kind,
            name=name,
            inputs=(*self.builder.inputs, *self.builder.captures.values()),
            outputs=outputs,
            nodes=self._in_file_order(pending),
            schedule=tuple(self.builder.schedule),
            span=span,
            arguments=arguments or {},
            symbols=symbols or {},
            demands=tuple(self.builder.demands.items()),
            ties=self._ties(body),
            train_only=train_only,
        )
        if self.sound:
            self._check_training(graph, body)
        if self.sound:
            self._warn_unused(graph)
            for source in self.unasked:
                notes = ("a call with a tensor among its arguments takes nothing else",)
                self.context.problems.warning(
                    "NNC0606", source.span, "nothing here takes what `from:` names", notes=notes
                )
        return Finished(graph, self.sound)

    # -- names ----------

    def _check_names(self, pending: list[Pending], listed: bool) -> None:
        if listed:
            return
        for item in pending:
            if item.key in self.scope.names:
                place = self.scope.places.get(item.key)
                labels = (Label(place, "the other one"),) if place else ()
                self.context.fail(
                    "NNC0705",
                    item.span,
                    f"`{item.key}` already names an input, an argument or a dimension",
                    labels=labels,
                )
                self.sound = False

    def _define(self, key: str, binding: Binding, listed: bool, span: Span) -> None:
        if binding is BROKEN:
            self.sound = False
        self.ends[key] = binding
        if not listed and key not in self.scope.names:
            self.scope.define(key, binding, span)

    def _in_file_order(self, pending: list[Pending]) -> tuple[Node, ...]:
        """Registration order: named entries as the file has them; the steps of an expression before the entry they belong to."""
        if [n.name for n in self.builder.schedule if n.named] == [p.key for p in pending if p.key in self.ends]:
            return tuple(self.builder.schedule)
        rank = {p.key: i for i, p in enumerate(pending)}
        ranks: list[int] = []
        following = len(pending)
        for node in reversed(self.builder.schedule):
            following = rank.get(node.name, following) if node.named else following
            ranks.append(following)
        keyed = zip(reversed(ranks), self.builder.schedule, strict=True)
        return tuple(node for _, node in sorted(keyed, key=lambda pair: pair[0]))

    # -- one entry ----------

    def _entry(self, item: Pending) -> Binding:
        if item.broken or self.context.exhausted:
            return BROKEN
        try:
            if not item.enabled:
                return self._passed_through(item)
            return once_more(self, item, self._action)
        except Failed:
            return BROKEN
        except OverflowError:  # a block's sizes, said in the caller's: each was in bounds, what they come to is not
            self.context.fail("NNC0423", item.span, "a size that comes out here is too long to compute with")
            return BROKEN

    def _passed_through(self, item: Pending) -> Binding:
        incoming = self._flow(item)()
        if incoming.named is not None or len(incoming.positional) != 1:
            raise self.context.fail(
                "NNC0607", item.span, f"`{item.key}` is switched off by `if:` and passes its input through, but it has several",
                notes=("a disabled entry of a mapping passes its one input through; in a list it is removed",),
            )  # fmt: skip
        return incoming.positional[0].value

    def _action(self, item: Pending) -> Binding:
        from nnc.compiler.elaborate import layers
        from nnc.compiler.elaborate.reuse import reuse
        from nnc.compiler.elaborate.stored import stored

        entry, flow = item.entry, self._flow(item)
        evaluator = Evaluator(self.context, item.scope)
        takes = isinstance(entry.action, Formula | LayerCall | Group)
        if takes and entry.source is not None and entry.condition is None:  # with `if:` it may be what passes through
            flow = self._watched(entry.source, flow)
        if entry.repeat is not None:
            return layers.repeated(self, item, flow)
        match entry.action:
            case Formula(expression=expression):
                return self._formula(item, evaluator, expression, flow)
            case LayerCall() as call:
                return layers.layer(self, item, evaluator, call, flow)
            case Group(body=body):
                return layers.group(self, item, body, flow)
            case Reuse() as use:
                return reuse(self, item, use, flow)
            case StoredDecl() as decl:
                return stored(self, item, evaluator, decl)
        raise Failed

    def _formula(self, item: Pending, evaluator: Evaluator, expression: tree.Expr, flow: Flow) -> Binding:
        from nnc.compiler.elaborate import layers

        held = self._held_type(item, expression)
        if held is not None:
            return layers.layer(self, item, evaluator, held, flow)
        before = len(self.builder.nodes)
        if isinstance(expression, tree.Name):
            value = self._bare_name(item, evaluator, expression, flow)
        elif isinstance(expression, tree.Attribute) and called(expression) in self.context.catalogue:
            value = self._bare_dotted(item, evaluator, expression, flow)
        elif isinstance(expression, tree.CallExpr):
            value = evaluator.call(expression, flow)
        else:
            value = evaluator.value(expression)
        if isinstance(value, tuple) and has_tensor(value):
            message = "an entry is one tensor, this is a list of them; use cat or stack"
            raise self.context.fail("NNC0310", expression.span, message)
        if not has_tensor(value):
            raise self.context.fail(
                "NNC0310", expression.span, f"an entry is a tensor, this is {statics.describe(value)}",
                notes=("a number gets its name in `let:` or `args:`",),
            )  # fmt: skip
        return name_last(self.builder, before, value, item.key, item.span)

    def _bare_name(self, item: Pending, evaluator: Evaluator, name: tree.Name, flow: Flow) -> Binding:
        """`act: relu` calls the function; `out: bn3` is another name for a value; where both could be meant, neither is taken."""
        is_function = name.name in self.context.catalogue and self.context.catalogue[name.name].form == "function"
        found = item.scope.find(name.name) if name.name != item.key else None
        if is_function and found is not None and found[0] is not BROKEN:
            place = item.scope.place(name.name)
            raise self.context.fail(
                "NNC0311", name.span, f"`{name.name}` is both a value and a function here",
                labels=(Label(place, "the value"),) if place else (),
                notes=(f"write `{name.name}()` to call the function, or give one of them another name",),
            )  # fmt: skip
        if is_function:
            return evaluator.call(tree.CallExpr(name, (), (), name.span), flow)
        return evaluator.value(name)

    def _bare_dotted(self, item: Pending, evaluator: Evaluator, name: tree.Attribute, flow: Flow) -> Binding:
        """`mix: fft.fft2` calls torch's function, unless an entry `fft` has a result of that name."""
        space = name.value.name if isinstance(name.value, tree.Name) else ""
        found = item.scope.find(space) if space != item.key else None
        if found is not None and isinstance(found[0], Several) and name.name in found[0].results:
            place = item.scope.place(space)
            raise self.context.fail(
                "NNC0311", name.span, f"`{space}.{name.name}` is both a value and a function here",
                labels=(Label(place, "the value is a part of this"),) if place else (),
                notes=(f"write `{space}.{name.name}()` to call the function, or give the entry another name",),
            )  # fmt: skip
        return evaluator.call(tree.CallExpr(name, (), (), name.span), flow)

    def _held_type(self, item: Pending, expression: tree.Expr) -> LayerCall | None:
        """`norm()` or `norm(8)` where `norm` is an argument that holds a layer's type."""
        callee = expression.callee if isinstance(expression, tree.CallExpr) else expression
        if not isinstance(callee, tree.Name):
            return None
        found = item.scope.find(callee.name)
        if found is None:
            return None
        if not isinstance(found[0], str):
            value = isinstance(found[0], bool | int | float | tuple | NoneType)
            if value and isinstance(expression, tree.CallExpr) and not self._names_tensors(item.scope, expression):
                raise self._called_value(item, callee, found[0])
            return None
        if isinstance(expression, tree.CallExpr):
            return LayerCall(callee, expression.arguments, expression.keywords, expression.span)
        return LayerCall(callee, (), (), expression.span)

    def _names_tensors(self, scope: Scope, call: tree.CallExpr) -> bool:
        found = (scope.find(n) for n in names_in([*call.arguments, *(k.value for k in call.keywords)]))
        return any(f is not None and isinstance(f[0], Value | Several) for f in found)

    def _called_value(self, item: Pending, callee: tree.Name, value: statics.Static) -> Failed:
        """`norm()` where `norm` holds a number: torch's function of that name is not what was meant."""
        place = item.scope.place(callee.name)
        return self.context.fail(
            "NNC0311" if callee.name in self.context.catalogue else "NNC0308", callee.span,
            f"`{callee.name}` is {statics.describe(value)} here, and cannot be called",
            labels=(Label(place, "the value"),) if place else (),
        )  # fmt: skip

    # -- wiring ----------

    def flowing(self, item: Pending) -> Value | None:
        """The one tensor that flows into an entry from the one before it; None where it says `from:`, or it is not so simple."""
        if item.entry.source is not None:
            return None
        binding = self.ends.get(self.previous.get(item.key, ""))
        return binding if isinstance(binding, Value) else None

    def _flow(self, item: Pending) -> Flow:
        if item.entry.source is not None:
            source = item.entry.source
            return lambda: self._wired(item, source)
        return lambda: self._from_previous(item)

    def _watched(self, source: Wiring, flow: Flow) -> Flow:
        """The flow, and where nothing has asked for it by the end of the entry, a warning."""
        self.unasked.append(source)

        def watched() -> Incoming:
            if source in self.unasked:
                self.unasked.remove(source)
            return flow()

        return watched

    def _from_previous(self, item: Pending) -> Incoming:
        previous = self.previous.get(item.key)
        if previous is None:
            if self.entering is None:
                raise self.context.fail(
                    "NNC0603", item.span, f"nothing flows into `{item.key}`: say which value it takes with `from:`",
                    notes=(f"values here: {', '.join(self._values(item.scope)) or 'none'}",),
                )  # fmt: skip
            return self.entering(item.span)
        binding = self.ends.get(previous, BROKEN)
        if binding is BROKEN:
            raise Failed
        if isinstance(binding, Several):
            names = ", ".join(f"{previous}.{n}" for n in list(binding.results)[:4])
            raise self.context.fail(
                "NNC0604", item.span, f"`{previous}` before it has {_results(binding)}: say which one with `from:`",
                notes=(f"its results are {names}",),
            )  # fmt: skip
        return Incoming((Given(binding, item.span),))

    def _values(self, scope: Scope) -> list[str]:
        return [n for n in dict.fromkeys(scope.known()) if (f := scope.find(n)) and isinstance(f[0], Value | Several)][
            :12
        ]

    def _wired(self, item: Pending, source: Wiring) -> Incoming:
        evaluator = Evaluator(self.context, item.scope)
        if source.single is not None:
            value = self._reference(evaluator, source.single)
            if isinstance(value, tuple):
                return Incoming(tuple(Given(v, source.single.span) for v in value), None, source.span)
            return Incoming((Given(value, source.single.span),), None, source.span)
        carried = self._from_previous(item).positional[0].value if source.carried else None

        def given(n: int, expr: tree.Expr, name: Span | None = None) -> Given:
            flows = carried is not None and n == 0
            return Given(carried if flows else self._reference(evaluator, expr), expr.span, name)

        if source.several is not None:
            return Incoming(tuple(given(n, e) for n, e in enumerate(source.several)), None, source.span)
        named = {k.name: given(n, k.value, k.span) for n, k in enumerate(source.by_name or ())}
        return Incoming((), named, source.span)

    def _reference(self, evaluator: Evaluator, expr: tree.Expr) -> Binding:
        """A value named in `from:`; an unknown name is a reference that leads nowhere."""
        if isinstance(expr, tree.Name) and evaluator.scope.find(expr.name) is None:
            if evaluator.scope.misses_names:
                raise Failed
            values = self._values(evaluator.scope)
            fix = self.context.did_you_mean(expr.name, expr.span, values)
            notes = () if fix else (f"values here: {', '.join(values) or 'none'}",)
            raise self.context.fail("NNC0601", expr.span, f"there is no value `{expr.name}` here", notes=notes, fix=fix)
        value = evaluator.value(expr)
        if not has_tensor(value):
            raise self.context.fail("NNC0601", expr.span, f"`from:` names a tensor, this is {statics.describe(value)}")
        return value

    # -- what comes out ----------

    def _outputs(self, body: Body, span: Span) -> tuple[dict[str, Value], frozenset[str]]:
        if body.outputs is None:
            return self._last(body, span), frozenset()
        if not body.outputs:
            self.context.fail("NNC0603", body.span, "`outputs:` names nothing, so nothing comes out")
            self.sound = False
        outputs: dict[str, Value] = {}
        evaluator = Evaluator(self.context, self.scope)
        chosen: list[OutputDecl] = []
        for output in body.outputs:
            try:
                if output.condition is not None and not evaluator.condition(output.condition):
                    continue
                chosen.append(output)
                outputs[output.name] = evaluator.one(self._reference(evaluator, output.source), output.source.span)
            except Failed:
                self.sound = False
        if body.outputs and not outputs and self.sound:
            self.context.fail("NNC0603", body.span, "every output is switched off by its `if:`, so nothing comes out")
            self.sound = False
        return outputs, frozenset(o.name for o in chosen if o.train_only)

    def _last(self, body: Body, span: Span) -> dict[str, Value]:
        """Without `outputs:` the last entry's value comes out; of a list without entries, what went in."""
        try:
            if not self.flows:
                if self.entering is None or not body.listed:
                    raise self.context.fail("NNC0603", body.span, "there are no layers here, so there is no output")
                return {"": Evaluator(self.context, self.scope).one(self.entering(span).positional[0].value, span)}
            binding = self.ends.get(self.flows[-1], BROKEN)
            if binding is BROKEN:
                raise Failed
            if isinstance(binding, Several):
                place = self.scope.places.get(self.flows[-1], span)
                raise self.context.fail(
                    "NNC0604", place, f"the last entry, `{self.flows[-1]}`, has {_results(binding)}: say which one",
                    notes=(f"write `outputs: {self.flows[-1]}.{next(iter(binding.results))}`",),
                )  # fmt: skip
            return {"": binding}
        except Failed:
            self.sound = False
            return {}

    def _warn_unused(self, graph: Graph) -> None:
        """A named step whose value nobody takes runs for nothing."""
        used = set(graph.outputs.values()).union(*(n.inputs for n in graph.nodes))
        for node in graph.nodes:
            if used.isdisjoint(node.results) and node.named and not isinstance(node.target, Stored):
                self.context.problems.warning("NNC0606", node.span, f"nothing uses `{node.name}`")
        for value in graph.inputs:
            if value not in used:
                self.context.problems.warning("NNC0606", value.span, f"nothing uses the input `{value.name}`")

    def _check_training(self, graph: Graph, body: Body) -> None:
        """What a block gives only while training must not be needed at other times."""
        rare = {
            value: node
            for node in graph.nodes
            if isinstance(node.target, Graph) and node.target.train_only
            for name, value in zip(node.target.outputs, node.results, strict=True)
            if name in node.target.train_only
        }
        if not rare:
            return
        read = {v for n in graph.nodes for v in n.inputs} | set(graph.outputs.values())
        needed = {v for k, v in graph.outputs.items() if k not in graph.train_only}
        sources = {o.name: o.source.span for o in body.outputs or ()}
        users = [(v, sources.get(k, v.span)) for k, v in graph.outputs.items() if k not in graph.train_only]
        for node in reversed(graph.schedule):
            if needed.intersection(node.results) or read.isdisjoint(node.results):
                needed.update(node.inputs)
                users += [(v, node.span) for v in node.inputs]
        for value, span in sorted(((v, s) for v, s in users if v in rare), key=lambda pair: pair[1].start):
            self.sound = False
            self.context.fail(
                "NNC0609", span, f"`{value.name}` exists only while training, and this is always computed",
                labels=(Label(rare[value].span, "made here"),),
                notes=("what uses it must lead to outputs with `mode: train` alone",),
            )  # fmt: skip

    def _ties(self, body: Body) -> tuple[tuple[str, str], ...]:
        if not body.ties or not self.sound:
            return ()
        from nnc.compiler.elaborate.ties import resolve_ties

        return resolve_ties(self.context, self.builder.nodes, body.ties)

    # -- for the layers ----------

    def is_broken(self, key: str) -> bool:
        return self.ends.get(key) is BROKEN

    def within_budget(self, count: int, span: Span) -> None:
        if self.builder.weight + count > MAX_MODULES:
            raise self.context.fail("NNC0704", span, f"the network would have more than {MAX_MODULES} layers")
