"""Which classes a network needs: one per structure, with parameters for what differs between its instances.

Bottleneck(64), Bottleneck(128, stride=2) with a `downsample`, …      BottleneckDownsample(in_channels, planes, stride)
the same without                                                      Bottleneck(in_channels, planes)
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nnc.compiler.backends.torch.describe import Constant, Path, is_default
from nnc.compiler.backends.torch.fit import Fitter, Parameter, constant, sources
from nnc.compiler.backends.torch.naming import Names, camel_case, snake_case, stem
from nnc.compiler.backends.torch.structure import Outline, Structures
from nnc.compiler.backends.torch.syntax import literal
from nnc.compiler.graph.ir import Graph, Stored
from nnc.compiler.schema.names import RESERVED_NAMES

__all__ = ["ClassPlan", "Plan", "plan_classes"]

Scope = tuple[Mapping[str, Any], Mapping[str, Any]]  # arguments, bound sizes


@dataclass(eq=False)
class ClassPlan:
    """One class. `instances` are the different graphs it serves, the first stands for all. What they differ in is made
    of `parameters`; `attributes` names those that `forward` needs."""

    name: str
    structures: Structures
    outline: Outline
    instances: list[Graph] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    parameters: Sequence[Parameter] = ()
    formulas: dict[Path, ast.expr] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    inside: str = ""  # the nearest name around a group that has none
    fitter: Fitter = field(default_factory=Fitter)
    positions: dict[int, int] = field(default_factory=dict)

    def add(self, graph: Graph, scope: Scope) -> None:
        self.positions[id(graph)] = len(self.instances)
        self.instances.append(graph)
        self.scopes.append(scope)

    @property
    def graph(self) -> Graph:
        return self.instances[0]

    @property
    def is_sequential(self) -> bool:
        """Whether the class derives from `nn.Sequential`. It needs a `forward` only where that `is_loop`."""
        return self.outline.runs is not None

    @property
    def is_loop(self) -> bool:
        """Whether its layers take something beside the value that flows."""
        return self.is_sequential and len(self.graph.inputs) > 1

    def has(self, path: Path) -> bool:
        """Whether a constant stands at a place."""
        return path in self.formulas or self._constant(path) is not None

    def formula(self, path: Path) -> ast.expr:
        """What the constant at a place is in terms of `parameters`. A class that serves one graph has none: its constants
        are looked at when they are written, and most are not, because other layers were written with the same."""
        found = self.formulas.get(path)
        if found is None:
            known = self._constant(path)
            if known is None:
                raise KeyError(path)
            found = self.formulas[path] = literal(known.value)
        return found

    def _constant(self, path: Path) -> Constant | None:
        if len(self.instances) == 1:
            return self.structures.constant(self.graph, path)
        return self.structures.description(self.graph).constants.get(path)

    def varies(self, path: Path) -> bool:
        """Whether the instances differ there."""
        if not self.parameters:
            return False
        own = {p.name for p in self.parameters}
        return any(isinstance(n, ast.Name) and n.id in own for n in ast.walk(self.formulas[path]))

    def is_default(self, path: Path) -> bool:
        """Whether there is a constant which is, for every instance, torch's own default."""
        known = self._constant(path)
        return known is not None and is_default(known.value, known.default) and not self.varies(path)

    def arguments(self, graph: Graph) -> dict[str, Any]:
        """What an instance gives for each parameter."""
        i = self.positions[id(graph)]
        return {p.name: p.values[i] for p in self.parameters}


class Plan:
    """All classes of a network, those that others use first; the root's is the last."""

    def __init__(self, root: Graph) -> None:
        self.structures = Structures(root)
        self._by_key: dict[int, ClassPlan] = {}
        self._seen: set[int] = set()
        self._collect(root, ({}, {}), "")
        self.classes = list(self._by_key.values())

    def of(self, graph: Graph) -> ClassPlan:
        return self._by_key[self.structures.description(graph).key]

    def _collect(self, graph: Graph, around: Scope, inside: str) -> None:
        if id(graph) in self._seen:
            return
        self._seen.add(id(graph))
        own = (graph.arguments, graph.symbols)
        scope = own if graph.kind in ("net", "block") else around
        for node in graph.nodes:
            if isinstance(node.target, Graph) and node.shares is None:
                self._collect(node.target, scope, inside if _is_nameless(graph) else _base(graph, inside))
        outline = self.structures.outline(graph)
        if outline.form != "class":
            return
        key = self.structures.description(graph).key
        if key not in self._by_key:
            self._by_key[key] = ClassPlan("", self.structures, outline, inside=inside)
        self._by_key[key].add(graph, scope)


def plan_classes(root: Graph) -> Plan:
    plan = Plan(root)
    _name_classes(plan, root)
    for one in plan.classes:
        _fit(plan, one)
    return plan


# -- parameters --------------------------------------------------------------------------------------------------------


def _fit(plan: Plan, one: ClassPlan) -> None:
    """Finds the formulas of a class whose children's classes have theirs."""
    fitter = one.fitter = Fitter(sources(one.scopes), [c.name for c in plan.classes])
    if len(one.instances) == 1:
        return
    several = [plan.structures.description(g).constants for g in one.instances]
    needed: dict[str, None] = {}
    for path in several[0]:
        constants = [known[path] for known in several]
        if constants[0].nested is not None:
            for nested in _nested(plan, constants):
                here = (*path, nested.name)
                one.formulas[here] = fitter.fit(nested.values, _words(here), nested.flowing)
            continue
        values = tuple(c.value for c in constants)
        formula = constant(values) or fitter.fit(values, _words(path), constants[0].inferred)
        one.formulas[path] = formula
        if constants[0].in_forward:
            needed |= dict.fromkeys(n.id for n in ast.walk(formula) if isinstance(n, ast.Name))
    one.parameters = fitter.parameters
    taken = Names({*RESERVED_NAMES, *(n.name for n in one.graph.nodes)})
    own = {p.name for p in one.parameters}
    one.attributes = {word: taken.claim(word, f"{word}_") for word in needed if word in own}


def _nested(plan: Plan, constants: Sequence[Constant]) -> Iterator[Parameter]:
    """The parameters of the class of a child, with what each instance gives for them."""
    graphs = [c.nested for c in constants if c.nested is not None]
    child = plan.of(graphs[0])
    given = [child.arguments(g) for g in graphs]
    for parameter in child.parameters:
        yield replace(parameter, values=tuple(g[parameter.name] for g in given))


def _words(path: Path) -> list[str]:
    """Names for a parameter made for one place: the argument's, then with its entry's before it."""
    words = [str(p) for p in path if p not in ("call", "initial")]
    last = next((w for w in reversed(words) if not w.isdigit()), words[-1])
    return [snake_case(last), snake_case("_".join(words[-2:])), snake_case("_".join(words))]


# -- names -------------------------------------------------------------------------------------------------------------


def _name_classes(plan: Plan, root: Graph) -> None:
    """Blocks bear the names that the file gives them, then the network, then inline groups theirs."""
    names = Names()
    by_base: dict[tuple[int, str], list[ClassPlan]] = {}
    for one in plan.classes:
        rank = 1 if one.graph is root else 0 if one.graph.kind in ("net", "block") else 2
        by_base.setdefault((rank, _base(one.graph, one.inside)), []).append(one)
    for (rank, base), variants in sorted(by_base.items(), key=lambda item: item[0][0]):
        if rank == 1:
            variants[0].name = names.claim(base, f"{base}Net")
            continue
        for one, suffix in zip(variants, _suffixes([v.graph for v in variants]), strict=True):
            one.name = names.claim(f"{base}{suffix}")


def _base(graph: Graph, inside: str) -> str:
    if graph.kind in ("net", "block"):
        return camel_case(graph.name) or ("Net" if graph.kind == "net" else "Block")
    return camel_case(stem(graph.name)) or f"{inside}Layer"


def _is_nameless(graph: Graph) -> bool:
    return graph.kind in ("sequential", "group") and not camel_case(stem(graph.name))


def _suffixes(variants: Sequence[Graph]) -> list[str]:
    """What each variant has and another has not: an entry, else an op."""
    if len(variants) == 1:
        return [""]
    features = [dict.fromkeys(_features(g)) for g in variants]
    having = Counter(f for own in features for f in own)
    found: list[str] = []
    for own in features:
        extra = [f for f in own if having[f] < len(variants)]
        unique = [f for f in extra if having[f] == 1]
        found.append(camel_case(*(unique or extra)[:1]))
    return found


def _features(graph: Graph) -> Iterator[str]:
    for node in graph.nodes:
        if node.named and not node.name.isdigit():
            yield node.name
    for node in graph.nodes:
        if not isinstance(node.target, Stored):
            yield node.target.name
