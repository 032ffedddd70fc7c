"""How each graph is written, and which graphs can share a class: those that are equal apart from their numbers.

conv: Conv2d(64, 3)  and  conv: Conv2d(128, 3)      one structure: a class with a parameter
conv: Conv2d(64, 3)  and  conv: Linear(64)          two structures
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, NamedTuple

from nnc.compiler.backends.torch.describe import Constant, Describer, Path, freeze, settings_of
from nnc.compiler.backends.torch.dims import Sizes, operand_dims
from nnc.compiler.backends.torch.naming import CONTAINER_ATTRIBUTES, stem
from nnc.compiler.backends.torch.rules import RULES
from nnc.compiler.graph.ir import Graph, Node, Value
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dim import size

__all__ = ["Description", "Outline", "Run", "Structures"]

Form = Literal["class", "sequential", "ordered"]


class Run(NamedTuple):
    """Identical consecutive children of a Sequential: the first, and how many they are."""

    node: Node
    times: int

    @property
    def path(self) -> Path:
        """Where the count stands as a constant: graphs of one class may have different numbers of layers."""
        return (self.node.name, "count")


@dataclass(frozen=True, slots=True)
class Outline:
    """`form`: how the graph is written: a class, or an `nn.Sequential(...)` of a list or of an OrderedDict.
    `runs`: of a list of layers that is a Sequential, or a loop over one; a graph that is neither has None."""

    form: Form
    sizes: Sizes
    runs: tuple[Run, ...] | None


@dataclass(frozen=True, slots=True)
class Description:
    """`key`: equal for graphs that one class can serve. `whole`: equal where the constants are equal too."""

    key: int
    whole: int
    constants: Mapping[Path, Constant]


class Structures:
    """Outlines and descriptions of a graph and of all graphs inside it, each made once.

    An outline is made of every graph. A description is made of those that are compared with others: not of a graph that
    is the only one of its name, as a network's own is, which holds most of the layers of a long spec."""

    def __init__(self, root: Graph) -> None:
        self._interned: dict[Hashable, int] = {}
        self._outlines: dict[int, Outline] = {}
        self._descriptions: dict[int, Description] = {}
        self._alike: dict[tuple[int, int], int] = {}
        self._children: dict[tuple[int, bool], int] = {}
        self._wholes: dict[int, int] = {}
        self._constants: dict[Node | Graph, Mapping[Path, Constant]] = {}
        self._handed = _called_again(root)
        self._namesakes = Counter(map(_surname, _graphs([root])))

    def outline(self, graph: Graph) -> Outline:
        known = self._outlines.get(id(graph))
        if known is None:
            known = self._outlines[id(graph)] = self._outlined(graph)
        return known

    def description(self, graph: Graph) -> Description:
        known = self._descriptions.get(id(graph))
        if known is None:
            known = self._descriptions[id(graph)] = self._described(graph)
        return known

    def is_alone(self, graph: Graph) -> bool:
        """Whether no other graph can share a class with it."""
        return self._namesakes[_surname(graph)] == 1

    def alike(self, node: Node) -> int:
        """A number that layers of one op with the same settings have in common. Equal calls often share one object of
        settings: then nothing is compared."""
        pair = (id(node.target), id(node.settings))
        known = self._alike.get(pair)
        if known is None:
            known = self._alike[pair] = self._intern((id(node.target), repr(node.settings)))
        return known

    def constant(self, graph: Graph, path: Path) -> Constant | None:
        """The constant at one place of a graph. The graph itself need not be described for it."""
        if isinstance(path[1], int):  # the number of a rule of `init:`
            return self._constants_of(graph).get(path)
        node, rest = graph.node(str(path[0])), path[1:]
        while isinstance(node.target, Graph):
            node, rest = node.target.node(str(rest[0])), rest[1:]
        return self._constants_of(node).get(rest)

    def _constants_of(self, at: Graph | Node) -> Mapping[Path, Constant]:
        """Those of one node, or of a graph's own rules."""
        known = self._constants.get(at)
        if known is None:
            describer = Describer(self)
            if isinstance(at, Graph):
                describer.rules(at)
            else:
                describer.node(at, ())
            known = self._constants[at] = describer.constants
        return known

    # -- outlines ------------------------------------------------------------------------------------------------------

    def _outlined(self, graph: Graph) -> Outline:
        numbered = all(node.name == str(i) for i, node in enumerate(graph.nodes))
        chained = (numbered or graph.kind == "group") and self._is_chain(graph)
        listed = numbered and (chained or self._is_loop(graph))
        form: Form = "class"
        if chained and numbered and graph.kind == "sequential":
            form = "sequential"
        elif chained and graph.kind == "group" and CONTAINER_ATTRIBUTES.isdisjoint(n.name for n in graph.nodes):
            form = "ordered"
        return Outline(form, self._sizes(graph), tuple(self._runs(graph)) if listed else None)

    def _is_chain(self, graph: Graph) -> bool:
        """Whether the graph is what `nn.Sequential` runs: modules, each on the value before it and nothing else."""
        if len(graph.inputs) != 1 or graph.schedule != graph.nodes or graph.ties or graph.train_only:
            return False
        previous = graph.inputs[0]
        for node in graph.nodes:
            target = node.target
            if isinstance(target, OpDef):
                if target.form != "module" or RULES[target.name].results is not None:
                    return False
            elif not isinstance(target, Graph) or self.outline(target).sizes.passed:
                return False
            if node.shares is not None or node.explicit or not node.name or "." in node.name:
                return False
            if len(node.results) != 1 or list(node.operands.values()) != [previous]:
                return False
            previous = node.results[0]
        return graph.single_output is previous

    def _is_loop(self, graph: Graph) -> bool:
        """Whether every layer of a list takes the value before it and, beside that, what all the others take too:
        `for layer in self: x = layer(x, mask)`."""
        if graph.kind != "sequential" or len(graph.inputs) < 2 or graph.schedule != graph.nodes or not graph.nodes:
            return False
        previous, *beside = graph.inputs
        for node in graph.nodes:
            if not isinstance(node.target, Graph) or not node.registers or node.explicit:
                return False
            if list(node.operands.values()) != [previous, *beside] or self.outline(node.target).sizes.passed:
                return False
            previous = node.results[0]
        return graph.single_output is previous and not graph.ties and not graph.train_only

    def _sizes(self, graph: Graph) -> Sizes:
        sizes = Sizes(graph.inputs, readable=id(graph) not in self._handed)
        for node in graph.schedule:
            if isinstance(node.target, OpDef):
                for operand in node.operands.values():
                    if not isinstance(operand, Value):
                        for d in operand_dims(operand):
                            sizes.want(d)
            elif isinstance(node.target, Graph):
                for symbol in self.outline(node.target).sizes.passed:
                    sizes.want(node.sizes.get(symbol, size(symbol)))
        return sizes

    def _runs(self, graph: Graph) -> Iterator[Run]:
        """The children of a Sequential, identical neighbours as one. Which values flow is given by the order."""
        for _, equal in groupby(graph.nodes, self._child):
            first, *others = equal
            yield Run(first, 1 + len(others))

    # -- descriptions --------------------------------------------------------------------------------------------------

    def _described(self, graph: Graph) -> Description:
        form, runs = self.outline(graph).form, self.outline(graph).runs
        if form == "class" and self.is_alone(graph):
            alone = self._intern((id(graph),))
            return Description(alone, alone, {})
        describer = Describer(self, graph)
        if runs is not None:
            keys: list[Hashable] = [describer.run(r) for r in runs]
        else:
            keys = [(n.name, describer.node(n, (n.name,))) for n in graph.nodes]
        surface = (self._surface(graph, describer), describer.rules(graph)) if form == "class" else None
        key = self._intern((form, tuple(keys), surface, runs is None))
        return Description(key, self._intern((key, self._frozen(describer.constants))), describer.constants)

    def _intern(self, key: Hashable) -> int:
        return self._interned.setdefault(key, len(self._interned))

    def _frozen(self, constants: Mapping[Path, Constant]) -> Hashable:
        return tuple((p, freeze(c.value), c.nested and self.description(c.nested).whole) for p, c in constants.items())

    def _surface(self, graph: Graph, describer: Describer) -> Hashable:
        """What of a graph, beside its steps, its class shows."""
        order = {n: i for i, n in enumerate(graph.nodes)}
        return (
            _surname(graph),
            tuple(order[n] for n in graph.schedule),
            tuple((name, describer.reference(v)) for name, v in graph.outputs.items()),
            graph.train_only,
            graph.ties,
            graph.freeze,
            self.outline(graph).sizes.signature,
        )

    def _child(self, node: Node) -> int:
        """Equal for children of a list that are made alike, whatever flows into them."""
        if isinstance(node.target, Graph):
            return self._whole(node.target)
        assert isinstance(node.target, OpDef), "children of a list are modules"
        layer = (self.alike(node), node.named)
        known = self._children.get(layer)
        if known is None:
            settings = tuple((a.name, freeze(value)) for a, value in settings_of(node, node.target))
            known = self._children[layer] = self._intern((node.target.name, node.named, settings))
        return known

    def _whole(self, graph: Graph) -> int:
        """Equal for graphs that are written alike, constants included."""
        known = self._wholes.get(id(graph))
        if known is None:
            outline = self.outline(graph)
            if outline.form == "class":
                return self.description(graph).whole
            children = outline.runs if outline.runs is not None else [Run(n, 1) for n in graph.nodes]
            named = outline.runs is None
            content = tuple((named and node.name, self._child(node), times) for node, times in children)
            known = self._wholes[id(graph)] = self._intern((outline.form, content))
        return known


def _surname(graph: Graph) -> Hashable:
    """What graphs of one class have in common at least."""
    label = graph.name if graph.kind in ("net", "block") else stem(graph.name)
    return graph.kind, label, tuple(v.name for v in graph.inputs)


def _called_again(root: Graph) -> set[int]:
    """Inline graphs that one module runs for several callers. They see the surrounding graph's sizes, which need not be
    the same dimension of the input in every call: all sizes are handed to them."""
    several: list[Graph] = []
    for graph in _graphs([root]):
        for node in graph.nodes:
            if node.shares is not None and isinstance(node.target, Graph):
                several += [g for g in (node.target, _owned(graph, node.shares)) if g is not None]
    return {id(g) for g in _graphs(several) if g.kind in ("sequential", "group")}


def _graphs(roots: Sequence[Graph]) -> Iterator[Graph]:
    """The graphs and every one inside them, once."""
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        graph = stack.pop()
        if id(graph) not in seen:
            seen.add(id(graph))
            yield graph
            stack += [n.target for n in graph.nodes if isinstance(n.target, Graph)]


def _owned(graph: Graph, path: str) -> Graph | None:
    """The graph that a dotted path from `graph` leads to."""
    target: Any = graph
    for part in path.split("."):
        if not isinstance(target, Graph):
            return None
        target = target.node(part).target
    return target if isinstance(target, Graph) else None
