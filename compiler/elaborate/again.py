"""A call made once more: the same words, of literals alone, on a tensor of the same type, in the same graph.

fc1: Linear(8)     (B, 8) → (B, 8)     bound to its arguments, checked by its rule
fc2: Linear(8)     (B, 8)              → the node of fc1, with a name, a place and an input of its own

Networks are long because they repeat themselves, and what is written, with what flows in, decides all that a rule says.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnc.compiler.elaborate.context import WORK_PER_NODE
from nnc.compiler.elaborate.expand import Pending
from nnc.compiler.elaborate.scope import Binding
from nnc.compiler.expr import tree
from nnc.compiler.graph.ir import Node, Value
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.schema.spec import Action, Formula, LayerCall

if TYPE_CHECKING:
    from nnc.compiler.elaborate.body import BodyElaborator

__all__ = ["Made", "once_more"]


@dataclass(frozen=True, slots=True)
class Made:
    """The node that a call became; `taker` is the parameter that took what flowed in."""

    node: Node
    taker: str


def once_more(at: BodyElaborator, item: Pending, make: Callable[[Pending], Binding]) -> Binding:
    """What an entry comes to: the step that its call became before with a name of its own, or what `make` makes of it."""
    flowing = at.flowing(item)
    call = _literal_call(item.entry.action) if flowing is not None else None
    if call is None or flowing is None or item.entry.call or item.entry.repeat is not None:
        return make(item)
    callee, words = call
    if item.scope.find(callee.name) is not None:  # a value, or an argument that holds a layer's type
        return make(item)
    words.append(flowing.type)
    wording = tuple(words)
    known = at.builder.made.get(wording)
    if known is not None:
        return _made_again(at, known, item, callee, flowing)
    value = make(item)
    made = _made(at, value, flowing)
    if made is not None:
        at.builder.made[wording] = made
    return value


def _literal_call(action: Action | None) -> tuple[tree.Name, list[Hashable]] | None:
    """The callee, and a call's words where all its arguments are literals."""
    call: LayerCall | tree.CallExpr
    if isinstance(action, LayerCall):
        call = action
    elif not isinstance(action, Formula):
        return None
    elif isinstance(action.expression, tree.Name):
        return action.expression, [action.expression.name]
    elif isinstance(action.expression, tree.CallExpr):
        call = action.expression
    else:
        return None
    if not isinstance(call.callee, tree.Name):
        return None
    words: list[Hashable] = [call.callee.name]
    for expr in call.arguments:
        if not _put(expr, words):
            return None
    for keyword in call.keywords:
        words.append(keyword.name)
        if not _put(keyword.value, words):
            return None
    return call.callee, words


def _put(expr: tree.Expr, words: list[Hashable]) -> bool:
    """Adds a literal, told apart from its equals: 1, 1.0 and True. False of anything else."""
    if isinstance(expr, tree.Literal):
        words.append((type(expr.value), expr.value))
        return True
    if isinstance(expr, tree.Items):
        words.append(len(expr.items))
        return all(_put(e, words) for e in expr.items)
    return False


def _made(at: BodyElaborator, value: Binding, flowing: Value) -> Made | None:
    """The step just made, if it is one, with one result, and takes what flows in once and no other tensor."""
    nodes = at.builder.nodes
    if not isinstance(value, Value) or not nodes or nodes[-1].results != (value,):
        return None
    node = nodes[-1]
    takers = [name for name, operand in node.operands.items() if operand is flowing]
    plain = isinstance(node.target, OpDef) and not node.explicit and node.shares is None
    return Made(node, takers[0]) if plain and len(takers) == len(node.inputs) == 1 else None


def _made_again(at: BodyElaborator, known: Made, item: Pending, callee: tree.Name, flowing: Value) -> Value:
    """The step under the entry's name. What its rule demands, the graph demands already."""
    at.context.step(callee.span, WORK_PER_NODE)
    node = known.node
    is_layer = node.is_module  # a formula's value stands where the entry does
    value = Value(item.key, node.results[0].type, callee.span if is_layer else item.span)
    at.builder.add(
        Node(
            item.key,
            node.target,
            node.settings,
            {**node.operands, known.taker: flowing},
            (value,),
            callee.span,
            parameters=node.parameters,
            cost=node.cost,
        )
    )
    return value
