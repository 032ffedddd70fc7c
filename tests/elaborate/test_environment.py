"""What a block sees of its file: the file's `args:` and `let:`, unless it has such a name itself; and nothing else."""

from __future__ import annotations

import pytest

from nnc.compiler.graph.ir import Graph, Node
from tests.elaborate.helpers import codes, compiled, graph

FILE = """\
inputs: {x: [B, 16]}
args: {width: 8, rate: 0.25, norm: LayerNorm}
let: {half: width // 2, table: "[width, half]"}
blocks:
  Cell:
    inputs: {x: [B, C]}
    layers:
      BODY
layers:
  one: Cell
  two: Cell
"""


def nodes(body: str, text: str = FILE) -> list[Node]:
    """Those of the block that `one` calls, whose body this is."""
    target = graph(text.replace("BODY", body.replace("\n", "\n      "))).nodes[0].target
    assert isinstance(target, Graph)
    return list(target.nodes)


@pytest.mark.parametrize(
    ("body", "setting", "value"),
    [
        ("fc: Linear(width)", "out_features", 8),
        ("fc: Linear(half)", "out_features", 4),
        ("fc: Linear(table[1] * 3)", "out_features", 12),
        ("fc: {type: Linear, out_features: $width}", "out_features", 8),
        ("drop: Dropout(rate)", "p", 0.25),
        ("rate: Dropout(rate)", "p", 0.25),
        ("n: norm()", "normalized_shape", 16),
        ("norm: norm()", "normalized_shape", 16),
        ("n: {type: norm, eps: 0.5}", "eps", 0.5),
        ("fc: {let: {width: 3}, type: Linear(width)}", "out_features", 3),
        ("fc${i}: {for: i in range(half), type: Linear(i + 1)}", "out_features", 1),
    ],
)
def test_the_files_names_are_known_in_a_block(body: str, setting: str, value: object) -> None:
    assert nodes(body)[0].settings[setting] == value


@pytest.mark.parametrize(
    ("head", "width"),
    [
        ("inputs: {x: [B, C]}\n    args: {width: 3}", 3),
        ("inputs: {x: [B, width]}", 16),  # a pattern binds its names, whatever the file calls so
        ("inputs: {x: [B, C]}\n    let: {width: C * 2}", 32),
        ("inputs: {x: [B, C]}\n    args: {width: '${width + 1}'}", 9),
    ],
)
def test_a_blocks_own_names_come_first(head: str, width: int) -> None:
    made = nodes("fc: Linear(width)", FILE.replace("inputs: {x: [B, C]}", head))
    assert made[0].settings["out_features"] == width


def test_what_is_given_reaches_the_blocks() -> None:
    text = FILE.replace("BODY", "fc: Linear(half)")
    target = graph(text, args={"width": 20}).nodes[0].target
    assert isinstance(target, Graph)
    assert target.nodes[0].settings["out_features"] == 10


def test_equal_calls_share_a_graph() -> None:
    same = graph(FILE.replace("BODY", "a: Linear(width)\n      b: Linear(16)"))
    assert same.nodes[0].target is same.nodes[1].target


def test_a_misspelt_name_finds_the_files() -> None:
    (fault,) = compiled(FILE.replace("BODY", "fc: Linear(widht)").replace("  two: Cell\n", "")).problems
    assert fault.code == "NNC0307"
    assert fault.fix is not None
    assert fault.fix.replacement == "width"


@pytest.mark.parametrize("name", ["B", "one", "x2"])
def test_free_sizes_and_values_of_the_file_stay_outside(name: str) -> None:
    text = FILE.replace("inputs: {x: [B, 16]}", "inputs: {x: [B2, 16], x2: [B2, 16]}").replace("[B, C]", "[N, C]")
    text = text.replace("one: Cell", "one: {type: Cell, from: x}").replace("B2", "B")
    assert set(codes(text.replace("BODY", f"fc: x + {name}"))) == {"NNC0307"}


@pytest.mark.parametrize(
    ("let", "code"),
    [
        ("{half: widht // 2}", "NNC0307"),
        ("{half: B}", "NNC0307"),
        ("{half: width //}", "NNC0401"),
        ("{width: 3}", "NNC0211"),
        ("{1a: 3}", "NNC0210"),
        ("[half]", "NNC0201"),
    ],
)
def test_a_let_that_has_no_value(let: str, code: str) -> None:
    text = FILE[: FILE.index("let:")] + f"let: {let}\n" + FILE[FILE.index("blocks:") :]
    assert codes(text.replace("BODY", "fc: Linear(3)")) == [code]


NETWORK = """\
inputs: {x: [B, 16]}
args: {width: 8}
blocks:
  Linear2: {layers: [Linear(width)]}
  Net:
    inputs: {x: [B, C]}
    args: {depth: 1}
    let: {twice: depth * 2, wide: C + 1}
    blocks:
      Cell: {layers: [Linear(SEEN)]}
    layers: {cell: Cell}
layers: {net: Net(3), other: Net}
"""


def test_a_block_with_blocks_of_its_own_is_a_network_by_itself() -> None:
    def width(seen: str) -> object:
        net = graph(NETWORK.replace("SEEN", seen)).nodes[0].target
        assert isinstance(net, Graph)
        cell = net.nodes[0].target
        assert isinstance(cell, Graph)
        return cell.nodes[0].settings["out_features"]

    assert (width("depth"), width("twice")) == (3, 6)
    for unseen in ("width", "wide", "C"):
        assert set(codes(NETWORK.replace("SEEN", unseen))) == {"NNC0307"}
    assert set(codes(NETWORK.replace("cell: Cell", "cell: Linear2").replace("SEEN", "3"))) == {"NNC0301"}
    assert set(codes(NETWORK.replace("net: Net(3)", "net: Cell").replace("SEEN", "3"))) == {"NNC0301"}
