"""A step made once more: the same words, of literals alone, on a tensor of the same type, in the same graph.

fc1: Linear(8)     (B, 8) → (B, 8)     bound to its arguments, checked by its rule
fc2: Linear(8)     (B, 8)              → the node of fc1, with a name, a place and an input of its own

Networks are long because they repeat themselves, and what is written, with what flows in, decides all that is to be known of
a step. So it is with calls of layers, functions and blocks, and with the turns of a `repeat:` that do not say `i`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from nnc.compiler.diagnostics import Span
from nnc.compiler.elaborate.context import WORK_PER_NODE
from nnc.compiler.elaborate.expand import Pending
from nnc.compiler.elaborate.layers import add_graph_node
from nnc.compiler.elaborate.scope import Binding
from nnc.compiler.expr import tree
from nnc.compiler.graph.ir import Graph, Node, Value
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.schema.spec import Action, Formula, Group, LayerCall

if TYPE_CHECKING:
    from nnc.compiler.elaborate.body import BodyElaborator

__all__ = ["Made", "once_more"]


@dataclass(frozen=True, slots=True)
class Made:
    """The node that an entry became; `taker` is the parameter that took what flowed in."""

    node: Node
    taker: str


def once_more(at: BodyElaborator, item: Pending, make: Callable[[Pending], Binding]) -> Binding:
    """What an entry comes to: the step that its words made before with a name of its own, or what `make` makes of it."""
    flowing = at.flowing(item)
    if flowing is None or item.entry.call or item.entry.repeat is not None:
        return make(item)
    said = _group(at, item) if isinstance(item.entry.action, Group) else _literal_call(item)
    if said is None:
        return make(item)
    place, words = said
    words.append(flowing.type)
    wording = tuple(words)
    known = at.builder.made.get(wording)
    if known is not None:
        return _made_again(at, known, item, place, flowing)
    warnings = len(at.context.problems.found)
    value = make(item)
    made = _made(at, value, flowing)
    if made is not None and len(at.context.problems.found) == warnings:  # a warning is due at every place
        at.builder.made[wording] = made
    return value


# -- what an entry says ----------


def _literal_call(item: Pending) -> tuple[Span, list[Hashable]] | None:
    """A call's words, and its place, where its arguments are literals and its callee is no value, and holds no type."""
    action = item.entry.action
    call: LayerCall | tree.CallExpr | None = None
    if isinstance(action, LayerCall):
        call, callee = action, action.callee
    elif not isinstance(action, Formula):
        return None
    elif isinstance(action.expression, tree.CallExpr):
        call, callee = action.expression, action.expression.callee
    else:
        callee = action.expression
    if not isinstance(callee, tree.Name) or item.scope.find(callee.name) is not None:
        return None
    words: list[Hashable] = [callee.name]
    if call is not None:
        for expr in call.arguments:
            if not _put(expr, words):
                return None
        for keyword in call.keywords:
            words.append(keyword.name)
            if not _put(keyword.value, words):
                return None
    return callee.span, words


def _put(expr: tree.Expr, words: list[Hashable]) -> bool:
    """Adds a literal, told apart from its equals: 1, 1.0 and True. False of anything else."""
    if isinstance(expr, tree.Literal):
        words.append((type(expr.value), expr.value))
        return True
    if isinstance(expr, tree.Items):
        words.append(len(expr.items))
        return all(_put(e, words) for e in expr.items)
    return False


def _group(at: BodyElaborator, item: Pending) -> tuple[Span, list[Hashable]] | None:
    """A turn of a list's loop which mentions nothing that the loop gives a name to. The entries of a list have no names,
    so that all turns see the same ones."""
    action = item.entry.action
    assert action is not None
    if not at.listed or item.scope.parent is not at.scope:
        return None
    mentioned = at.context.mentioned.get(id(action))
    if mentioned is None:
        mentioned = at.context.mentioned[id(action)] = frozenset(_words(action))
    return (item.span, [id(action)]) if mentioned.isdisjoint(item.scope.names) else None


def _words(action: Action) -> Iterator[str]:
    """Every text in a part of a spec, names among them. A loop, not recursion: long sums nest deeply."""
    stack: list[Any] = [action]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, tuple):
            stack += part
        elif is_dataclass(part) and not isinstance(part, Span):
            stack += [getattr(part, one.name) for one in fields(part)]


# -- the step ----------


def _made(at: BodyElaborator, value: Binding, flowing: Value) -> Made | None:
    """The step just made, if it is one, with one result, and takes what flows in once and no other tensor."""
    nodes = at.builder.nodes
    if not isinstance(value, Value) or not nodes or nodes[-1].results != (value,):
        return None
    node = nodes[-1]
    takers = [name for name, operand in node.operands.items() if operand is flowing]
    plain = isinstance(node.target, OpDef | Graph) and not node.explicit and node.shares is None
    return Made(node, takers[0]) if plain and len(takers) == len(node.inputs) == 1 else None


def _made_again(at: BodyElaborator, known: Made, item: Pending, place: Span, flowing: Value) -> Value:
    """The step under the entry's name. What it demands, the graph demands already."""
    at.context.step(place, WORK_PER_NODE)
    node = known.node
    value = Value(item.key, node.results[0].type, place if node.is_module else item.span)
    again = Node(
        item.key,
        node.target,
        node.settings,
        {known.taker: flowing} if len(node.operands) == 1 else {**node.operands, known.taker: flowing},
        (value,),
        place,
        sizes=node.sizes,
        parameters=node.parameters,
        cost=node.cost,
    )
    if isinstance(node.target, Graph):
        at.context.called_like(again, node)
        add_graph_node(at, again, place)
    else:
        at.builder.add(again)
    return value
