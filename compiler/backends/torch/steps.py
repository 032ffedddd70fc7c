"""Which steps of a graph become statements, and which are parts of one: `F.relu(out + x)` is two steps.

A step is folded into the statement that follows where it is a nameless part of an expression and used once, there. The
order of evaluation stays that of the schedule, so that random numbers are drawn as the graph says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from nnc.compiler.backends.torch.results import is_single
from nnc.compiler.graph.ir import Graph, Node, Stored, Value
from nnc.compiler.graph.training import only_in_training
from nnc.compiler.ops.registry import OpDef

__all__ = ["Steps", "needs_device"]

LONG = 88  # columns of an expression, above which its parts become statements of their own
DEEP = 10  # calls inside one another


def needs_device(node: Node) -> bool:
    """Whether the step makes a tensor of nothing: it must be told where."""
    return isinstance(node.target, OpDef) and node.target.family == "constructor" and not node.inputs


class Steps:
    """The steps of one graph that `forward` takes.

    `stored` are values that the module owns, by the node that registers them. `inputs` are the tensors that a step takes,
    `uses` counts where a value is taken or comes out. `training` are the steps that only `mode: train` outputs need.
    `folded` has the step that makes each value which is a part of another statement, once `statements` has been called."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.stored = {n.results[0]: n for n in graph.nodes if isinstance(n.target, Stored)}
        self.steps = [n for n in graph.schedule if not isinstance(n.target, Stored)]
        self.inputs = {n: n.inputs for n in self.steps}
        self.uses = Counter([v for n in self.steps for v in self.inputs[n]])
        self.uses.update(graph.outputs.values())
        self.training = only_in_training(graph)
        self.folded: dict[Value, Node] = {}

    def statements(self, length: Callable[[Node], int]) -> list[Node]:
        """The steps that become statements, in order. `length` is that of a step's expression, with what is folded."""
        found: list[Node] = []
        pending: list[Node] = []  # parts that wait for their statement, in order of evaluation
        depth: dict[Node, int] = {}
        for node in self.steps:
            if not pending and not self._is_part(node):  # most steps
                found.append(node)
                continue
            wanted = [v for v in self.inputs[node] if any(v in p.results for p in pending)]
            makers = pending[len(pending) - len(wanted) :]
            depth[node] = 1 + max((depth[m] for m in makers), default=0)
            if wanted and self._foldable(node, wanted, makers, depth):
                self.folded |= {m.results[0]: m for m in makers}
                del pending[len(pending) - len(wanted) :]
            elif wanted:
                found += pending
                pending.clear()
                depth[node] = 1
            if self._is_part(node):
                pending.append(node)
            else:
                found += [*pending, node]
                pending.clear()
        found += pending
        return [part for node in found for part in self._unfolded(node, length)] if self.folded else found

    def _foldable(self, node: Node, wanted: Sequence[Value], makers: Sequence[Node], depth: dict[Node, int]) -> bool:
        """Whether what the step reads is what was evaluated last, in that order, under the same condition."""
        in_order = list(wanted) == [m.results[0] for m in makers]
        alike = all((m in self.training) == (node in self.training) for m in makers)
        return in_order and alike and depth[node] <= DEEP

    def _is_part(self, node: Node) -> bool:
        if node.named or not isinstance(node.target, OpDef) or node.target.form != "function":
            return False
        return is_single(node) and self.uses[node.results[0]] == 1

    def _unfolded(self, node: Node, length: Callable[[Node], int]) -> list[Node]:
        """A statement that would be too long becomes several."""
        parts = [self.folded[v] for v in self.inputs[node] if v in self.folded]
        if not parts or length(node) <= LONG:
            return [node]
        for part in parts:
            del self.folded[part.results[0]]
        return [*(p for part in parts for p in self._unfolded(part, length)), node]

    def leaves(self, node: Node) -> Sequence[Value]:
        """The values that a statement reads from variables, each once, in order."""
        inputs = self.inputs[node]
        if len(inputs) == 1 and inputs[0] not in self.folded and inputs[0] not in self.stored:
            return inputs
        return list(dict.fromkeys(self._leaves(node)))

    def _leaves(self, node: Node) -> Iterator[Value]:
        for value in self.inputs[node]:
            if value in self.folded:
                yield from self._leaves(self.folded[value])
            elif value not in self.stored:
                yield value
        if needs_device(node):
            yield from self.graph.inputs[:1]
