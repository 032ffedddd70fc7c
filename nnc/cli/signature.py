"""What a checked network takes, gives and requires: `x: [B, 3, H, W] → [B, 1000]`, `requires H % 32 == 0`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnc.compiler.driver import Compilation
    from nnc.compiler.graph.ir import Graph
    from nnc.compiler.types.tensor import TensorType

__all__ = ["as_json", "as_text", "type_json"]

MAX_LINE = 90


def as_text(result: Compilation) -> Iterator[str]:
    """Lines for a person. The compilation has no errors."""
    yield _flow(result.graph)
    solution = result.solution
    if solution is None or not solution.requirements:
        return
    texts = [r.text for r in solution.requirements]
    separator = ", " if sum(map(len, texts)) < MAX_LINE else f"\n{' ' * len('requires ')}"
    yield from f"requires {separator.join(texts)}".splitlines()
    if solution.example:
        yield f"for example {', '.join(f'{name}={size}' for name, size in solution.example.items())}"


def _flow(graph: Graph) -> str:
    taken = ", ".join(f"{v.name}: {v.type}" for v in graph.inputs)
    if graph.single_output is not None:
        return f"{taken} → {graph.single_output.type}"
    given = ", ".join(f"{name}: {v.type}{_only_training(graph, name)}" for name, v in graph.outputs.items())
    return f"{taken} → {given}"


def _only_training(graph: Graph, name: str) -> str:
    return " (in training only)" if name in graph.train_only else ""


def as_json(result: Compilation) -> dict[str, Any]:
    """The same for programs: the form that `nnc check --help` documents."""
    graph, solution = result.graph, result.solution
    return {
        "inputs": [{"name": v.name, **type_json(v.type)} for v in graph.inputs],
        "outputs": [
            {"name": name or None, **type_json(v.type), "train_only": name in graph.train_only}
            for name, v in graph.outputs.items()
        ],
        "requirements": [
            {"text": r.text, "dimensions": [s.name for s in r.symbols], **r.form}
            for r in (solution.requirements if solution else ())
        ],
        "example": dict(solution.example) if solution and solution.example else None,
    }


def type_json(tensor: TensorType) -> dict[str, Any]:
    """A known size is a number, a free one the text of its expression."""
    return {"shape": [d if isinstance(d, int) else str(d) for d in tensor.shape], "dtype": str(tensor.dtype)}
