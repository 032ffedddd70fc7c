"""`init:` and `freeze:` meet the finished graph: rules are matched, their arguments computed, and what torch would
refuse is said at the line.

An argument may use the layer that it is computed for: `std=sqrt(2 / fan_out)`. It is computed here for every layer
that the rule decides, and kept as an expression for the emitted code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from nnc.compiler.diagnostics import Fix, Span
from nnc.compiler.elaborate.calls import Given, bind
from nnc.compiler.elaborate.context import Context, Failed
from nnc.compiler.elaborate.evaluate import Evaluator
from nnc.compiler.elaborate.scope import Scope
from nnc.compiler.expr import tree
from nnc.compiler.expr.mentions import names_in
from nnc.compiler.graph.initial import ITSELF, LAYER_NAMES, Freeze, Initializer, InitRule, choose, fits, layer_values
from nnc.compiler.graph.ir import Graph
from nnc.compiler.graph.owned import Owned, owned
from nnc.compiler.init.functions import FUNCTIONS, InitFunction, Target, Unfit
from nnc.compiler.init.read import RuleDecl, SettingDecl, read_rules
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Scalar, Tree
from nnc.compiler.source.tree import Sequence as TreeSequence
from nnc.compiler.suggest import closest

__all__ = ["freezing", "initial_values"]

SEEN = frozenset({"fan_in", "fan_out", *LAYER_NAMES})
WORK_PER_PATTERN = 5  # a glob is compared in some µs
CALLED = frozenset({"abs", "ceil", "exp", "float", "floor", "int", "log", "log2", "max", "min", "round", "sqrt"})
"""Functions that an argument may call on the layer's numbers: Python has each of them."""


def initial_values(context: Context, scope: Scope, section: Tree | None, graph: Graph) -> tuple[InitRule, ...]:
    """The rules of a section for one graph. Raises `Failed` after reporting a fault."""
    before = len(context.problems)
    decls = read_rules(section, context.problems)
    if not decls:
        if len(context.problems) > before:
            raise Failed
        return ()
    resolver = _Resolver(context, scope, decls)
    resolver.failed |= len(context.problems) > before
    rules = tuple(resolver.rule(d) for d in decls)
    if resolver.failed:
        raise Failed
    resolver.decide(rules, graph)
    if resolver.failed:
        raise Failed
    return rules


class _Resolver:
    def __init__(self, context: Context, scope: Scope, decls: Sequence[RuleDecl]) -> None:
        self.context, self.scope, self.decls = context, scope, decls
        self.failed = False
        self.fixed: dict[Span, dict[str, Given]] = {}  # arguments that are the same for every layer
        self.checked: set[tuple[Any, ...]] = set()

    # -- what is written -----------------------------------------------------------------------------------------------

    def rule(self, decl: RuleDecl) -> InitRule:
        self.context.uses.rules[decl.span] = decl
        types = tuple(p.text for p in decl.patterns if self._is_type(p.text))
        globs = tuple(p.text for p in decl.patterns if p.text not in types)
        self.context.uses.types.update(types)
        settings: dict[str, Initializer] = {}
        for setting in decl.settings:
            try:
                settings[setting.key] = self._initializer(setting)
                if setting.key == ITSELF and types:
                    message = f"`{ITSELF}:` fills parameters by their own names, and `{types[0]}` is a type of layer"
                    notes = ("name the parameter of the layer instead: `weight: …`",)
                    self.context.fail("NNC0752", setting.key_span, message, notes=notes)
                    self.failed = True
            except Failed:
                self.failed = True
        return InitRule(types, globs, settings)

    def _is_type(self, text: str) -> bool:
        op = self.context.catalogue.get(text, None)
        return op is not None and op.form == "module"

    def _initializer(self, decl: SettingDecl) -> Initializer:
        function = self._function(decl)
        positional = [self._argument(e) for e in decl.arguments]
        keywords = {k.name: (self._argument(k.value), k) for k in decl.keywords}
        names = [a.name for a in function.arguments]
        arguments = dict(zip(names, positional, strict=False)) | {n: e for n, (e, _) in keywords.items()}
        if not any(_sees(e) for e in arguments.values()):
            bound = self.fixed[decl.span] = self._bind(function, decl, {})
            arguments = {n: tree.Literal(g.value, g.span) for n, g in bound.items()}
        return Initializer(function.name, arguments, decl.span)

    def _function(self, decl: SettingDecl) -> InitFunction:
        if decl.function is None:
            return FUNCTIONS["constant_"]
        name, span = decl.function.name, decl.function.span
        if name not in FUNCTIONS:
            fix = self.context.did_you_mean(name, span, list(FUNCTIONS))
            notes = () if fix else (f"they are {', '.join(FUNCTIONS)}",)
            raise self.context.fail("NNC0753", span, f"torch.nn.init has no function `{name}`", notes=notes, fix=fix)
        return FUNCTIONS[name]

    def _argument(self, expr: tree.Expr) -> tree.Expr:
        """The expression with everything computed but what depends on the layer."""
        if not _sees(expr):
            value = Evaluator(self.context, self.scope).static(expr, "an initializer's argument")
            return tree.Literal(value, expr.span)
        match expr:
            case tree.Name():
                return expr
            case tree.Unary(operator="-" | "+" as operator, operand=operand):
                return tree.Unary(operator, self._argument(operand), expr.span)
            case tree.Binary(operator="+" | "-" | "*" | "/" | "//" | "%" | "**" as operator, left=left, right=right):
                return tree.Binary(operator, self._argument(left), self._argument(right), expr.span)
            case tree.CallExpr(callee=tree.Name(name=name), arguments=arguments, keywords=()) if name in CALLED:
                return tree.CallExpr(expr.callee, tuple(map(self._argument, arguments)), (), expr.span)
        raise self.context.fail(
            "NNC0752", expr.span, "with the layer's numbers only arithmetic is possible here",
            notes=(f"operators, and {', '.join(sorted(CALLED))}",),
        )  # fmt: skip

    # -- what it comes to, tensor by tensor ------------------------------------------------------------------------------

    def decide(self, rules: Sequence[InitRule], graph: Graph) -> None:
        """Checks the initializer of every parameter that a rule decides."""
        modules: dict[str, list[Owned]] = defaultdict(list)
        for tensor in owned(graph):
            if tensor.is_parameter:
                modules[tensor.module].append(tensor)
                self.context.uses.present |= {tensor.type: None, tensor.module: None}
        by_type = not any(rule.globs for rule in rules)
        decided: dict[tuple[str, str], tuple[int, str] | None] = {}  # with rules by type alone, equal for equal layers
        for siblings in modules.values():
            for tensor in siblings:
                kind = (tensor.type, tensor.name)
                if not by_type or kind not in decided:
                    self.context.step(graph.span, WORK_PER_PATTERN * sum(len(d.patterns) for d in self.decls))
                    for decl, rule in zip(self.decls, rules, strict=True):
                        self._note(decl, rule, tensor)
                    decided[kind] = choose(rules, tensor)
                chosen = decided[kind]
                if chosen is not None:
                    self._fill(next(s for s in self.decls[chosen[0]].settings if s.key == chosen[1]), tensor, siblings)

    def _note(self, decl: RuleDecl, rule: InitRule, tensor: Owned) -> None:
        """Remembers what a rule meets, whether or not a later one overrides it."""
        uses = self.context.uses
        for pattern in decl.patterns:
            if pattern.text in rule.types:
                met = tensor.type == pattern.text
            else:
                named = fnmatchcase(tensor.path, pattern.text)
                met = fnmatchcase(tensor.module, pattern.text) or (named and ITSELF in rule.settings)
                if named and not met:
                    uses.tensors.add(pattern.span)
            if met:
                uses.patterns.add(pattern.span)
                uses.known.setdefault(decl.span, {})[tensor.name] = None
        key = rule.setting(tensor)
        uses.keys |= {s.key_span for s in decl.settings if s.key == key}

    def _fill(self, decl: SettingDecl, tensor: Owned, siblings: Sequence[Owned]) -> None:
        """Computes the arguments for one parameter, once for equal ones, and asks the function whether they fit it."""
        function, fixed = self._function(decl), self.fixed.get(decl.span)
        layer = layer_values(tensor, siblings) if fixed is None else {}
        case = tensor.spec.shape, tensor.spec.dtype, tuple(layer.items()), decl.span
        if case in self.checked:
            return
        self.checked.add(case)
        try:
            bound = fixed if fixed is not None else self._bind(function, decl, layer, tensor)
            function.check(Target(tensor.spec.shape, tensor.spec.dtype), {n: g.value for n, g in bound.items()})
        except Unfit as unfit:
            span = bound[unfit.argument].span if unfit.argument in bound else decl.span
            note = f"`{tensor.path}`{f' of {tensor.type}' if tensor.type else ''} has shape {list(tensor.spec.shape)}"
            self.context.fail("NNC0754", span, unfit.message, notes=(note,))
            self.failed = True
        except Failed:
            self.failed = True

    def _bind(
        self, function: InitFunction, decl: SettingDecl, layer: Mapping[str, Any], tensor: Owned | None = None
    ) -> dict[str, Given]:
        """The arguments by torch's names, computed for one layer."""
        inner = self.scope.child()
        for name, value in layer.items():
            inner.define(name, value)
        if tensor is not None:
            self._refuse_unknown(layer, [*decl.arguments, *(k.value for k in decl.keywords)], tensor)
        evaluator = Evaluator(self.context, inner)
        given = [Given(evaluator.static(e, "an initializer's argument"), e.span) for e in decl.arguments]
        named = {k.name: Given(evaluator.static(k.value, f"`{k.name}`"), k.value.span, k.span) for k in decl.keywords}
        return bind(self.context, function.name, function.arguments, function.arguments, given, named, decl.span)

    def _refuse_unknown(self, layer: Mapping[str, Any], expressions: Sequence[tree.Expr], tensor: Owned) -> None:
        for expr in expressions:
            for name in names_in([expr]):
                if name in SEEN and name not in layer:
                    what = f"`{tensor.module}`, a {tensor.type}," if tensor.type else f"`{tensor.path}`"
                    raise self.context.fail(
                        "NNC0752",
                        expr.span,
                        f"{what} has no `{name}`",
                        notes=(f"known of it: {', '.join(layer) or 'nothing'}",),
                    )


def _sees(expr: tree.Expr) -> bool:
    """Whether a value depends on the layer it is computed for."""
    return any(name in SEEN for name in names_in([expr]))


# -- freeze: ---------------------------------------------------------------------------------------------------------


def freezing(context: Context, section: Tree | None, graph: Graph) -> Freeze | None:
    """What `freeze:` says of one graph; a glob that meets nothing is a fault. Raises `Failed` after reporting it."""
    if section is None:
        return None
    statistics, match, besides = True, section, None
    if isinstance(section, TreeMapping):
        match, besides, flag = section.get("match") or section, section.get("except"), section.get("statistics")
        statistics = not (isinstance(flag, Scalar) and flag.value is False)
    patterns, exceptions = list(_globs(match)), list(_globs(besides))
    tensors = list(owned(graph))
    met = [_meets(context, glob, span, tensors) for glob, span in [*patterns, *exceptions]]
    if not all(met):
        raise Failed
    return Freeze(tuple(g for g, _ in patterns), statistics, tuple(g for g, _ in exceptions))


def _meets(context: Context, glob: str, span: Span, tensors: Sequence[Owned]) -> bool:
    """Whether a glob names anything; that it does not is reported."""
    context.step(span, WORK_PER_PATTERN * len(tensors))
    if any(fits(t.path, glob) for t in tensors):
        return True
    paths = [t.path.split(".") for t in tensors]
    names = dict.fromkeys(".".join(parts[:i]) for parts in paths for i in range(1, len(parts) + 1))
    tail = ".*" if glob.endswith(".*") else ""
    best = closest(glob.removesuffix(tail), list(names))
    fix = Fix(f"did you mean `{best}{tail}`?", span, f"{best}{tail}") if best else None
    notes = () if fix else ("a glob is compared with names such as `features.0.weight` and `features.0`",)
    context.fail("NNC0755", span, f"nothing that the network owns is called `{glob}`", notes=notes, fix=fix)
    return False


def _globs(tree: Tree | None) -> Iterator[tuple[str, Span]]:
    for item in tree.items if isinstance(tree, TreeSequence) else (tree,):
        if isinstance(item, Scalar) and isinstance(item.value, str):
            yield item.value, item.content
