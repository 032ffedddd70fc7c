"""What one elaboration carries around: the vocabulary, the reporter, the budget, the blocks already instantiated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nnc.compiler.diagnostics import Fix, Label, Problems, Span
from nnc.compiler.graph.ir import Graph, Node
from nnc.compiler.init.uses import Uses
from nnc.compiler.ops.registry import Catalogue
from nnc.compiler.schema.spec import BlockDecl
from nnc.compiler.suggest import closest
from nnc.compiler.types.dim import DimLike, Symbol, symbols

if TYPE_CHECKING:
    from nnc.compiler.elaborate.scope import Builder, Environment

__all__ = ["MAX_DEPTH", "Context", "Failed"]

MAX_DEPTH = 48  # blocks within blocks, lists within lists
MAX_MODULES = 1_000_000  # steps of the finished network, repeats counted
FREE_WORK, WORK_PER_CHARACTER = 400_000, 20
WORK_PER_NODE, WORK_PER_TURN = 20, 4  # of a loop; one evaluated expression is one step, 1 to 3 µs


class Failed(Exception):
    """An entry has no value. The fault is reported already; whoever depends on the entry stays quiet."""


@dataclass
class Context:
    catalogue: Catalogue
    problems: Problems
    environment: Environment
    instances: dict[Any, Graph | None] = field(default_factory=dict)
    again: dict[Node, Callable[..., Node]] = field(
        default_factory=dict
    )  # how a block's node is made once more, for `use:`
    again_inline: dict[Node, tuple[Builder, Callable[..., Node]]] = field(
        default_factory=dict
    )  # … an inline body's, and where
    mentioned: dict[int, frozenset[str]] = field(default_factory=dict)  # by an inline body's id: every word in it
    weights: dict[Graph, int] = field(default_factory=dict)
    calls: list[Span] = field(default_factory=list)
    outside: list[Mapping[Symbol, DimLike]] = field(default_factory=list)  # of each block being elaborated: its sizes
    characters: int = 0  # of the file: what may be spent grows with what was written
    work: int = 0
    exhausted: bool = False
    uses: Uses = field(default_factory=Uses)

    def fail(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        labels: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        fix: Fix | None = None,
    ) -> Failed:
        """Reports the fault, with the calls that led here, and gives the exception to raise."""
        here = tuple(Label(s, "in this call") for s in reversed(self.calls[-2:]) if s != span)
        self.problems.error(code, span, message, labels=labels + here, notes=notes, fix=fix)
        return Failed()

    def did_you_mean(self, word: str, span: Span, candidates: Iterator[str] | list[str]) -> Fix | None:
        best = closest(word, candidates)
        return Fix(f"did you mean `{best}`?", span, best) if best is not None else None

    def advice(self, *sizes: DimLike) -> str:
        """Which dimensions of the network's inputs need a size for these, of the body at hand, to be known."""
        for around in reversed(self.outside):
            sizes = tuple(around[s] for d in sizes for s in symbols(d) if s in around)
        names = sorted({s.name for d in sizes for s in symbols(d)})
        if not names:
            return "give its dimensions a size"
        given, promised = ",".join(f"{n}=…" for n in names), ", ".join(f"{n}: …" for n in names)
        return f"give {'it' if len(names) == 1 else 'them'} a size: --size {given}, or `dims: {{{promised}}}`"

    @property
    def blocks(self) -> Mapping[str, BlockDecl]:
        return self.environment.blocks

    @contextmanager
    def within(self, environment: Environment) -> Iterator[None]:
        """While what stands in another file, or in a block that is a network by itself, is being elaborated."""
        outer, self.environment = self.environment, environment
        try:
            yield
        finally:
            self.environment = outer

    def instead(self, name: str) -> str | None:
        """What to write instead of a name that torch, or another library, has and the catalogue has not."""
        from nnc.compiler.ops.not_ops import instead
        from nnc.compiler.ops.other_names import elsewhere

        return instead(name, self.catalogue) or elsewhere(name, self.catalogue)

    @contextmanager
    def inside(self, call: Span) -> Iterator[None]:
        """While a block or an inline list is being elaborated; bounds the nesting."""
        if len(self.calls) >= MAX_DEPTH:
            raise self.fail(
                "NNC0703", call, f"more than {MAX_DEPTH} blocks are nested here: does a block contain itself?"
            )
        self.calls.append(call)
        try:
            yield
        finally:
            self.calls.pop()

    def step(self, span: Span, work: int = 1) -> None:
        """Counts one evaluation, or one node; the total is bounded whatever loops a file writes."""
        if self.exhausted:
            raise Failed
        self.work += work
        if self.work > FREE_WORK + WORK_PER_CHARACTER * self.characters:
            self.exhausted = True
            raise self.fail("NNC0704", span, "evaluating this file takes more steps than a file of its length may take")

    def called_like(self, node: Node, other: Node) -> None:
        """`use:` calls the one as it calls the other."""
        if other in self.again:
            self.again[node] = self.again[other]
        if other in self.again_inline:
            self.again_inline[node] = self.again_inline[other]

    def weigh(self, graph: Graph) -> int:
        """Steps of a finished graph, nested ones counted."""
        if graph not in self.weights:
            self.weights[graph] = sum(
                1 + (self.weigh(n.target) if isinstance(n.target, Graph) else 0) for n in graph.nodes
            )
        return self.weights[graph]
