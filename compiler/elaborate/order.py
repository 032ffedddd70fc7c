"""The order in which the entries of a mapping can be elaborated: file order where that works, else topological.

norm: LayerNorm        {from: reduced}            reduced, norm, out
reduced: Linear(8)     {from: x}             →    (keys stay in file order)
out: relu(norm)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nnc.compiler.diagnostics import Label
from nnc.compiler.elaborate.context import Context
from nnc.compiler.elaborate.expand import Pending
from nnc.compiler.expr import tree
from nnc.compiler.expr.called import called
from nnc.compiler.expr.mentions import names_in
from nnc.compiler.ops.registry import Catalogue
from nnc.compiler.schema.spec import Body, EntryDecl, Formula, Group, LayerCall, Reuse, StoredDecl

__all__ = ["free_names", "order", "takes_flow"]


def order(context: Context, pending: Sequence[Pending]) -> list[Pending]:
    """`pending` so that every entry stands after those it refers to; entries of a cycle, reported, are left out."""
    mentions = {i: names for i, p in enumerate(pending) if (names := _mentions(p.entry, context.catalogue))}
    if not mentions:
        return list(pending)
    position = {p.key: i for i, p in enumerate(pending) if p.scope.find(p.key) is None}  # a clash is reported elsewhere
    # Of an entry that refers to itself, itself is among them.
    needs = [{position[n] for n in mentions.get(i, ()) if n in position} for i in range(len(pending))]
    if all(not found or max(found) < i for i, found in enumerate(needs)):
        return list(pending)

    import networkx as nx  # late: most files are in order, and then nobody needs it

    dependencies: nx.DiGraph[int] = nx.DiGraph()
    dependencies.add_nodes_from(range(len(pending)))
    for i, before in enumerate(needs):
        dependencies.add_edges_from((j, i) for j in sorted(before))
        if i > 0 and takes_flow(pending[i].entry):
            dependencies.add_edge(i - 1, i)
    left_out: set[int] = set()
    for component in nx.strongly_connected_components(dependencies):
        if len(component) > 1 or any(dependencies.has_edge(i, i) for i in component):
            cycle = [a for a, _ in nx.find_cycle(dependencies.subgraph(component))]
            _report(context, [pending[i] for i in _from_smallest(cycle)])
            left_out |= component
    dependencies.remove_nodes_from(left_out)
    return [pending[i] for i in nx.lexicographical_topological_sort(dependencies)]


def _mentions(entry: EntryDecl, functions: Catalogue) -> list[str]:
    """The names that an entry may refer to; none for most, calls of literals on what flows in."""
    match entry:
        case EntryDecl(action=LayerCall(arguments=arguments, keywords=()), source=None):
            if all(isinstance(a, tree.Literal) for a in arguments):
                return []
    return list(_references(entry, functions))


def _from_smallest(cycle: list[int]) -> list[int]:
    start = cycle.index(min(cycle))
    return cycle[start:] + cycle[:start]


def _report(context: Context, cycle: Sequence[Pending]) -> None:
    path = " → ".join(p.key for p in (*cycle, cycle[0]))
    labels = tuple(Label(p.span, f"`{p.key}` is part of it") for p in cycle[1:4])
    context.fail("NNC0602", cycle[0].span, f"these entries wait for each other: {path}", labels=labels)


def takes_flow(entry: EntryDecl) -> bool:
    """Whether the entry may take the previous one's value."""
    if entry.source is not None or isinstance(entry.action, StoredDecl):
        return False
    if isinstance(entry.action, Formula):
        top = entry.action.expression
        return called(top) is not None or (
            isinstance(top, tree.CallExpr) and not any(True for _ in names_in(top.arguments))
        )
    return True


def _references(entry: EntryDecl, functions: Catalogue) -> Iterator[str]:
    """Names that an entry may refer to: in `from:`, in expressions, in nested bodies (but for those they define)."""
    if entry.source is not None:
        source = entry.source
        expressions = [*(source.several or ()), *(k.value for k in source.by_name or ())]
        yield from names_in([source.single, *expressions] if source.single is not None else expressions)
    match entry.action:
        case Formula(expression=expression) if called(expression) in functions:
            return  # `act: relu` calls the function, whatever an entry below is called
        case Formula(expression=expression):
            yield from names_in([expression])
        case LayerCall(arguments=arguments, keywords=keywords) | StoredDecl(arguments=arguments, keywords=keywords):
            yield from names_in([*arguments, *(k.value for k in keywords)])
        case Reuse(target=target):
            yield target.partition(".")[0]
        case Group(body=body):
            yield from _free(body, functions)


def free_names(body: Body, functions: Catalogue) -> Iterator[str]:
    """Names that a body takes from around it."""
    yield from _free(body, functions)
    own = {e.key.literal for e in body.entries if e.key is not None}
    yield from (n for n in names_in([o.source for o in body.outputs or ()]) if n not in own)


def _free(body: Body, functions: Catalogue) -> Iterator[str]:
    own = {e.key.literal for e in body.entries if e.key is not None}
    for entry in body.entries:
        yield from (n for n in _references(entry, functions) if n not in own)
