"""`freeze:` in the network's class: which parameters are not trained, and which running statistics stay.

self.features.requires_grad_(False)

def train(self, mode: bool = True) -> "Classifier":
    super().train(mode)
    for module in self.features.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return self
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from nnc.compiler.backends.torch.calls import SELF
from nnc.compiler.backends.torch.classes import ClassPlan, Plan
from nnc.compiler.backends.torch.paths import module_at
from nnc.compiler.backends.torch.rules import RULES
from nnc.compiler.backends.torch.syntax import Line, Marks, attribute, call, dotted, literal, name, render, text
from nnc.compiler.graph.ir import Graph
from nnc.compiler.graph.owned import owned

__all__ = ["freeze_lines", "train_method"]

INDENT = 8


def freeze_lines(plan: Plan, graph: Graph) -> Iterator[Line]:
    """The end of `__init__`. A module of which everything is frozen is frozen as a whole."""
    if graph.freeze is None:
        return
    frozen = {t.path: graph.freeze.covers(t.path) for t in owned(graph) if t.is_parameter}
    for path in _largest(frozen):
        made = call(attribute(_at(plan, graph, path), "requires_grad_"), [literal(False)])
        yield from render("", made, INDENT, graph.span, Marks())
    if _resting(graph):
        yield Line(f"{' ' * INDENT}self.train()", graph.span)


def train_method(plan: Plan, one: ClassPlan) -> Iterator[Line]:
    """The network's `train`, where normalization layers rest."""
    graph, span = one.graph, one.graph.span
    resting = _resting(graph)
    if not resting:
        return
    places = list(_largest({t.module: t.module in resting for t in owned(graph) if t.name == "running_mean"}))
    at = [_at(plan, graph, path) for path in places]
    types = sorted({RULES[kind].target for kind in resting.values()})
    kinds = ast.Tuple([dotted(t) for t in types]) if len(types) > 1 else dotted(types[0])
    yield Line("")
    yield Line(f'    def train(self, mode: bool = True) -> "{one.name}":', span)
    yield Line('        """Frozen layers keep their running statistics."""', span)
    yield Line("        super().train(mode)", span)
    indent, inside = INDENT, at[0]
    if len(at) > 1:
        yield from render("for frozen in ", ast.Tuple(at), INDENT, span, Marks(), ":")
        indent, inside = INDENT + 4, name("frozen")
    yield Line(f"{' ' * indent}for module in {text(call(attribute(inside, 'modules')))}:", span)
    yield Line(f"{' ' * indent}    if {text(call(name('isinstance'), [name('module'), kinds]))}:", span)
    yield Line(f"{' ' * indent}        module.eval()", span)
    yield Line("        return self", span)


def _resting(graph: Graph) -> Mapping[str, str]:
    """Normalization layers whose running statistics stay, with their types: those that are named, and those of which
    every parameter is frozen."""
    freeze = graph.freeze
    if freeze is None or not freeze.statistics:
        return {}
    tensors = list(owned(graph))
    trained = {t.module for t in tensors if t.is_parameter and not freeze.covers(t.path)}
    affine = {t.module for t in tensors if t.is_parameter}
    return {
        t.module: t.type
        for t in tensors
        if t.name == "running_mean" and t.module not in trained and (t.module in affine or freeze.covers(t.path))
    }


def _at(plan: Plan, graph: Graph, path: str) -> ast.expr:
    return module_at(plan, graph, path) if path else name(SELF)


def _largest(marked: Mapping[str, bool], inside: str = "") -> Iterator[str]:
    """The fewest paths that hold all that is marked, and nothing else: a module's where all in it is marked."""
    if all(marked.values()):
        yield from [inside] if marked else []
        return
    begin = len(inside) + 1 if inside else 0
    groups: dict[str, dict[str, bool]] = {}
    for path, mark in marked.items():
        groups.setdefault(path[:begin] + path[begin:].partition(".")[0], {})[path] = mark
    for part, group in groups.items():
        if any(group.values()):
            yield from _largest(group, part)
