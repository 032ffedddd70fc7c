"""A drawing as DOT text, for Graphviz.

Every text of a spec stands inside an HTML-like label, escaped; names of boxes are made of letters, digits, `_` and `.`.
No attribute that could carry an address (URL, href, image) is ever written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nnc.compiler.backends import labels
from nnc.compiler.backends.diagram import Box, Cluster, Diagram, Edge, Row, plain_name
from nnc.compiler.graph.text import clip

if TYPE_CHECKING:
    from graphviz import Digraph

__all__ = ["Direction", "to_dot"]

Direction = Literal["TB", "LR"]

FONT = "Helvetica,Arial,sans-serif"
INK, MUTED, LINE, ACCENT = "#1f2933", "#66717d", "#7b8794", "#b0413e"


@dataclass(frozen=True, slots=True)
class Paint:
    fill: str
    line: str


# Light tints of the Okabe-Ito palette, told apart with any colour vision, and lines dark enough for grey print.
PAINTS: Mapping[str, Paint] = {
    "convolution": Paint("#d4e6f4", "#3a7ca8"),
    "linear": Paint("#fde3c0", "#c47f17"),
    "recurrent": Paint("#f6d8e6", "#a8577f"),
    "attention": Paint("#e3daf1", "#7a5ca8"),
    "embedding": Paint("#fbf3c4", "#a89a1f"),
    "normalization": Paint("#eceff2", "#8a96a3"),
    "activation": Paint("#fadcd0", "#bf5a33"),
    "pooling": Paint("#cfeade", "#2b8a67"),
    "upsampling": Paint("#cfeade", "#2b8a67"),
    "dropout": Paint("#f7f7f7", "#a3adb8"),
    "stored": Paint("#fbf3c4", "#a89a1f"),
    "folded": Paint("#ffffff", "#52606d"),
}
PLAIN = Paint("#f5f7fa", "#8a96a3")
LONG = 24  # characters of a heading that still fit one line
CLUSTERS = ("#fafbfc", "#f3f5f8", "#eceff3")


def to_dot(diagram: Diagram, *, direction: Direction = "TB") -> str:
    """The drawing as DOT. `direction`: from top to bottom, or from left to right."""
    import graphviz

    dot = graphviz.Digraph(plain_name(diagram.name))
    dot.attr("graph", rankdir=direction, fontname=FONT, fontsize="11", fontcolor=MUTED, bgcolor="white", pad="0.25",
             nodesep="0.28", ranksep="0.16", splines="true", outputorder="edgesfirst")  # fmt: skip
    dot.attr("node", shape="plain", fontname=FONT, fontsize="11", fontcolor=INK, color=INK)
    dot.attr("edge", fontname=FONT, fontsize="9", fontcolor=MUTED, color=LINE, arrowsize="0.6", penwidth="1.1")
    if diagram.notes:
        dot.attr("graph", label=f"<{'<BR/>'.join(map(_text, diagram.notes))}>", labelloc="b")
    _items(dot, diagram.items, 0, "", _signs(diagram))
    for edge in diagram.edges:
        _edge(dot, edge)
    source: str = dot.source
    return source


def _signs(diagram: Diagram) -> Mapping[str, Sequence[Edge]]:
    """The labelled edges by the innermost cluster that holds both ends. A label is a node in the middle of its edge:
    Graphviz's own edge labels bend edges inside clusters."""
    homes: dict[str, tuple[str, ...]] = {}

    def visit(items: Sequence[Box | Cluster], path: tuple[str, ...]) -> None:
        for item in items:
            if isinstance(item, Cluster):
                visit(item.items, (*path, item.id))
            else:
                homes[item.id] = path

    visit(diagram.items, ())
    signs: dict[str, list[Edge]] = {}
    for edge in diagram.edges:
        if edge.label:
            shared = [a for a, b in zip(homes[edge.tail], homes[edge.head], strict=False) if a == b]
            signs.setdefault(shared[-1] if shared else "", []).append(edge)
    return signs


def _items(
    dot: Digraph, items: Sequence[Box | Cluster], level: int, home: str, signs: Mapping[str, Sequence[Edge]]
) -> None:
    for item in items:
        if isinstance(item, Box):
            dot.node(item.id, label=f"<{_box(item)}>", **_shape(item))
            continue
        with dot.subgraph(name=f"cluster_{item.id}") as sub:
            style = "rounded,dashed" if item.shared or not (item.title or item.name) else "rounded"
            sub.attr(label=f"<{_heading(item)}>", labeljust="l", labelloc="t", style=f"{style},filled", margin="10",
                     fillcolor=CLUSTERS[min(level, len(CLUSTERS) - 1)], color="#c3ccd6", penwidth="1")  # fmt: skip
            _items(sub, item.items, level + 1, item.id, signs)
    for edge in signs.get(home, ()):
        dot.node(_sign(edge), label=f"<{_small(edge.label)}>")


def _sign(edge: Edge) -> str:
    return f"{edge.tail}-{edge.head}"


def _shape(box: Box) -> dict[str, str]:
    if box.role == "sign":
        return {"shape": "circle", "style": "filled", "fillcolor": "white", "fixedsize": "true", "width": "0.28"}
    return {}


def _edge(dot: Digraph, edge: Edge) -> None:
    attributes = {"color": ACCENT, "weight": "1", "penwidth": "1.3"} if edge.bypass else {"weight": "8"}
    if edge.train_only:
        attributes |= {"style": "dashed"}
    if edge.label:
        dot.edge(edge.tail, _sign(edge), arrowhead="none", **attributes)
        dot.edge(_sign(edge), edge.head, **attributes)
    else:
        dot.edge(edge.tail, edge.head, **attributes)


# -- labels -----------------------------------------------------------------------------------------------------------


def _heading(cluster: Cluster) -> str:
    """The text in the left half, so that edges, which come in the middle, do not cross it."""
    times = f"×{cluster.times}" if cluster.times > 1 else ""
    number = labels.count(cluster.parameters) if cluster.parameters else ""
    number += labels.of_several(cluster.alike) if number and times else ""
    words = [
        (cluster.name, f"<B>{_text(cluster.name)}</B>"),
        (cluster.title, _text(cluster.title)),
        (times, f'<FONT COLOR="{ACCENT}"><B>{times}</B></FONT>'),
        (number, _small(number)),
    ]
    words = [(plain, marked) for plain, marked in words if plain]
    long = sum(len(plain) for plain, _ in words) > LONG
    rows = ""
    for line in (words[:1], words[1:]) if long else (words,):
        half = 6 * sum(len(plain) + 1 for plain, _ in line)
        rows += f'<TR><TD ALIGN="LEFT">{"  ".join(marked for _, marked in line)}</TD><TD WIDTH="{half}"></TD></TR>'
    return _table(rows) if words else " "


def _box(box: Box) -> str:
    if box.role == "sign":
        return f'<FONT POINT-SIZE="13">{_text(box.rows[0].title)}</FONT>'
    if box.role in ("input", "output"):
        row = box.rows[0]
        line = f"<B>{_text(row.title)}</B>  {_small(row.detail)}"
        cell = f'<TR><TD STYLE="ROUNDED" BORDER="1" COLOR="{INK}" BGCOLOR="white" CELLPADDING="6">{line}</TD></TR>'
        return _table(cell)
    return _table("".join(_row(box, row) for row in box.rows))


def _table(rows: str, padding: int = 0) -> str:
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}">{rows}</TABLE>'


def _row(box: Box, row: Row) -> str:
    """The name on the left, what it is in the middle, how many parameters it has on the right; equally wide sides."""
    paint = PAINTS.get(row.family, PLAIN)
    words = [f"<B>{_text(row.title)}</B>" if box.role != "step" else _text(row.title)]
    if row.detail:
        words.append(_text(row.detail))
    if box.times > 1:
        words.append(f'<FONT COLOR="{ACCENT}"><B>×{box.times}</B></FONT>')
    number = _number(box, row)
    left, middle, right = f'<TD ALIGN="LEFT">{_small(row.name)}</TD>', f"<TD>{'  '.join(words)}</TD>", ""
    if any(r.parameters for r in box.rows):
        width = 6 * max(max(len(r.name), len(_number(box, r))) for r in box.rows)
        left = f'<TD WIDTH="{width}" ALIGN="LEFT">{_small(row.name)}</TD>'
        right = f'<TD WIDTH="{width}" ALIGN="RIGHT">{_small(number)}</TD>'
    if not any(r.name for r in box.rows):
        left = ""
    cells = left + middle + right
    style = ' STYLE="ROUNDED"' if box.role in ("folded", "omitted") else ""
    style = ' STYLE="ROUNDED,DASHED"' if box.shared else style
    look = f'BORDER="1"{style} COLOR="{paint.line}" BGCOLOR="{paint.fill}"'
    if cells == middle:
        return f'<TR><TD {look} CELLPADDING="4">{"  ".join(words)}</TD></TR>'
    return f'<TR><TD {look} CELLPADDING="1">{_table(f"<TR>{cells}</TR>", 3)}</TD></TR>'


def _number(box: Box, row: Row) -> str:
    if not row.parameters:
        return ""
    return labels.count(row.parameters) + (labels.of_several(box.alike) if box.times > 1 else "")


def _small(text: str) -> str:
    return f'<FONT POINT-SIZE="9" COLOR="{MUTED}">{_text(text)}</FONT>' if text else ""


def _text(text: str) -> str:
    """Escaped for an HTML-like label."""
    text = clip(text, len(text))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
