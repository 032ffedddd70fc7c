"""Names that try to leave the place they stand in."""

from __future__ import annotations

from nnc.compiler.graph.ir import Graph
from tests.backends.graphs import Building

ATTACKS = (
    'quote"quote', "a'b", "<b>bold</b>", "</TD></TR></TABLE>>]", "&amp;&lt;", "]]>", "back\\slash\\",
    "\\N\\G\\L", "line\nbreak", "tab\tnul\0bell\a", "\x1b[31mred", "\u202eright-to-left", "\ud800",
    "emoji 🧪 é 漢字", "semi;colon", "#quot;", "`markdown`", 'x"] ; evil [URL="http://example.com',
    "<script>alert(1)</script>", "end", "subgraph", "-->", "%% comment", "|pipe|", "{brace}", "[bracket]",
    "javascript:alert(1)", "a:port:n", "$math$", "1. list", "- item", "", " ", "x",
)  # fmt: skip


def named(name: str) -> Graph:
    """A network whose input, output, block, its call, layers and a layer called again bear the name."""
    b = Building(name)
    x = b.input(name, "B", 8)
    block = Building(name, "block")
    y = block.layer(name, "Linear", block.input("x", "B", 8), out_features=8)
    y = block.layer(name + "2", "Linear", y, out_features=9)
    z = b.call(name, block.finish(y), x)
    z = b.layer(name + "3", "Linear", z, out_features=9)
    z = b.layer(name + "4", "Linear", b.layer("tanh", "tanh", z), out_features=9, shares=name + "3")
    graph = b.finish(z)
    return Graph(graph.kind, name, graph.inputs, {name: z}, graph.nodes, graph.schedule, graph.span)


def all_attacks() -> Graph:
    """One network with a block for each name."""
    b = Building("attacked")
    x = b.input("x", "B", 8)
    for i, name in enumerate(ATTACKS):
        inner = named(name)
        block = Graph("block", name, inner.inputs, inner.outputs, inner.nodes, inner.schedule, inner.span)
        y = b.call(name, block, x)
        x = b.layer(f"narrow{i}", "Linear", y, out_features=8)
    return b.finish(x)
