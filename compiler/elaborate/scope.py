"""Names and what they stand for, and the graph that is being built."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nnc.compiler.diagnostics import Span
from nnc.compiler.graph.ir import Node, Value
from nnc.compiler.schema.spec import BlockDecl
from nnc.compiler.types.demands import Demand

if TYPE_CHECKING:
    from nnc.compiler.elaborate.again import Made

__all__ = ["BROKEN", "Binding", "Builder", "Environment", "Scope", "Several"]


@dataclass(frozen=True, eq=False)
class Several:
    """The results of a layer that has several: by name (`lstm.h_n`) or by number (`parts.0`)."""

    results: Mapping[str, Value]
    span: Span


class _Broken:
    """Stands for the value of an entry whose fault was reported."""


BROKEN = _Broken()
Binding = Any  # Value | Several | BROKEN | a static value


@dataclass
class Builder:
    """One graph under construction. Values of an enclosing builder come in as captures, on first use."""

    parent: Builder | None
    nodes: list[Node] = field(default_factory=list)
    schedule: list[Node] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    captures: dict[Value, Value] = field(default_factory=dict)
    demands: dict[Demand, Span] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    made: dict[tuple[Hashable, ...], Made] = field(default_factory=dict)  # by what a call says, and of which type
    weight: int = 0  # steps in the finished network, nested ones counted
    _taken: dict[str, int] = field(default_factory=dict)  # by base: how many names are taken, from the first on
    _made: dict[str, tuple[str, int]] = field(default_factory=dict)

    def add(self, node: Node) -> Node:
        self.nodes.append(node)
        self.schedule.append(node)
        self.names.add(node.name)
        self.weight += 1
        return node

    def fresh(self, base: str) -> str:
        """A name for a step that has none in the file: `add`, `add_1`, …"""
        count = self._taken.get(base, 0)
        while (name := f"{base}_{count}" if count else base) in self.names:
            count += 1
        self._taken[base] = count + 1
        self._made[name] = base, count
        self.names.add(name)
        return name

    def release(self, name: str) -> None:
        """Gives a name back that `fresh` made."""
        base, count = self._made.pop(name)
        self._taken[base] = min(self._taken[base], count)
        self.names.discard(name)

    def demand(self, demand: Demand, span: Span) -> None:
        self.demands.setdefault(demand, span)

    def bring_in(self, value: Value, owner: Builder) -> Value:
        """`value`, made in `owner`, as this graph sees it."""
        if owner is self:
            return value
        assert self.parent is not None, "a value of an unrelated graph"
        outer = self.parent.bring_in(value, owner)
        if outer not in self.captures:
            self.captures[outer] = Value(self.fresh(outer.name), outer.type, outer.span)
        return self.captures[outer]


@dataclass
class Scope:
    """Names of one body. `parent` is the enclosing body of an inline list or a loop turn; of a block's scope, the
    constants of its file."""

    builder: Builder
    parent: Scope | None = None
    names: dict[str, Binding] = field(default_factory=dict)
    places: dict[str, Span] = field(default_factory=dict)  # where a name was defined
    incomplete: bool = False  # an entry has no name because of a fault: an unknown name may be its

    def child(self, builder: Builder | None = None) -> Scope:
        return Scope(builder or self.builder, self)

    def define(self, name: str, binding: Binding, span: Span | None = None) -> None:
        self.names[name] = binding
        if span is not None:
            self.places[name] = span

    def find(self, name: str) -> tuple[Binding, Scope] | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name], scope
            scope = scope.parent
        return None

    @property
    def misses_names(self) -> bool:
        return self.incomplete or (self.parent is not None and self.parent.misses_names)

    def place(self, name: str) -> Span | None:
        found = self.find(name)
        return found[1].places.get(name) if found else None

    def known(self) -> Iterator[str]:
        """Every name that can be written here."""
        scope: Scope | None = self
        while scope is not None:
            yield from scope.names
            scope = scope.parent


@dataclass(frozen=True, eq=False, slots=True)
class Environment:
    """What the blocks of one file see: each other, and its `args:` and `let:`."""

    blocks: Mapping[str, BlockDecl]
    constants: Scope
