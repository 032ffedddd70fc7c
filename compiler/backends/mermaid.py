"""A drawing as a Mermaid flowchart, which GitHub, GitLab and many editors show inside Markdown.

Names of nodes are numbers of our own. Every text of a spec stands in a quoted label, in which each character that
Mermaid or HTML could take for its own is written as an entity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nnc.compiler.backends import labels
from nnc.compiler.backends.diagram import Box, Cluster, Diagram, Row
from nnc.compiler.backends.dot import ACCENT, INK, PAINTS, PLAIN, Direction, Paint
from nnc.compiler.graph.text import clip

__all__ = ["to_mermaid"]

TERMINAL = Paint("#ffffff", INK)
SHAPES: Mapping[str, tuple[str, str]] = {
    "input": ("([", "])"), "output": ("([", "])"), "sign": ("((", "))"), "folded": ("(", ")"), "omitted": ("(", ")"),
}  # fmt: skip


def to_mermaid(diagram: Diagram, *, direction: Direction = "TB") -> str:
    """The drawing as Mermaid text. `direction`: from top to bottom, or from left to right."""
    numbers = {box.id: f"n{i}" for i, box in enumerate(diagram.boxes(), 1)}
    lines = [f"flowchart {direction}"]
    lines += [f"    %% {_comment(note)}" for note in diagram.notes]
    lines += _items(diagram.items, numbers, iter(range(1, 1 << 30)), "    ")
    bypasses = []
    for i, edge in enumerate(diagram.edges):
        arrow = "-.->" if edge.train_only else "-->"
        label = f'|"{_text(edge.label)}"|' if edge.label else ""
        lines.append(f"    {numbers[edge.tail]} {arrow}{label} {numbers[edge.head]}")
        bypasses += [str(i)] if edge.bypass else []
    for family in sorted({_family(box) for box in diagram.boxes()}):
        paint = TERMINAL if family == "terminal" else PAINTS.get(family, PLAIN)
        lines.append(f"    classDef {family} fill:{paint.fill},stroke:{paint.line},color:{INK}")
    if bypasses:
        lines.append(f"    linkStyle {','.join(bypasses)} stroke:{ACCENT},stroke-width:2px")
    return "\n".join(lines) + "\n"


def _items(
    items: Sequence[Box | Cluster], numbers: Mapping[str, str], fresh: Iterator[int], indent: str
) -> Iterator[str]:
    for item in items:
        if isinstance(item, Cluster):
            yield f'{indent}subgraph c{next(fresh)}["{_heading(item) or " "}"]'
            yield from _items(item.items, numbers, fresh, indent + "    ")
            yield f"{indent}end"
        else:
            before, after = SHAPES.get(item.role, ("[", "]"))
            text = "<br/>".join(_row(item, row) for row in item.rows)
            yield f'{indent}{numbers[item.id]}{before}"{text}"{after}:::{_family(item)}'


def _family(box: Box) -> str:
    """The name of a style: a family that has a colour of its own, else `step`."""
    if box.role in ("input", "output", "sign"):
        return "terminal"
    return box.rows[0].family if box.rows[0].family in PAINTS else "step"


def _row(box: Box, row: Row) -> str:
    if box.role == "sign":
        return _text(row.title)
    words = [_text(row.name)] if row.name else []
    words.append(f"<b>{_text(row.title)}</b>")
    words += [_text(row.detail)] if row.detail else []
    words += [f"<b>×{box.times}</b>"] if box.times > 1 else []
    each = labels.of_several(box.alike) if box.times > 1 else ""
    words += [f"· {labels.count(row.parameters)}{each}"] if row.parameters else []
    return " ".join(words)


def _heading(cluster: Cluster) -> str:
    words = [f"<b>{_text(cluster.name)}</b>"] if cluster.name else []
    words += [_text(cluster.title)] if cluster.title else []
    words += [f"<b>×{cluster.times}</b>"] if cluster.times > 1 else []
    if cluster.parameters:
        words.append(
            "· " + labels.count(cluster.parameters) + (labels.of_several(cluster.alike) if cluster.times > 1 else "")
        )
    return " ".join(words)


def _text(text: str) -> str:
    """Letters, digits and harmless signs as they are, every other printable character as an entity."""
    return "".join(_character(c) for c in clip(text, len(text)))


def _character(c: str) -> str:
    return c if c.isalnum() or c in " ,.()=+/_" or ord(c) > 127 else f"#{ord(c)};"


def _comment(text: str) -> str:
    return "".join(c if c.isalnum() or c in " ,.:" else " " for c in text)
