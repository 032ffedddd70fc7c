"""`use:`, a module called again: the same parameters on another input.

left: Linear(8)
right: {use: left, from: y}         the same weight, so `y` must be as wide as what `left` took
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nnc.compiler.diagnostics import Label
from nnc.compiler.elaborate.calls import Flow, Given, add_op, wire
from nnc.compiler.elaborate.context import Failed
from nnc.compiler.elaborate.evaluate import Evaluator
from nnc.compiler.elaborate.expand import Pending
from nnc.compiler.elaborate.layers import add_graph_node, call_keywords, no_call
from nnc.compiler.elaborate.scope import Binding, Builder
from nnc.compiler.graph.ir import Graph, Node, Stored, Value
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.schema.spec import Reuse

if TYPE_CHECKING:
    from nnc.compiler.elaborate.body import BodyElaborator

__all__ = ["reuse", "same_module"]


def reuse(at: BodyElaborator, item: Pending, use: Reuse, flow: Flow) -> Binding:
    """`{use: encoder, from: right}`: the same module, with its parameters, on another input."""
    original, path = _find(at, use)
    context = at.context
    if isinstance(original.target, OpDef):
        inferred = {a.name for a in original.target.arguments if a.inferred}  # anew: do they come out the same?
        settings = {k: Given(v, use.span) for k, v in original.settings.items() if k not in inferred}
        evaluator = Evaluator(context, item.scope)
        operands = wire(evaluator, original.target.name, original.target.inputs, flow(), use.span)
        operands |= call_keywords(evaluator, item.entry, original.target)
        value = add_op(context, at.builder, original.target, operands, settings, item.key, use.span, path)
        made = at.builder.nodes[-1]
        if made.parameters != original.parameters or made.settings != original.settings:
            raise _mismatch(at, use, original, made.settings)
        return value
    if item.entry.call:
        raise no_call(at, item.entry, f"`{use.target}` is none of torch's layers")
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
