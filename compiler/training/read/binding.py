"""Binds a call of a spec to a signature of the vocabulary: `AdamW(lr=1e-3)` or `{type: AdamW, lr: 1e-3}` ->
`BoundCall`.

Each fault is reported at its word. What depends on the length of the data (`total_steps=steps`) is kept as an
expression, checked with a stand-in, and computed by `resolve` when training begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nnc.compiler.diagnostics import Fix, Problems, Span
from nnc.compiler.expr.parser import parse
from nnc.compiler.expr.statics import describe
from nnc.compiler.expr.template import parse_template
from nnc.compiler.expr.tree import Attribute, CallExpr, Expr, Items, Keyword, Literal, Name
from nnc.compiler.ops.registry import Argument
from nnc.compiler.source.tree import Entry, Scalar, Sequence, Tree
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.training.config import BoundCall, Deferred, waits
from nnc.compiler.training.own import OWN, own_call
from nnc.compiler.training.read.values import Unknown, did_you_mean, evaluate, names_in
from nnc.compiler.training.vocabulary import INSTEAD, VOCABULARY, Vocabularies
from nnc.compiler.training.vocabulary.kinds import are_names, is_formula, nested_group
from nnc.compiler.training.vocabulary.registry import CallDef, Group, Refused

__all__ = ["Binder", "formula", "resolve"]

A = {"optimizer": "an optimizer", "dataset": "a dataset"}  # the others take "a"
STAND_IN = 1000  # steps per epoch, while the length of the data is not known


@dataclass(frozen=True, slots=True)
class Given:
    value: Any
    span: Span


@dataclass
class Binder:
    """`names` are the values that expressions may use; those in `later` are known only when training begins. `imports` are
    files of the user's own code, by name."""

    problems: Problems
    names: Mapping[str, Any] = field(default_factory=dict)
    later: Mapping[str, Any] = field(default_factory=dict)
    vocabularies: Vocabularies = field(default_factory=lambda: VOCABULARY)
    imports: Mapping[str, str] = field(default_factory=dict)

    # -- a call in the file --------------------------------------------------------------------------------------------

    def tree(self, tree: Tree, group: Group, reserved: tuple[str, ...] = ()) -> BoundCall | None:
        """A call string or the mapping form. Keys in `reserved` are the caller's. None after reporting a fault."""
        match tree:
            case Scalar(value=str(text)):
                expr = parse(text, tree.content, self.problems)
                return None if expr is None else self.expression(expr, group)
            case TreeMapping():
                return self._mapping(tree, group, reserved)
        notes = ("a call with a comma inside [ ] or { } must be quoted, or stand on its own line",)
        self.problems.error(
            "NNC0808", tree.span, f"{_a(group)} is written as a call or as a mapping with `type`", notes=notes
        )
        return None

    def expression(self, expr: Expr, group: Group) -> BoundCall | None:
        """A parsed call, or a bare name: `AdamW` is `AdamW()`."""
        callee = expr.callee if isinstance(expr, CallExpr) else expr
        if isinstance(callee, Attribute):
            return self._own(expr, callee, group, ())
        if not isinstance(callee, Name):
            self.problems.error(
                "NNC0808", expr.span, f"{_a(group)} is written as a name or a call, such as {_example(self, group)}"
            )
            return None
        found = self._find(callee.name, callee.span, group)
        if found is None:
            return None
        positional, keywords = (expr.arguments, expr.keywords) if isinstance(expr, CallExpr) else ((), ())
        return self._bind(found, expr.span, positional, keywords, ())

    def _mapping(self, tree: TreeMapping, group: Group, reserved: tuple[str, ...]) -> BoundCall | None:
        kind = tree.get("type")
        if not isinstance(kind, Scalar) or not isinstance(kind.value, str):
            span = tree.span if kind is None else kind.span
            self.problems.error("NNC0808", span, f"`type` names {_a(group)}, such as {_example(self, group)}")
            return None
        expr = parse(kind.value, kind.content, self.problems)
        if expr is None:
            return None
        callee = expr.callee if isinstance(expr, CallExpr) else expr
        if isinstance(callee, Attribute):
            own = tuple(e for e in tree.entries if e.key.value != "type" and e.key.value not in reserved)
            return self._own(expr, callee, group, own)
        if not isinstance(callee, Name):
            self.problems.error("NNC0808", kind.span, f"`type` names {_a(group)}, such as {_example(self, group)}")
            return None
        found = self._find(callee.name, callee.span, group)
        if found is None:
            return None
        entries = tuple(e for e in tree.entries if e.key.value != "type" and e.key.value not in reserved)
        positional, keywords = (expr.arguments, expr.keywords) if isinstance(expr, CallExpr) else ((), ())
        return self._bind(found, expr.span, positional, keywords, entries)

    def _own(self, expr: Expr, callee: Attribute, group: Group, entries: tuple[Entry, ...]) -> BoundCall | None:
        """`mylib.Recordings(root="audio")`: a class of one's own."""
        if group not in OWN or callee.name.startswith("_"):
            what = "a name that begins with _ is nobody else's" if group in OWN else f"{_a(group)} is torch's"
            self.problems.error("NNC0801", callee.span, f"code of your own gives datasets and transforms: {what}")
            return None
        if not isinstance(callee.value, Name) or callee.value.name not in self.imports:
            fix = Fix(f"add `imports: {{{callee.span.text.partition('.')[0]}: ./my_code.py}}`")
            self.problems.error(
                "NNC0801", callee.span, f"`{callee.span.text}` names a file that is not imported", fix=fix
            )
            return None
        positional, keywords = (expr.arguments, expr.keywords) if isinstance(expr, CallExpr) else ((), ())
        given = (*(k.name for k in keywords), *(str(e.key.value) for e in entries))
        found = own_call(group, f"{callee.value.name}.{callee.name}", given)
        return self._bind(found, expr.span, positional, keywords, entries)

    def _find(self, name: str, span: Span, group: Group) -> CallDef | None:
        table = self.vocabularies[group]
        if name in table:
            return table[name]
        other = next((g for g, t in self.vocabularies.items() if name in t), None)
        if other is not None and not (group == "transform" and name in INSTEAD):
            self.problems.error("NNC0801", span, f"`{name}` is {_a(other)}, and {_a(group)} is needed here")
        elif group == "transform" and name in INSTEAD:
            self.problems.error("NNC0801", span, f"`{name}` is not among a field's transforms: {INSTEAD[name]}")
        elif group == "dataset" and (reason := _not_a_dataset(name)) is not None:
            self.problems.error("NNC0801", span, f"`{name}` is no dataset of a spec: {reason}")
        else:
            fix = did_you_mean(name, span, list(table))
            notes = (f"{group}s are {', '.join(table)}",)
            self.problems.error(
                "NNC0801", span, f"there is no {group} `{name}`", fix=fix, notes=notes if fix is None else ()
            )
        return None

    # -- arguments -----------------------------------------------------------------------------------------------------

    def _bind(
        self,
        found: CallDef,
        span: Span,
        positional: tuple[Expr, ...],
        keywords: tuple[Keyword, ...],
        entries: tuple[Entry, ...],
    ) -> BoundCall | None:
        before = len(self.problems)
        given: dict[str, Given] = {}
        for argument, expr in zip(found.positional, positional, strict=False):
            self._give(given, argument, expr)
        if len(positional) > len(found.positional):
            self._too_many(found, positional[len(found.positional)].span)
        for keyword in keywords:
            if (named := self._argument(found, keyword.name, keyword.span)) is not None:
                self._give(given, named, keyword.value)
        for entry in entries:
            if (named := self._argument(found, str(entry.key.value), entry.key.content)) is not None:
                self._give(given, named, entry.value)
        if len(self.problems) > before:
            return None
        for argument in found.arguments:
            if argument.required and argument.name not in given:
                self.problems.error(
                    "NNC0803", span, f"{found.name} needs `{argument.name}`: {argument.kind.words}",
                    fix=Fix(f"write {found.name}({argument.name}=…)"),
                )  # fmt: skip
                return None
        arguments = {a.name: given[a.name].value for a in found.arguments if a.name in given}
        bound = BoundCall(found.group, found.name, arguments, span, {n: g.span for n, g in given.items()})
        return bound if self._fits_together(found, bound) else None

    def _too_many(self, found: CallDef, span: Span) -> None:
        most = len(found.positional)
        keyword = [a.name for a in found.arguments if a.keyword_only]
        notes = (f"by keyword it takes {', '.join(keyword)}",) if keyword else ()
        self.problems.error("NNC0821", span, f"{found.name} takes {most or 'no'} arguments by position", notes=notes)

    def _argument(self, found: CallDef, name: str, span: Span) -> Argument | None:
        argument = found.argument(name)
        if argument is not None:
            return argument
        if name in found.omitted:
            self.problems.error("NNC0809", span, f"`{name}` of {found.name} cannot be given: {found.omitted[name]}")
            return None
        known = [a.name for a in found.arguments]
        fix = did_you_mean(name, span, known)
        notes = (f"its arguments are {', '.join(known)}" if known else "it takes no arguments",) if fix is None else ()
        self.problems.error("NNC0802", span, f"{found.name} has no argument `{name}`", fix=fix, notes=notes)
        return None

    def _give(self, given: dict[str, Given], argument: Argument, written: Expr | Tree) -> None:
        if argument.name in given:
            self.problems.error("NNC0805", written.span, f"`{argument.name}` is given twice")
            return
        before = len(self.problems)
        try:
            if isinstance(written, Scalar | Sequence | TreeMapping):
                value = self._tree_value(written, argument)
            else:
                value = self._expression_value(written, argument)
        except Unknown as unknown:
            self.problems.error(unknown.code, unknown.span, unknown.message, fix=unknown.fix, notes=unknown.notes)
            return
        if len(self.problems) > before:
            return
        given[argument.name] = Given(value, written.span)
        self._check_kind(argument, value, written.span)

    def _expression_value(self, expr: Expr, argument: Argument) -> Any:
        if are_names(argument.kind) and isinstance(expr, Items) and all(isinstance(i, Name) for i in expr.items):
            return tuple(i.name for i in expr.items if isinstance(i, Name))
        group = nested_group(argument.kind)
        later = not self.later.keys().isdisjoint(names_in(expr))
        names = {**self.names, **self.later} if later else self.names
        value = evaluate(expr, names, (lambda e: self.expression(e, group)) if group else None)
        if is_formula(argument.kind):
            self._check_formulas(expr, value)
        if later and group is None:
            self._check_kind(argument, value, expr.span)  # with the stand-in
            return Deferred(expr)
        return value

    def _tree_value(self, tree: Tree, argument: Argument) -> Any:
        """A value of the mapping form: text is text, unless it is `${…}`, `$name`, or stands where a call belongs."""
        group = nested_group(argument.kind)
        match tree:
            case Sequence(items=items):
                return tuple(self._tree_value(i, argument) for i in items)
            case TreeMapping() if group is not None:
                return self.tree(tree, group)
            case TreeMapping():
                return {str(e.key.value): self._tree_value(e.value, argument) for e in tree.entries}
            case Scalar(value=str(text)) if group is not None:
                return self.tree(tree, group)
            case Scalar(value=str(text)):
                parts = parse_template(text, tree.content, self.problems)
                if parts is not None and len(parts) == 1 and not isinstance(parts[0], str):
                    return self._expression_value(parts[0], argument)
                if is_formula(argument.kind):
                    self._check_formula(text, tree.content)
                return text
        return tree.value

    def _check_kind(self, argument: Argument, value: Any, span: Span) -> None:
        later = waits(value) and nested_group(argument.kind) is None  # calls are there, whatever their arguments are
        if later or argument.kind.accepts(value):
            return
        fix = None
        if isinstance(value, str) and argument.kind.choices:
            best = did_you_mean(value, span, list(argument.kind.choices))
            fix = best and Fix(f'did you mean "{best.replacement}"?', span, f'"{best.replacement}"')
        message = f"`{argument.name}` must be {argument.kind.words}, not {_said(value)}"
        self.problems.error("NNC0804", span, message, fix=fix)

    def _check_formulas(self, expr: Expr, value: Any) -> None:
        literals = getattr(expr, "items", (expr,))
        for literal, text in zip(literals, value if isinstance(value, tuple) else (value,), strict=False):
            if isinstance(text, str):
                self._check_formula(
                    text, literal.span.sub(1, len(text) + 1) if isinstance(literal, Literal) else literal.span
                )

    def _check_formula(self, text: str, span: Span) -> None:
        expr = parse(text, span, self.problems)
        if expr is not None:
            value = evaluate(expr, {**self.names, **self.later, "epoch": 1})
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise Unknown(span, f"the formula gives {describe(value)}, not a factor", "NNC0804")

    def _fits_together(self, found: CallDef, bound: BoundCall) -> bool:
        """The rule of the signature, on all arguments. What waits for the data has its stand-in, and is looked at again by
        `resolve`."""
        values = {a.name: self._now(bound.arguments.get(a.name, a.default)) for a in found.arguments}
        try:
            found.check(**values)
        except Refused as refused:
            span = bound.spans.get(refused.argument or "", bound.span)
            self.problems.error("NNC0811", span, f"{found.name}: {refused.message}")
            return False
        return True

    def _now(self, value: Any) -> Any:
        match value:
            case Deferred(expression=expression):
                return evaluate(expression, {**self.names, **self.later})
            case tuple():
                return tuple(map(self._now, value))
        return value


def resolve(
    call: BoundCall, names: Mapping[str, Any], problems: Problems, vocabularies: Vocabularies = VOCABULARY
) -> BoundCall | None:
    """The call with its deferred arguments computed from `names`. None after reporting that a value does not fit."""
    if not call.deferred:
        return call
    binder = Binder(problems, names, {}, vocabularies)
    found = vocabularies[call.group][call.name]  # type: ignore[index]  # a bound call's group is one of them
    before = len(problems)
    arguments: dict[str, Any] = {}
    for argument in found.arguments:
        if argument.name in call.arguments:
            value = _resolved(call.arguments[argument.name], names, problems, vocabularies)
            arguments[argument.name] = value
            if len(problems) == before:
                binder._check_kind(argument, value, call.spans[argument.name])
    if len(problems) > before:
        return None
    done = replace(call, arguments=arguments)
    return done if binder._fits_together(found, done) else None


def _resolved(value: Any, names: Mapping[str, Any], problems: Problems, vocabularies: Vocabularies) -> Any:
    match value:
        case Deferred(expression=expression):
            try:
                return evaluate(expression, names)
            except Unknown as unknown:
                problems.error(unknown.code, unknown.span, unknown.message, fix=unknown.fix, notes=unknown.notes)
                return None
        case BoundCall():
            return resolve(value, names, problems, vocabularies)
        case tuple():
            return tuple(_resolved(v, names, problems, vocabularies) for v in value)
    return value


def formula(text: str, names: Mapping[str, Any], span: Span) -> Any:
    """`lr_lambda` as a function of the epoch. The text was checked when the call was bound."""
    expr = parse(text, span, Problems())
    assert expr is not None, "a formula is checked when it is bound"

    def factor(epoch: int) -> float:
        return float(evaluate(expr, {**names, "epoch": epoch}))

    return factor


def _not_a_dataset(name: str) -> str | None:
    from nnc.compiler.training.vocabulary.not_datasets import NOT_DATASETS  # read only where a name was not found

    return NOT_DATASETS.get(name)


def _a(group: Group) -> str:
    return A.get(group, f"a {group}")


def _example(binder: Binder, group: Group) -> str:
    return next(iter(binder.vocabularies[group]))


def _said(value: Any) -> str:
    if isinstance(value, tuple) and 0 < len(value) <= 6 and all(isinstance(v, int | float | str) for v in value):
        return str(list(value))
    return str(value) if isinstance(value, BoundCall) else describe(value)
