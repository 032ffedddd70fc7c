"""DOT text: what it says, and that nothing a spec says gets out of its label."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.backends.dot import PAINTS, to_dot
from nnc.compiler.backends.sketch import sketch
from tests.backends.attacks import ATTACKS, named
from tests.backends.graphs import Building, lenet, resnet, siamese, unet

GOLDEN = Path(__file__).parent / "golden"

# Everything a drawing may set. None of them takes an address, a file, or a script.
ATTRIBUTES = {
    "arrowhead", "arrowsize", "bgcolor", "color", "fillcolor", "fixedsize", "fontcolor", "fontname", "fontsize",
    "label", "labeljust", "labelloc", "margin", "nodesep", "outputorder", "pad", "penwidth", "rankdir",
    "ranksep", "shape", "splines", "style", "weight", "width",
}  # fmt: skip
TAG = re.compile(r"</?(TABLE|TR|TD|B|FONT|BR)((?: [A-Z-]+=\"[^\"<>]*\")*)/?>")
HTML_ATTRIBUTES = {
    "ALIGN", "BGCOLOR", "BORDER", "CELLBORDER", "CELLPADDING", "CELLSPACING", "COLOR", "POINT-SIZE", "STYLE", "WIDTH",
}  # fmt: skip


def parsed(dot: str) -> object:
    pygraphviz = pytest.importorskip("pygraphviz")
    return pygraphviz.AGraph(string=dot)


def every_attribute(graph: object) -> Iterator[tuple[str, str]]:
    """Name and value of all that is set anywhere in a parsed graph."""
    for part in (graph.graph_attr, graph.node_attr, graph.edge_attr):  # type: ignore[attr-defined]
        yield from dict(part).items()
    for item in [*graph.nodes(), *graph.edges()]:  # type: ignore[attr-defined]
        yield from dict(item.attr).items()
    for sub in graph.subgraphs():  # type: ignore[attr-defined]
        yield from every_attribute(sub)


def check_contained(name: str) -> None:
    diagram = sketch(named(name))
    graph = parsed(to_dot(diagram))
    signs = sum(1 for e in diagram.edges if e.label)
    assert len(graph.nodes()) == sum(1 for _ in diagram.boxes()) + signs  # type: ignore[attr-defined]
    assert len(graph.edges()) == len(diagram.edges) + signs  # type: ignore[attr-defined]
    for key, value in every_attribute(graph):
        assert key in ATTRIBUTES
        if key == "label":
            check_label(value)


def check_label(label: str) -> None:
    """Only tags that a drawing writes, with attributes that lead nowhere; the rest is text without `<` or bare `&`."""
    for tag in TAG.finditer(label):
        assert set(re.findall(r" ([A-Z-]+)=", tag[2])) <= HTML_ATTRIBUTES
    text = TAG.sub("", label)
    assert "<" not in text.strip("<>")
    assert ">" not in text.strip("<>")
    assert re.sub(r"&(amp|lt|gt|quot);", "", text).count("&") == 0
    assert all(c.isprintable() for c in text)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_name_stays_in_its_label(name: str) -> None:
    check_contained(name)


@given(st.text(st.characters(), max_size=30))
def test_any_name_stays_in_its_label(name: str) -> None:
    check_contained(name)


def test_the_check_of_labels_can_fail() -> None:
    for bad in ("<B>x</B><A>", '<TD HREF="http://x">x</TD>', "a & b", "a\x1bb"):
        with pytest.raises(AssertionError):
            check_label(bad)


@pytest.mark.parametrize("name", ["lenet", "siamese"])
def test_small_networks_as_they_were(name: str, update_golden: bool) -> None:
    dot = to_dot(sketch({"lenet": lenet, "siamese": siamese}[name]()))
    path = GOLDEN / f"{name}.dot"
    if update_golden:
        path.write_text(dot, encoding="utf-8")
    assert dot == path.read_text(encoding="utf-8")


def test_blocks_are_nested_clusters() -> None:
    graph = parsed(to_dot(sketch(unet())))
    outer = {str(s.name): s for s in graph.subgraphs()}  # type: ignore[attr-defined]
    assert "cluster_down1" in outer
    assert [str(s.name) for s in outer["cluster_down1"].subgraphs()] == ["cluster_down1.conv"]
    assert "down1.conv.conv1" in outer["cluster_down1"].get_subgraph("cluster_down1.conv").nodes()


def test_a_label_stands_in_the_innermost_cluster_of_both_ends() -> None:
    graph = parsed(to_dot(sketch(unet())))
    inside = graph.get_subgraph("cluster_down1").nodes()  # type: ignore[attr-defined]
    assert "down1.pool-down1.conv.conv1" in inside
    between = [n for n in graph.nodes() if n.startswith("down3.conv.conv2-down4")]  # type: ignore[attr-defined]
    assert all(n not in inside for n in between)


def test_repetitions_counts_shapes_and_bypasses_are_shown() -> None:
    dot = to_dot(sketch(resnet()))
    assert "<B>×5</B>" in dot
    assert "1.12M each" in dot
    assert ">1024×⌈H/16⌉×⌈W/16⌉<" in dot
    assert dot.count('color="#b0413e"') == len([e for e in sketch(resnet()).edges if e.bypass])


def test_a_folded_block_says_what_each_of_its_repetitions_has() -> None:
    assert ">1.12M each<" in to_dot(sketch(resnet(), depth=1))


def test_direction_and_notes() -> None:
    assert "rankdir=LR" in to_dot(sketch(lenet()), direction="LR")
    assert "folded to depth 0" in to_dot(sketch(resnet(), limit=12))


def test_an_auxiliary_output_is_dashed() -> None:
    b = Building()
    y = b.layer("fc", "Linear", b.input("x", "B", 8), out_features=8)
    z = b.layer("aux", "Linear", y, out_features=2)
    assert to_dot(sketch(b.finish(y, z, train_only=frozenset({"aux"})))).count("style=dashed") == 1


def test_colours_leave_text_readable_and_lines_visible() -> None:
    assert all(_luminance(p.fill) > 0.7 for p in PAINTS.values())  # dark text stays readable
    assert all(_luminance(p.line) < 0.5 for p in PAINTS.values())  # the line is seen on its fill


def _luminance(color: str) -> float:
    """Relative luminance as WCAG defines it."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
