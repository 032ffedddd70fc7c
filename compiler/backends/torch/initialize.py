"""`init:` at the end of `__init__`: as people write it, in the order in which the parameters are registered.

nn.init.trunc_normal_(self.conv_proj.weight, std=0.02)          rules that name few parameters

for module in self.modules():                                   rules by type
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")

for name, module in self.named_modules():                       any others: of the rules that fit, the last one decides
    for key, parameter in module.named_parameters(recurse=False):
        if name == "classifier.1" and key == "weight":
            nn.init.normal_(parameter, std=0.01)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nnc.compiler.backends.torch.calls import SELF
from nnc.compiler.backends.torch.classes import ClassPlan, Plan
from nnc.compiler.backends.torch.naming import Names
from nnc.compiler.backends.torch.paths import module_at
from nnc.compiler.backends.torch.rules import RULES
from nnc.compiler.backends.torch.syntax import (
    Line,
    Marks,
    attribute,
    binary,
    call,
    dotted,
    index,
    literal,
    member,
    name,
    render,
    text,
)  # fmt: skip
from nnc.compiler.expr import tree
from nnc.compiler.graph.initial import ITSELF, Initializer, choose, is_literal
from nnc.compiler.graph.owned import owned
from nnc.compiler.ops.registry import OpDef

__all__ = ["Initialization"]

INDENT = 8
FEW = 4  # parameters that are written one by one, though a glob names them
MATH = frozenset({"ceil", "exp", "floor", "log", "log2", "sqrt"})

Chosen = tuple[int, str]  # a rule, and the key of one of its settings


class Initialization:
    """Writes what the rules of one class come to. What they fit is looked up in all graphs that the class serves."""

    def __init__(self, plan: Plan, one: ClassPlan) -> None:
        self.plan, self.one, self.rules = plan, one, one.graph.init
        self.tensors = [list(owned(graph)) if self.rules else [] for graph in one.instances]
        self.chosen = [{t.path: c for t in ts if (c := choose(g.init, t)) is not None}
                       for g, ts in zip(one.instances, self.tensors, strict=True)]  # fmt: skip
        self.used: dict[Chosen, None] = {}
        names = Names({p.name for p in one.parameters})
        self.name, self.module, self.key, self.parameter = map(names.claim, ("name", "module", "key", "parameter"))

    def lines(self) -> Iterator[Line]:
        """The statements. Tensors of the class itself are the first in any order, and stand alone where they can."""
        everything = self.chosen
        self._decide([{p: c for p, c in chosen.items() if "." in p} for chosen in everything])
        if self.used and not self._is_short() and not self._is_by_type():
            self._decide(everything)
            yield from self._by_name()
            return
        yield from self._one_by_one({p: c for p, c in everything[0].items() if "." not in p})
        if self.used:
            yield from self._one_by_one(self.chosen[0]) if self._is_short() else self._by_type()

    def _decide(self, chosen: list[dict[str, Chosen]]) -> None:
        self.chosen = chosen
        self.used = dict.fromkeys(c for one in chosen for c in one.values())

    # -- one by one ----------------------------------------------------------------------------------------------------

    def _is_short(self) -> bool:
        """Whether all instances have the same few parameters to fill, or the rules name each of theirs."""
        paths = [set(chosen) for chosen in self.chosen]
        if any(p != paths[0] for p in paths):
            return False
        named = all(is_literal(g) for i, _ in self.used for g in self.rules[i].globs)
        typed = any(self.rules[i].types for i, _ in self.used)
        return not typed and (named or len(paths[0]) <= FEW)

    def _one_by_one(self, chosen: Mapping[str, Chosen]) -> Iterator[Line]:
        for tensor in self.tensors[0]:
            if tensor.path in chosen:
                place = module_at(self.plan, self.one.graph, tensor.path)
                around = module_at(self.plan, self.one.graph, tensor.module) if tensor.module else name(SELF)
                yield from self._fill(chosen[tensor.path], place, around, INDENT)

    # -- by type -------------------------------------------------------------------------------------------------------

    def _is_by_type(self) -> bool:
        """Whether each type of layer has one rule, and the rules have nothing else."""
        used = dict.fromkeys(i for i, _ in self.used)
        types = [t for i in used for t in self.rules[i].types]
        plain = all(not self.rules[i].globs for i in used) and all(is_literal(key) for _, key in self.used)
        return plain and len(types) == len(set(types))

    def _by_type(self) -> Iterator[Line]:
        span = self._initializer(next(iter(self.used))).span
        yield Line(f"{' ' * INDENT}for {self.module} in self.modules():", span)
        word = "if"
        for i in sorted({i for i, _ in self.used}):
            rule = self.rules[i]
            met = [t for ts in self.tensors for t in ts if t.type in rule.types]
            keys = [k for k in dict.fromkeys(t.name for t in met) if (i, k) in self.used]
            span = self._initializer((i, keys[0])).span
            yield Line(f"{' ' * (INDENT + 4)}{word} {text(self._is_instance(rule.types))}:", span)
            for key in keys:
                place, indent = member(name(self.module), key), INDENT + 8
                if self._may_miss(rule.types, key):
                    there = place
                    if len(rule.types) > 1:  # a type that never has it has no such attribute
                        there = call(name("getattr"), [name(self.module), literal(key), literal(None)])
                    yield Line(f"{' ' * indent}if {text(there)} is not None:", self._initializer((i, key)).span)
                    indent += 4
                yield from self._fill((i, key), place, name(self.module), indent)
            word = "elif"

    def _may_miss(self, types: Sequence[str], key: str) -> bool:
        """Whether some layer of these types has no such parameter."""
        for tensors in self.tensors:
            layers = {t.module for t in tensors if t.type in types}
            if layers - {t.module for t in tensors if t.name == key}:
                return True
        nodes = (n for graph in self.one.instances for _, n in graph.walk() if n.is_module and not n.parameters)
        return any(isinstance(n.target, OpDef) and n.target.name in types for n in nodes)

    # -- by name -------------------------------------------------------------------------------------------------------

    def _by_name(self) -> Iterator[Line]:
        span = self._initializer(next(iter(self.used))).span
        modules = f"for {self.name}, {self.module} in self.named_modules():"
        inner = f"for {self.key}, {self.parameter} in {self.module}.named_parameters(recurse=False):"
        yield Line(f"{' ' * INDENT}{modules}", span)
        yield Line(f"{' ' * (INDENT + 4)}{inner}", span)
        word = "if"
        for chosen in reversed([(i, k) for i, r in enumerate(self.rules) for k in r.settings if (i, k) in self.used]):
            span = self._initializer(chosen).span
            yield Line(f"{' ' * (INDENT + 8)}{word} {text(self._fits(*chosen))}:", span)
            yield from self._fill(chosen, name(self.parameter), name(self.module), INDENT + 12)
            word = "elif"

    def _fits(self, i: int, key: str) -> ast.expr:
        rule = self.rules[i]
        if key == ITSELF:
            joined = ast.Name(f'f"{{{self.name}}}.{{{self.key}}}".strip(".")')
            return _any([_matches(joined, g) for g in rule.globs])
        module = [self._is_instance(rule.types)] if rule.types else []
        module += [_matches(name(self.name), g) for g in rule.globs]
        return ast.BoolOp(ast.And(), [_any(module), _matches(name(self.key), key)])

    def _is_instance(self, types: Sequence[str]) -> ast.expr:
        targets = [dotted(RULES[t].target) for t in types]
        return call(name("isinstance"), [name(self.module), targets[0] if len(targets) == 1 else ast.Tuple(targets)])

    # -- one tensor ----------------------------------------------------------------------------------------------------

    def _initializer(self, chosen: Chosen) -> Initializer:
        return self.rules[chosen[0]].settings[chosen[1]]

    def _fill(self, chosen: Chosen, place: ast.expr, module: ast.expr, indent: int) -> list[Line]:
        """`nn.init.normal_(self.fc.weight, std=0.01)`."""
        initializer = self._initializer(chosen)
        given: dict[str, ast.expr] = {}
        for word, expr in initializer.arguments.items():
            constants = (self.one.formula(("init", *chosen, word, k)) for k in range(1 << 30))
            given[word] = self._value(expr, constants, self._layer(chosen, place, module))
        positional = [place, *([given.pop("val")] if "val" in given else [])]
        made = call(dotted(f"nn.init.{initializer.function}"), positional, given)
        return render("", made, indent, initializer.span, Marks())

    def _layer(self, chosen: Chosen, place: ast.expr, module: ast.expr) -> Mapping[str, ast.expr]:
        """How the layer's numbers are read while the network is made; others are its attributes."""
        met = [t for ts, c in zip(self.tensors, self.chosen, strict=True) for t in ts if c.get(t.path) == chosen]
        matrices = {len(t.spec.shape) > 1 for t in met}
        weight = place if matrices == {True} else attribute(module, "weight")
        if len(matrices) > 1:
            several = binary(">", call(attribute(place, "dim")), literal(1))
            weight = ast.IfExp(several, place, weight)
        every = ast.Slice()
        fan_out = index(weight, ast.Tuple([every, literal(0)]))
        return {
            "": module,
            "fan_in": call(attribute(index(weight, 0), "numel")),
            "fan_out": call(attribute(fan_out, "numel")),
        }

    def _value(self, expr: Any, constants: Iterator[ast.expr], layer: Mapping[str, ast.expr]) -> ast.expr:
        match expr:
            case tree.Literal():
                return next(constants)
            case tree.Name(name=word):
                return layer[word] if word in layer else attribute(layer[""], word)
            case tree.Unary(operator=operator, operand=operand):
                inner = self._value(operand, constants, layer)
                return ast.UnaryOp(ast.USub() if operator == "-" else ast.UAdd(), inner)
            case tree.Binary(operator=operator, left=left, right=right):
                first = self._value(left, constants, layer)
                return binary(operator, first, self._value(right, constants, layer))
            case tree.CallExpr(callee=tree.Name(name=word), arguments=arguments):
                function = dotted(f"math.{word}") if word in MATH else name(word)
                return call(function, [self._value(a, constants, layer) for a in arguments])
        raise AssertionError(f"a {type(expr).__name__} in an initializer's argument")


def _any(conditions: Sequence[ast.expr]) -> ast.expr:
    return conditions[0] if len(conditions) == 1 else ast.BoolOp(ast.Or(), list(conditions))


def _matches(value: ast.expr, glob: str) -> ast.expr:
    if is_literal(glob):
        return binary("==", value, literal(glob))
    return call(name("fnmatchcase"), [value, literal(glob)])
