"""What a call gives back, and how a statement takes it apart.

x = self.conv(x)                                one tensor
output, (h_n, _) = self.lstm(x)                 a layer's named results
parts = x.chunk(3)            … parts[0]        numbered results
out = self.backbone(x)        … out["low"]      the named outputs of a block
"""

from __future__ import annotations

import ast
from collections.abc import Container, Mapping

from nnc.compiler.backends.torch.rules import RULES, Pattern
from nnc.compiler.backends.torch.syntax import index, literal, text
from nnc.compiler.backends.torch.variables import Variable
from nnc.compiler.graph.ir import Node, Value
from nnc.compiler.ops.registry import OpDef

__all__ = ["inside", "is_single", "main_result", "targets", "variables"]


def is_single(node: Node) -> bool:
    """Whether the graph knows one tensor as the result, rather than several by name or number."""
    return len(node.results) == 1 and node.results[0].name == node.name


def _pattern(node: Node) -> Pattern | None:
    """How torch nests a layer's named results; None where one object holds them all."""
    if not isinstance(node.target, OpDef):
        return None
    return RULES[node.target.name].results or (node.explicit or None)


def variables(node: Node, at: int, last: Mapping[Value, int]) -> list[Variable]:
    """What the targets of statement `at` hold; `last` says where each value is read last. A named result that nothing
    reads gets no variable."""
    if _pattern(node) is None:
        if is_single(node):
            return [Variable(node.results, (node.name,), at, last.get(node.results[0], at))]
        end = max([last.get(v, at) for v in node.results], default=at)
        return [Variable(node.results, (node.name,), at, end, passable=False)]
    used = [v for v in node.results if v in last]
    first = None if is_single(node) else node.results[0]
    words = {v: v.name.rpartition(".")[2] for v in used}
    return [Variable((v,), (words[v], f"{node.name}_{words[v]}"), at, last[v], passable=v is first) for v in used]


def inside(node: Node, holder: ast.expr) -> dict[Value, ast.expr]:
    """Each result that is a part of what one variable holds."""
    if is_single(node) or _pattern(node) is not None:
        return {}
    keys = [literal(k) for k in node.explicit] or [literal(i) for i in range(len(node.results))]
    return {v: index(holder, key) for v, key in zip(node.results, keys, strict=True)}


def targets(node: Node, values: Mapping[Value, ast.expr]) -> str:
    """The left side of the statement; `values` has the variable of every value that is read."""
    pattern = _pattern(node)
    if pattern is None:
        held = values[node.results[0]]
        if isinstance(held, ast.Name):
            return held.id
        return text(held.value if isinstance(held, ast.Subscript) else held)
    found = {v.name.rpartition(".")[2]: v for v in node.results}
    if is_single(node):
        found = {str(pattern[0]): node.results[0]}
    words = {word: text(values[v]) for word, v in found.items() if v in values}
    return _unpacked(pattern, words).removeprefix("(").removesuffix(")")


def _unpacked(pattern: Pattern, words: Mapping[str, str]) -> str:
    """`(output, (h_n, _))`; a part of which nothing is read is `_`."""
    parts = []
    for part in pattern:
        inner = words.get(part, "_") if isinstance(part, str) else _unpacked(part, words)
        parts.append("_" if set(inner) <= set("(_, )") else inner)
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def main_result(node: Node, read: Container[Value]) -> Value | None:
    """The value whose shape a comment tells: the first that is read, where a variable of its own holds it."""
    if is_single(node):
        return node.results[0]
    return next((v for v in node.results if v in read), None) if _pattern(node) is not None else None
