"""What stands several times behind itself is found, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.graph.ir import Graph
from nnc.compiler.graph.repeats import Run, Structures, find_runs
from tests.backends.graphs import Building, bottleneck, flat, mlp


def chain(*steps: str) -> Graph:
    """`chain("8", "relu")`: a Linear of 8 outputs for each number, else the function."""
    b = Building()
    x = b.input("x", "B", 8)
    for i, step in enumerate(steps):
        x = b.layer(f"s{i}", "Linear", x, out_features=int(step)) if step.isdigit() else b.layer(f"s{i}", step, x)
    return b.finish(x)


def runs(graph: Graph) -> list[Run]:
    return find_runs(graph, Structures())


def test_a_chain_of_equal_layers() -> None:
    assert runs(chain("8", "8", "8", "9", "8")) == [Run(0, 1, 3)]


def test_the_first_layer_differs_when_more_flows_in() -> None:
    assert runs(chain("16", "16", "16", "16")) == [Run(1, 1, 3)]  # 8 → 16, then 16 → 16


def test_a_unit_of_several_steps_begins_with_the_layer() -> None:
    assert runs(chain("16", "relu", "16", "relu", "16", "relu", "8")) == [Run(2, 2, 2)]
    layers = next(n.target for n in mlp(20).nodes if isinstance(n.target, Graph))
    assert runs(layers) == [Run(2, 2, 19)]


def test_a_unit_may_begin_with_what_comes_before_a_layer_everywhere() -> None:
    assert runs(chain("relu", "8", "relu", "8", "relu", "8")) == [Run(0, 2, 3)]


def test_equal_blocks() -> None:
    b = Building()
    x = b.input("x", "B", 256, "H", "W")
    block = bottleneck(256, 64, 1)
    for i in range(3):
        x = b.call(str(i), block, x)
    other = b.call("other", bottleneck(256, 64, 1), x)  # built apart, of the same structure
    wider = b.call("wider", bottleneck(256, 128, 1), other)
    assert runs(b.finish(wider)) == [Run(0, 1, 4)]


def test_layers_side_by_side_are_no_chain() -> None:
    b = Building()
    x = b.input("x", "B", 8)
    q, k, v = (b.layer(n, "Linear", x, out_features=8) for n in "qkv")
    assert runs(b.finish(b.layer("out", "cat", [q, k, v], dim=1))) == []


def test_a_value_that_others_use_keeps_its_layer_apart() -> None:
    b = Building()
    x = b.input("x", "B", 8)
    values = [x]
    for i in range(4):
        values.append(b.layer(str(i), "Linear", values[-1], out_features=8))
    graph = b.finish(b.layer("skip", "add", values[2], values[4]))
    assert runs(graph) == [Run(0, 1, 2), Run(2, 1, 2)]  # the second's value comes out of the first run
    assert runs(b.finish(values[4], values[2])) == [Run(0, 1, 2), Run(2, 1, 2)]


def test_a_second_input_must_be_the_same_for_all() -> None:
    def twice(first_mask: str, second_mask: str) -> Graph:
        b = Building()
        x = b.input("x", "B", 8)
        masks = {name: b.input(name, "B", 8) for name in "mn"}
        for i, mask in enumerate((first_mask, second_mask)):
            x = b.layer(f"a{i}", "add", b.layer(f"l{i}", "Linear", x, out_features=8), masks[mask])
        return b.finish(x)

    assert runs(twice("m", "m")) == [Run(0, 2, 2)]
    assert runs(twice("m", "n")) == []


def test_a_module_called_again_is_no_repetition_of_itself() -> None:
    b = Building()
    x = b.input("x", "B", 8)
    x = b.layer("a", "Linear", x, out_features=8)
    x = b.layer("b", "Linear", x, out_features=8, shares="a")
    assert runs(b.finish(x)) == []


def test_layers_that_differ_in_a_setting_or_a_size() -> None:
    b = Building()
    x = b.input("x", "B", 8)
    for i, p in enumerate((0.1, 0.1, 0.2)):
        x = b.layer(f"d{i}", "Dropout", x, p=p)
    assert runs(b.finish(x)) == [Run(0, 1, 2)]
    assert runs(flat(30)) == []


@given(st.lists(st.sampled_from(["8", "8", "16", "relu", "tanh"]), min_size=1, max_size=40))
def test_runs_unrolled_are_the_chain(steps: list[str]) -> None:
    graph = chain(*steps)
    found = runs(graph)
    structures = Structures()
    kinds = [structures.node(n) for n in graph.schedule]
    end = 0
    for run in found:
        assert end <= run.start
        assert run.times >= 2
        assert kinds[run.start : run.end] == kinds[run.start : run.start + run.period] * run.times
        end = run.end
    assert end <= len(steps)
    covered = {i for run in found for i in range(run.start, run.end)}
    for i in range(len(steps) - 1):  # no pair of equal neighbours is left out
        assert kinds[i] != kinds[i + 1] or {i, i + 1} & covered
