"""A drawing holds what the graph holds: collapsed, folded and shortened, but never wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.backends.diagram import Box, Cluster, Diagram
from nnc.compiler.backends.sketch import sketch
from nnc.compiler.graph.ir import Graph, Value
from nnc.compiler.types.dim import size
from tests.backends.graphs import Building, flat, lenet, mlp, resnet, siamese, unet, vit
from tests.elaborate.helpers import compiled


def boxes(diagram: Diagram) -> dict[str, Box]:
    return {box.id: box for box in diagram.boxes()}


def clusters(items: object) -> Iterator[Cluster]:
    for item in items:  # type: ignore[attr-defined]
        if isinstance(item, Cluster):
            yield item
            yield from clusters(item.items)


def parameters(items: object) -> int:
    """All that the boxes say, repetitions counted."""
    total = 0
    for item in items:  # type: ignore[attr-defined]
        inner = parameters(item.items) if isinstance(item, Cluster) else sum(row.parameters for row in item.rows)
        total += inner * item.times
    return total


def labels(diagram: Diagram) -> dict[tuple[str, str], str]:
    return {(e.tail, e.head): e.label for e in diagram.edges}


def check(diagram: Diagram, graph: Graph) -> None:
    """What is true of every drawing."""
    known = [box.id for box in diagram.boxes()]
    assert len(set(known)) == len(known)
    assert all(e.tail in known and e.head in known for e in diagram.edges)
    network = nx.DiGraph([(e.tail, e.head) for e in diagram.edges])
    assert nx.is_directed_acyclic_graph(network)
    ends = [box.id for box in diagram.boxes() if box.role == "output"]
    assert len(ends) == len(graph.outputs)
    assert all(network.in_degree(end) == 1 for end in ends)
    assert parameters(diagram.items) == diagram.parameters


GRAPHS: dict[str, Callable[[], Graph]] = {
    "lenet": lenet,
    "resnet": resnet,
    "unet": unet,
    "vit": vit,
    "siamese": siamese,
    "mlp": mlp,
    "flat": lambda: flat(9),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize(
    "options", [{}, {"expand": True}, {"depth": 0}, {"depth": 1}, {"limit": 7}, {"expand": True, "depth": 1}]
)
def test_every_drawing_is_sound(name: str, options: dict[str, int]) -> None:
    graph = GRAPHS[name]()
    diagram = sketch(graph, **options)  # type: ignore[arg-type]
    check(diagram, graph)
    assert diagram.parameters == sketch(graph).parameters


# -- rows and names ---------------------------------------------------------------------------------------------------


def test_what_follows_a_layer_shares_its_box() -> None:
    first = boxes(sketch(lenet()))["features.0"]
    assert [(r.name, r.title, r.detail, r.parameters, r.family) for r in first.rows] == [
        ("0", "Conv2d", "1 → 6, 5×5, padding 2", 156, "convolution"),
        ("1", "ReLU", "", 0, "activation"),
    ]


def test_a_value_with_two_users_keeps_its_follower_apart() -> None:
    b = Building()
    x = b.layer("fc", "Linear", b.input("x", "B", 8), out_features=8)
    y = b.layer("relu", "relu", x)
    drawn = boxes(sketch(b.finish(b.layer("out", "add", x, y))))
    assert len(drawn["fc"].rows) == 1
    assert drawn["relu"].rows[0].title == "relu"


def test_an_addition_is_a_sign_and_its_bypass_is_marked() -> None:
    diagram = sketch(resnet())
    assert boxes(diagram)["layer1.1.add"].role == "sign"
    bypasses = {(e.tail, e.head) for e in diagram.edges if e.bypass}
    assert ("layer1.0.out", "layer1.1.add") in bypasses  # around the second block
    assert ("maxpool", "layer1.0.downsample.0") not in bypasses  # that way passes through a layer


def test_a_stored_tensor_and_an_unnamed_step() -> None:
    drawn = boxes(sketch(vit()))
    assert (drawn["class_token"].role, drawn["class_token"].rows[0].parameters) == ("stored", 768)
    assert drawn["layers.encoder_layer_0.add"].rows[0].name == ""


def test_odd_names_give_distinct_plain_ids() -> None:
    b = Building()
    x = b.input("x", "B", 8)
    for name in ("a b", "a/b", "a-b", "a_b", "ä", "0" * 999):
        x = b.layer(name, "Linear", x, out_features=8)
    x = b.layer("in.x", "Linear", x, out_features=9)
    ids = [box.id for box in sketch(b.finish(x), expand=True).boxes()]
    assert len(set(ids)) == 9
    assert all(set(i) <= set("abcdefghijklmnopqrstuvwxyz_.0123456789") and len(i) < 200 for i in ids)


# -- shapes on edges --------------------------------------------------------------------------------------------------


def test_an_edge_says_a_shape_where_it_changes_and_once() -> None:
    told = labels(sketch(resnet()))
    assert told["in.x", "conv1"] == ""  # stands in the box of the input
    assert told["conv1", "maxpool"] == "64×⌈H/2⌉×⌈W/2⌉"
    assert told["maxpool", "layer1.0.conv1"] == "64×⌈H/4⌉×⌈W/4⌉"
    assert told["maxpool", "layer1.0.downsample.0"] == ""  # said on the edge before
    assert told["layer1.0.conv1", "layer1.0.conv2"] == ""  # 64 → 64
    assert told["layer4.1.conv2", "layer4.1.conv3"] == ""
    assert told["avgpool", "flat"] == "2048×1×1"


def test_a_block_says_sizes_as_they_are_outside() -> None:
    told = labels(sketch(resnet(), expand=True))
    assert told["layer2.0.conv2", "layer2.0.conv3"] == "128×⌈H/8⌉×⌈W/8⌉"


def test_several_results_are_told_apart() -> None:
    b = Building()
    out, h, _ = b.layer("lstm", "LSTM", b.input("x", "B", "T", 4), hidden_size=8, batch_first=True)
    both = b.layer(
        "a", "cat", [b.layer("o", "getitem", out, index=(slice(None), -1)), b.layer("h", "getitem", h, index=0)], dim=1
    )
    told = labels(sketch(b.finish(both)))
    assert told["lstm", "o"] == "output, T×8"
    assert told["lstm", "h"] == "h_n, 1×B×8"


def test_the_batch_is_shown_where_inputs_do_not_share_it() -> None:
    b = Building()
    x, y = b.input("x", "B", 8), b.input("y", "N", 8)
    graph = b.finish(
        b.layer("a", "Linear", x, out_features=4),
        b.layer("b", "matmul", b.layer("c", "Linear", y, out_features=3), b.parameter("p", 3, 2)),
    )
    assert labels(sketch(graph))["c", "b"] == "N×3"


# -- repetitions ------------------------------------------------------------------------------------------------------


def test_equal_blocks_are_drawn_once() -> None:
    diagram = sketch(resnet())
    found = {c.id: (c.name, c.title, c.times) for c in clusters(diagram.items) if c.times > 1}
    assert found == {
        "layer1.1": ("1 … 2", "Bottleneck", 2),
        "layer2.1": ("1 … 3", "Bottleneck", 3),
        "layer3.1": ("1 … 5", "Bottleneck", 5),
        "layer4.1": ("1 … 2", "Bottleneck", 2),
    }
    assert ("layer1.1.out", "layer2.0.conv1") in labels(
        diagram
    )  # what comes out of the last comes out of the one drawn


def test_expand_draws_them_all() -> None:
    diagram = sketch(resnet(), expand=True)
    assert all(c.times == 1 for c in clusters(diagram.items))
    assert {f"layer3.{i}.out" for i in range(6)} <= set(boxes(diagram))


def test_repeated_steps_stand_in_a_cluster_of_their_own() -> None:
    diagram = sketch(mlp(20))
    repeated = [c for c in clusters(diagram.items) if c.times > 1]
    assert [(c.times, c.title, c.name, c.parameters) for c in repeated] == [(19, "", "", 256 * 257)]
    assert len(boxes(diagram)) == 5


def test_one_repeated_layer_bears_its_number() -> None:
    b = Building()
    x = b.input("x", "B", 8)
    for i in range(4):
        x = b.layer(str(i), "Linear", x, out_features=8)
    drawn = boxes(sketch(b.finish(b.layer("out", "relu", x))))
    assert drawn["0"].times == 4
    assert len(drawn["0"].rows) == 1  # what follows the last is not part of what is repeated
    assert drawn["out"].rows[0].title == "relu"


# -- folding ----------------------------------------------------------------------------------------------------------


def test_depth_folds_clusters() -> None:
    drawn = boxes(sketch(resnet(), depth=0))
    assert (drawn["layer3"].role, drawn["layer3"].rows[0].detail) == ("folded", "38 layers")
    assert drawn["layer3"].rows[0].parameters == 7_098_368
    assert len(drawn) == 11
    opened = boxes(sketch(resnet(), depth=1))
    assert (opened["layer3.1"].role, opened["layer3.1"].times, opened["layer3.1"].rows[0].title) == (
        "folded",
        5,
        "Bottleneck",
    )
    assert "layer3" not in opened


def test_too_many_boxes_fold_by_themselves() -> None:
    diagram = sketch(resnet(), limit=20)
    assert diagram.notes == ("more than 20 boxes: folded to depth 1",)
    assert set(boxes(diagram)) == set(boxes(sketch(resnet(), depth=1)))


def test_folding_never_opens_what_was_to_be_folded() -> None:
    assert sketch(resnet(), depth=1, limit=12).notes == ("more than 12 boxes: folded to depth 0",)


def test_the_middle_of_a_long_row_is_left_out() -> None:
    graph = flat(1000)
    diagram = sketch(graph)
    check(diagram, graph)
    drawn = boxes(diagram)
    more = [box for box in drawn.values() if box.role == "omitted"]
    assert len(more) == 1
    hidden = 1000 - (len(drawn) - 3)
    assert more[0].rows[0].title == f"{hidden} more"
    assert len(drawn) - 2 <= 400
    assert {"fc0", "fc198", "fc801", "fc999"} <= set(drawn)
    assert "left out" in diagram.notes[0]


# -- modules called again, wrappers -----------------------------------------------------------------------------------


def test_a_module_called_again_is_one_box_that_says_so() -> None:
    again = boxes(sketch(siamese()))["again"]
    assert (again.shared, again.role, again.rows[0].detail, again.rows[0].parameters) == (
        True, "folded", "same weights as encoder", 0,
    )  # fmt: skip


def test_expand_shows_what_it_does() -> None:
    diagram = sketch(siamese(), expand=True)
    assert [c.shared for c in clusters(diagram.items)] == [False, True]
    assert len(boxes(diagram)["again.0"].rows) == 2


def test_a_layer_called_again() -> None:
    b = Building()
    x = b.input("x", "B", 8)
    x = b.layer("a", "Linear", x, out_features=8)
    x = b.layer("b", "Linear", b.layer("t", "tanh", x), out_features=8, shares="a")
    diagram = sketch(b.finish(x))
    assert diagram.parameters == 72
    assert boxes(diagram)["b"].rows[0].detail == "same weights as a"


def test_a_wrapper_around_one_thing_lends_it_its_name() -> None:
    b = Building()
    x = b.input("x", "B", 3, 8, 8)
    s = Building("up", "sequential")
    up = b.call(
        "up", s.finish(s.layer("0", "ConvTranspose2d", s.input("x", "B", 3, 8, 8), out_channels=3, kernel_size=2)), x
    )
    outer, inner = Building("outer", "sequential"), Building("inner", "sequential")
    y = inner.layer("0", "Conv2d", inner.input("x", "B", 3, 9, 9), out_channels=4, kernel_size=3)
    y = inner.layer("1", "Conv2d", y, out_channels=5, kernel_size=3)
    out = b.call("outer", outer.finish(outer.call("inner", inner.finish(y), outer.input("x", "B", 3, 9, 9))), up)
    diagram = sketch(b.finish(out))
    assert boxes(diagram)["up.0"].rows[0].name == "up.0"
    assert [c.name for c in clusters(diagram.items)] == ["outer.inner"]


def test_an_empty_sequential_passes_its_input_on() -> None:
    b = Building()
    x = b.input("x", "B", 8)
    empty = Building("none", "sequential")
    y = b.call("none", empty.finish(empty.input("x", "B", 8)), x)
    diagram = sketch(b.finish(b.layer("fc", "Linear", y, out_features=1)))
    assert labels(diagram) == {("in.x", "fc"): "", ("fc", "out.output"): ""}


def test_a_network_that_gives_back_its_input() -> None:
    b = Building()
    x = b.input("x", "B", 8)
    assert labels(sketch(b.finish(x))) == {("in.x", "out.output"): ""}


def test_an_auxiliary_output_and_a_tie() -> None:
    b = Building()
    x = b.input("x", "B", 8)
    y = b.layer("enc", "Linear", x, out_features=8, bias=False)
    z = b.layer("dec", "Linear", b.layer("t", "tanh", y), out_features=8, bias=False)
    diagram = sketch(b.finish(z, y, train_only=frozenset({"enc"}), ties=(("dec.weight", "enc.weight"),)))
    assert [(e.head, e.train_only) for e in diagram.edges if e.head.startswith("out.")] == [
        ("out.dec", False),
        ("out.enc", True),
    ]
    assert diagram.parameters == 64


# -- any network ------------------------------------------------------------------------------------------------------


@st.composite
def networks(draw: st.DrawFn, depth: int = 2) -> Graph:
    """Chains, joins, nested lists and repetitions over tensors of one shape."""
    b = Building("net" if depth == 2 else "part", "net" if depth == 2 else "sequential")
    values: list[Value] = [b.input("x", "B", 8)]
    for i in range(draw(st.integers(1, 7))):
        kind = draw(
            st.sampled_from(["Linear", "relu", "add", "Dropout", "chunk", *(["nested", "repeat"] if depth else [])])
        )
        x = values[-1] if draw(st.booleans()) else draw(st.sampled_from(values))
        match kind:
            case "Linear":
                y = b.layer(f"s{i}", "Linear", x, out_features=8)
            case "add":
                y = b.layer(f"s{i}", "add", x, draw(st.sampled_from(values)))
            case "chunk":
                parts = b.layer(f"s{i}", "chunk", x, chunks=2, dim=1)
                y = b.layer(f"c{i}", "cat", [parts[1], parts[0]], dim=1)
            case "nested":
                y = b.call(f"s{i}", draw(networks(depth - 1)), x, sizes={"B": size("B")})
            case "repeat":
                inner, y = draw(networks(depth - 1)), x
                for k in range(draw(st.integers(2, 4))):
                    y = b.call(f"s{i}_{k}", inner, y, sizes={"B": size("B")})
            case _:
                y = b.layer(f"s{i}", kind, x)
        values.append(y)
    return b.finish(values[-1]) if depth < 2 else b.finish(*dict.fromkeys([values[-1], draw(st.sampled_from(values))]))


@given(networks(), st.booleans(), st.sampled_from([None, 0, 1]), st.sampled_from([400, 9]))
def test_any_drawing_is_sound(graph: Graph, expand: bool, depth: int | None, limit: int) -> None:
    diagram = sketch(graph, expand=expand, depth=depth, limit=limit)
    check(diagram, graph)
    inner = [b for b in diagram.boxes() if b.role not in ("input", "output")]
    assert len(inner) <= limit


def folded(diagram: Diagram) -> list[str]:
    return [f"{b.rows[0].title} {b.rows[0].detail}".strip() for b in diagram.boxes() if b.role == "folded"]


def once(layers: str) -> tuple[Diagram, Graph]:
    graph = compiled(
        "inputs: {x: [B, 3, H, W]}\nblocks:\n  Unit:\n    inputs: {x: [B, C, H, W]}\n    args: {width: , kernel: 3}\n"
        "    layers: {a: 'Conv2d(width, kernel, padding=1)', n: BatchNorm2d, b: 'Conv2d(width, 1)', out: relu(a + b)}\n"
        f"{layers}"
    ).graph
    return sketch(graph, once=True), graph


def test_once_opens_a_block_where_it_first_stands_and_names_it_elsewhere() -> None:
    diagram, graph = once("layers:\n  one: Unit(8)\n  pool: MaxPool2d(2)\n  two: Unit(16, kernel=5)")
    assert [c.name for c in clusters(diagram.items)] == ["one"]
    assert folded(diagram) == ["Unit width 16, kernel 5"]
    check(diagram, graph)


def test_once_draws_a_row_of_unlike_blocks_as_one_with_their_parameters_together() -> None:
    diagram, _ = once("layers:\n  one: Unit(8)\n  two: Unit(16)\n  three: Unit(24)\n  pool: MaxPool2d(2)")
    (cluster,) = clusters(diagram.items)
    assert (cluster.name, cluster.times, cluster.alike, cluster.parameters) == (
        "one … three",
        3,
        False,
        diagram.parameters,
    )
    assert [label for (_, head), label in labels(diagram).items() if head == "pool"] == ["24×H×W"]


def test_once_does_not_merge_blocks_of_few_steps() -> None:
    text = """
inputs: {x: [B, 3, H, W]}
blocks: {Conv: {args: {channels: }, layers: ["Conv2d(channels, 1)", BatchNorm2d, ReLU]}}
layers: [Conv(8), Conv(16), Conv(24)]
"""
    assert folded(sketch(compiled(text).graph, once=True)) == ["Conv channels 16", "Conv channels 24"]


def test_once_opens_four_kinds_of_a_block_and_no_more() -> None:
    units = "".join(f"  u{n}: Deep({n})\n" for n in range(2, 8))
    text = (
        f"blocks: {{Deep: {{args: {{n: }}, layers: [{{for: i in range(n), type: Linear(i + 1)}}]}}}}\nlayers:\n{units}"
    )
    assert folded(sketch(compiled(text).graph, once=True)) == ["Deep n 6", "Deep n 7"]
