"""Expressions in a scope: known values are computed, operations on tensors become nodes of the graph under construction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnc.compiler.diagnostics import Fix, Label, Span
from nnc.compiler.elaborate.context import Context, Failed
from nnc.compiler.elaborate.scope import BROKEN, Binding, Scope, Several
from nnc.compiler.expr import statics, tree
from nnc.compiler.expr.called import called
from nnc.compiler.expr.unparse import unparse
from nnc.compiler.graph.ir import Value, operand_values
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType

if TYPE_CHECKING:
    from nnc.compiler.elaborate.calls import Flow, Given

__all__ = ["Evaluator", "has_tensor"]

OPERATORS = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floor_divide", "%": "remainder", "**": "pow", "@": "matmul",
    "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "&": "bitwise_and",
    "|": "bitwise_or", "^": "bitwise_xor",
}  # fmt: skip


def has_tensor(value: Binding) -> bool:
    return isinstance(value, Several) or next(operand_values(value), None) is not None


class Evaluator:
    """Evaluates in one scope. The result of a failed part is never used: `Failed` is raised after the report."""

    def __init__(self, context: Context, scope: Scope) -> None:
        self.context, self.scope = context, scope

    # -- entry points ----------

    def value(self, expr: tree.Expr) -> Binding:
        """A tensor, several results, or a known value."""
        self.context.step(expr.span)
        match expr:
            case tree.Literal(value=value):
                return value
            case tree.Name():
                return self._name(expr)
            case tree.Items(items=items):
                return tuple(self.value(i) for i in items)
            case tree.CallExpr():
                return self._call(expr)
            case tree.Binary():
                return self._binary(expr)
            case tree.Compare():
                return self._compare(expr)
            case tree.Logic(operator=operator, left=left, right=right):
                first = self.value(left)
                return self.value(right) if self._truth(first, left) is (operator == "and") else first
            case tree.Conditional(test=test, then=then, otherwise=otherwise):
                return self.value(then if self._truth(self.value(test), test) else otherwise)
            case tree.Unary():
                return self._unary(expr)
            case tree.Attribute():
                return self._attribute(expr)
            case tree.Index():
                return self._index(expr)
            case tree.Comprehension():
                return self._comprehension(expr)
            case tree.Dictionary(items=pairs):
                return self._dictionary(pairs)
            case tree.Slice(start=start, stop=stop, step=step):
                return slice(*(None if p is None else self.value(p) for p in (start, stop, step)))

    def static(self, expr: tree.Expr, what: str = "this") -> statics.Static:
        """A known value; a tensor is refused."""
        value = self.value(expr)
        if has_tensor(value):
            raise self.context.fail(
                "NNC0421", expr.span, f"{what} must be known before the network runs, but this is a tensor"
            )
        return value

    def condition(self, expr: tree.Expr) -> bool:
        return self._truth(self.static(expr, "a condition"), expr)

    def tensor(self, expr: tree.Expr) -> Value:
        """One tensor; several results or a number are refused."""
        return self.one(self.value(expr), expr.span)

    def one(self, value: Binding, span: Span) -> Value:
        if isinstance(value, Several):
            raise self.several(value, span)
        if not isinstance(value, Value):
            raise self.context.fail("NNC0310", span, f"a tensor is needed here, this is {statics.describe(value)}")
        return value

    def several(self, value: Several, span: Span) -> Failed:
        names = list(value.results)
        text = next(iter(value.results.values())).name.rpartition(".")[0]
        if span.text.isidentifier():
            note = "its results are " + ", ".join(f"{span.text}.{n}" for n in names[:4])
        elif names[0] == "0":
            note = f"their numbers are 0 to {len(names) - 1}: write `[0]` behind it"
        else:
            note = f"they are {', '.join(names)}: give it an entry of its own, `name`, and write `name.{names[0]}`"
        if len(names) == 1:
            message = f"`{text}` has its result under a name: say `{text}.{names[0]}`"
            return self.context.fail("NNC0604", span, message)
        return self.context.fail("NNC0604", span, f"`{text}` has {len(names)} results: say which one", notes=(note,))

    # -- names ----------

    def _name(self, expr: tree.Name) -> Binding:
        found = self.scope.find(expr.name)
        if found is not None:
            return self._bring_in(*found)
        if expr.name in DType.__members__:
            return DType[expr.name]
        if expr.name in ("inf", "nan"):
            return float(expr.name)
        raise self.unknown_name(expr.name, expr.span)

    def _bring_in(self, binding: Binding, scope: Scope) -> Binding:
        if binding is BROKEN:
            raise Failed
        if isinstance(binding, Value):
            return self.scope.builder.bring_in(binding, scope.builder)
        if isinstance(binding, Several):
            results = {k: self.scope.builder.bring_in(v, scope.builder) for k, v in binding.results.items()}
            return Several(results, binding.span)
        return binding

    def unknown_name(self, name: str, span: Span) -> Failed:
        if self.scope.misses_names:
            return Failed()
        known = [n for n in self.scope.known() if n.isidentifier()]
        odd = next((n for n in self.scope.known() if n.startswith(name) and not n.isidentifier()), None)
        if odd is not None and "," in odd:
            notes = (f"`{odd}` is one entry: call it `parts`, and its results are `parts.0`, `parts.1`, …",)
            return self.context.fail("NNC0307", span, f"nothing is called `{name}` here", notes=notes)
        if odd is not None:
            notes = (f"an expression cannot say `{odd}`: let an entry right behind it, as in `out: Identity`, take it",)
            return self.context.fail("NNC0307", span, f"nothing is called `{name}` here", notes=notes)
        fix = self.context.did_you_mean(name, span, known)
        if fix is None and name in self.context.catalogue:
            kind = "a layer" if self.context.catalogue[name].form == "module" else "a function"
            return self.context.fail(
                "NNC0307", span, f"`{name}` is {kind}, not a value here", notes=(f"write `{name}(…)` to call it",)
            )
        advice = self.context.instead(name) if fix is None else None
        if name in _PREFIXES:
            advice = "functions and layers are written without a prefix: `relu`, `Linear(10)`"
        if advice is not None:
            return self.context.fail("NNC0307", span, f"nothing is called `{name}` here", notes=(advice,))
        if fix is None:  # `drop: identity`: a layer in lower case
            plain = name.replace("_", "").lower()
            layer = next(
                (n for n, op in self.context.catalogue.items() if op.form == "module" and n.lower() == plain), None
            )
            fix = Fix(f"did you mean `{layer}`?", span, layer) if layer else None
        if fix is None:  # `act: reluu`: a bare function, misspelt
            functions = [n for n, op in self.context.catalogue.items() if op.form == "function"]
            fix = self.context.did_you_mean(name, span, functions)
        names = ", ".join(n for n in known[:12]) or "none"
        return self.context.fail(
            "NNC0307", span, f"nothing is called `{name}` here", notes=(f"names here: {names}",), fix=fix
        )

    def _attribute(self, expr: tree.Attribute) -> Binding:
        value = self.value(expr.value)
        if isinstance(value, Several):
            if expr.name in value.results:
                return value.results[expr.name]
            names = list(value.results)
            raise self.context.fail(
                "NNC0605",
                expr.name_span,
                f"there is no result `{expr.name}`",
                notes=(f"its results are {', '.join(names)}",),
                fix=self.context.did_you_mean(expr.name, expr.name_span, names),
            )
        if isinstance(value, Value):
            raise self.context.fail(
                "NNC0605",
                expr.name_span,
                f"`{unparse(expr.value)}` is one tensor and has no parts",
                notes=self._of_tensor(expr),
            )
        raise self.context.fail("NNC0605", expr.name_span, f"{statics.describe(value)} has no parts")

    def _of_tensor(self, expr: tree.Attribute) -> tuple[str, ...]:
        """What to write where Python would read an attribute of a tensor, or call its method."""
        name, value = expr.name, unparse(expr.value)
        if name in self.context.catalogue and self.context.catalogue[name].form == "function":
            return (f"functions stand in front: `{name}({value})`",)
        advice = {"T": f"write `t({value})`", "mT": f"write `transpose({value}, -2, -1)`"}.get(name)
        advice = advice or self.context.instead(name)
        return () if advice is None else (advice,)

    # -- operators ----------

    def _static(self, span: Span, compute: Any, *arguments: Any) -> statics.Static:
        try:
            result = compute(*arguments)
        except statics.StaticError as error:
            raise self.context.fail(error.code, span, str(error)) from None
        if isinstance(result, tuple | str):
            self.context.step(span, len(result) // 8)  # a short text must not fill the memory with long lists
        return result

    def _truth(self, value: Binding, expr: tree.Expr) -> bool:
        if has_tensor(value):
            raise self.context.fail(
                "NNC0421", expr.span, "a condition must be known before the network runs, but this is a tensor"
            )
        result: bool = self._static(expr.span, statics.truth, value)
        return result

    def _binary(self, expr: tree.Binary) -> Binding:
        # Sums and products nest to the left, one level per term: walked in a loop, so that length is not depth.
        chain = [expr]
        while isinstance(chain[-1].left, tree.Binary):
            chain.append(chain[-1].left)
        left = self.value(chain[-1].left)
        for step in reversed(chain):
            right = self.value(step.right)
            left = self._operate(step.operator, left, right, step.span)
        return left

    def _operate(self, operator: str, left: Binding, right: Binding, span: Span) -> Binding:
        if not has_tensor(left) and not has_tensor(right):
            if operator in ("@", "&", "|", "^"):
                raise self.context.fail("NNC0422", span, f"`{operator}` works on tensors only")
            return self._static(span, statics.binary, operator, left, right)
        return self._apply(OPERATORS[operator], (left, right), span)

    def _compare(self, expr: tree.Compare) -> Binding:
        left = self.value(expr.first)
        result: Binding = True
        for operator, operand in expr.rest:
            right = self.value(operand)
            if has_tensor(left) or has_tensor(right):
                if len(expr.rest) > 1 or operator not in OPERATORS:
                    raise self.context.fail(
                        "NNC0422", expr.span, "tensors are compared two at a time, with == != < <= > >="
                    )
                return self._apply(OPERATORS[operator], (left, right), expr.span)
            if not self._static(expr.span, statics.compare, operator, left, right):
                result = False
            left = right
        return result

    def _unary(self, expr: tree.Unary) -> Binding:
        value = self.value(expr.operand)
        if not has_tensor(value):
            return self._static(expr.span, statics.unary, expr.operator, value)
        if expr.operator == "+":
            return value
        return self._apply({"-": "neg", "not": "logical_not", "~": "bitwise_not"}[expr.operator], (value,), expr.span)

    def _index(self, expr: tree.Index) -> Binding:
        value = self.value(expr.value)
        items = tuple(self.value(i) for i in expr.items)
        if isinstance(value, Several):
            value = self._numbered(value, items, expr)
            if isinstance(value, Value):
                return value
        if isinstance(value, Value):
            return self._apply("getitem", (value, items if len(items) != 1 else items[0]), expr.span)
        return self._static(expr.span, statics.index, value, items)

    def _numbered(self, value: Several, items: tuple[Binding, ...], expr: tree.Index) -> Binding:
        if len(items) == 1 and isinstance(items[0], int) and not isinstance(items[0], bool):
            results = tuple(value.results.values())
            if -len(results) <= items[0] < len(results):
                return results[items[0]]
            raise self.context.fail(
                "NNC0605", expr.span, f"there are {len(results)} results, and none is number {items[0]}"
            )
        raise self.several(value, expr.value.span)

    def _comprehension(self, expr: tree.Comprehension) -> Binding:
        items = self.static(expr.iterable, "what a list runs over")
        if not isinstance(items, tuple):
            raise self.context.fail(
                "NNC0707", expr.iterable.span, f"a list is needed here, this is {statics.describe(items)}"
            )
        results = []
        for item in items:
            inner = Evaluator(self.context, self.scope.child())
            inner.assign(expr.targets, item, expr.span)
            if expr.condition is None or inner.condition(expr.condition):
                results.append(inner.value(expr.value))
        return tuple(results)

    def assign(self, targets: tree.Targets, item: Binding, span: Span) -> None:
        """Binds a loop's names to one of its items."""
        if len(targets) == 1 and isinstance(targets[0], str):
            self.scope.define(targets[0], item, span)
            return
        if not isinstance(item, tuple) or len(item) != len(targets):
            found = f"{len(item)}" if isinstance(item, tuple) else statics.describe(item)
            raise self.context.fail("NNC0707", span, f"{len(targets)} names are to be bound, but the item has {found}")
        for target, part in zip(targets, item, strict=True):
            self.assign((target,) if isinstance(target, str) else target, part, span)

    def _dictionary(self, pairs: tuple[tuple[tree.Expr, tree.Expr], ...]) -> statics.Static:
        result = {}
        for key, value in pairs:
            k = self.static(key, "a key")
            if not isinstance(k, str | int | float | bool):
                raise self.context.fail("NNC0422", key.span, f"a key is a text or a number, not {statics.describe(k)}")
            result[k] = self.static(value, "a value")
        return result

    # -- calls ----------

    def _call(self, expr: tree.CallExpr) -> Binding:
        return self.call(expr, None)

    def call(self, expr: tree.CallExpr, flow: Flow | None) -> Binding:
        """A function's value. With `flow`, a call without a tensor among its arguments takes what flows in."""
        from nnc.compiler.elaborate.calls import Given, call_function

        name = called(expr.callee)
        if name is None:
            raise self._not_callable(expr)
        name = self.held(name)
        arguments = [Given(self.value(a), a.span) for a in expr.arguments]
        keywords = {k.name: Given(self.value(k.value), k.value.span, k.span) for k in expr.keywords}
        tensors = any(has_tensor(g.value) for g in (*arguments, *keywords.values()))
        if name in statics.FUNCTIONS and not tensors and not (flow is not None and name in self.context.catalogue):
            return self._static_function(expr, name, arguments, keywords)
        op = self.function(name, expr.callee.span)
        return call_function(self, op, arguments, keywords, expr.callee.span, None if tensors else flow)

    def _not_callable(self, expr: tree.CallExpr) -> Failed:
        """`x.relu()` and `torch.relu(x)` are called otherwise here; `lstm.output(x)` not at all."""
        callee, written = expr.callee, unparse(expr.callee)
        here = self._in_front(expr)
        if here is not None and isinstance(callee, tree.Attribute):
            if _prefixed(callee):
                fix = Fix(f"write `{unparse(here.callee)}`", callee.span, unparse(here.callee))
                return self.context.fail("NNC0301", callee.span, "functions are written without a prefix", fix=fix)
            fix = Fix(f"functions stand in front, write `{unparse(here)}`", expr.span, unparse(here))
            return self.context.fail("NNC0308", callee.span, f"`{written}` cannot be called", fix=fix)
        of_value = isinstance(callee, tree.Attribute) and self.scope.find(unparse(callee.value)) is not None
        notes = self._of_tensor(callee) if isinstance(callee, tree.Attribute) and of_value else ()
        return self.context.fail("NNC0308", callee.span, f"`{written}` cannot be called", notes=notes)

    def _in_front(self, expr: tree.Expr) -> tree.CallExpr | None:
        """`reshape(transpose(x, 1, 2), B, -1)` of `x.transpose(1, 2).reshape(B, -1)`, and `relu(x)` of `torch.relu(x)`."""
        if not isinstance(expr, tree.CallExpr) or not isinstance(expr.callee, tree.Attribute):
            return None
        callee = expr.callee
        name = unparse(callee).partition(".")[2]
        name = name.removeprefix("nn.").removeprefix("functional.") if _prefixed(callee) else callee.name
        op = self.context.catalogue.get(name)
        if op is None or op.form != "function":
            return None
        of = () if _prefixed(callee) else (self._in_front(callee.value) or callee.value,)
        function = tree.Name(name, callee.span)
        return tree.CallExpr(function, (*of, *expr.arguments), expr.keywords, expr.span)

    def held(self, name: str) -> str:
        """The function that an argument names: `act(x)` with `args: {act: relu}`."""
        found = self.scope.find(name)
        return found[0] if found is not None and isinstance(found[0], str) else name

    def function(self, name: str, span: Span) -> OpDef:
        """The function that `name` calls, or a report of what it is instead."""
        catalogue = self.context.catalogue
        op = catalogue.get(name, None)
        if op is not None and op.form == "function":
            return op
        if op is not None or name in self.context.blocks:
            raise self.context.fail(
                "NNC0308", span, f"`{name}` is a layer with a state: it needs an entry of its own",
                notes=("inside an expression only functions can be called",),
            )  # fmt: skip
        place = self.scope.place(name)
        advice = self.context.instead(name) if place is None else None
        if advice is not None:
            raise self.context.fail("NNC0301", span, f"`{name}` is not a function here", notes=(advice,))
        names = [n for n, o in catalogue.items() if o.form == "function"] + list(statics.FUNCTIONS)
        labels = (Label(place, f"`{name}` is a value"),) if place else ()
        fix = None if place else self.context.did_you_mean(name, span, names)
        raise self.context.fail("NNC0301", span, f"there is no function `{name}`", labels=labels, fix=fix)

    def _static_call(self, expr: tree.CallExpr, name: str) -> Binding:
        """A call through an argument that holds a function's name: `act(x)` with `args: {act: relu}`."""
        found = self.scope.find(name)
        assert found is not None
        held = str(found[0])
        callee = tree.Name(held, expr.callee.span)
        if held not in self.context.catalogue and held not in statics.FUNCTIONS:
            self.function(held, expr.callee.span)
        inner = Evaluator(self.context, self.scope.child())
        return inner._call(tree.CallExpr(callee, expr.arguments, expr.keywords, expr.span))

    def _static_function(
        self, expr: tree.CallExpr, name: str, arguments: list[Given], keywords: dict[str, Given]
    ) -> statics.Static:
        positional, named = [g.value for g in arguments], {k: g.value for k, g in keywords.items()}
        try:
            return self._static(expr.span, lambda: statics.FUNCTIONS[name](*positional, **named))
        except TypeError:
            message = f"`{name}` is called with the wrong number or names of arguments"
            raise self.context.fail("NNC0304", expr.span, message) from None

    def _apply(self, name: str, arguments: tuple[Binding, ...], span: Span) -> Binding:
        from nnc.compiler.elaborate.calls import Given, call_function

        return call_function(self, self.context.catalogue[name], [Given(a, span) for a in arguments], {}, span, None)


_PREFIXES = frozenset({"torch", "F", "nn", "np", "numpy", "tf", "jnp"})


def _prefixed(callee: tree.Attribute) -> bool:
    """Whether this is a function of a Python module, `torch.nn.functional.relu`, and no method of a value."""
    root: tree.Expr = callee
    while isinstance(root, tree.Attribute):
        root = root.value
    return isinstance(root, tree.Name) and root.name in _PREFIXES
