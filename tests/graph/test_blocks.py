"""The parts of a network: what repeats, what is large by itself, and what cannot be taken apart."""

from __future__ import annotations

import pytest

from nnc.compiler.driver import compile_text
from nnc.compiler.graph.blocks import blocks_of, called_again
from nnc.compiler.graph.ir import Graph

LAYER = """
nnc: 1
name: t
inputs: {x: [B, T, 32]}
blocks:
  Layer:
    inputs: {x: [B, T, D]}
    layers: {norm: LayerNorm, up: Linear(4 * D), act: relu, down: Linear(D), out: x + down}
"""


def graph_of(text: str) -> Graph:
    graph = compile_text(text, name="t.yaml").graph
    assert graph is not None
    return graph


def paths(text: str) -> list[str]:
    return [b.path for b in blocks_of(graph_of(text))]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("layers: {stack: {repeat: 3, type: Layer}}", ["stack.0", "stack.1", "stack.2"]),
        ("layers: {stack: {repeat: 2, type: Layer}, head: Linear(200)}", ["stack.0", "stack.1", "head"]),
        ("layers: {stack: {repeat: 2, type: Layer}, head: Linear(4)}", ["stack.0", "stack.1"]),
        (
            "layers: {one: Layer, head: Linear(4)}",
            ["one.up", "one.down"],
        ),  # a block that does not repeat is looked into
        ("layers: {encoder: 'TransformerEncoder(num_layers=2, nhead=2)'}", ["encoder.layers.0", "encoder.layers.1"]),
        ("layers: {a: Layer, b: {use: a}, c: Layer}", ["c"]),  # what is called again stays with the rest
        (
            "layers: {a: Layer, b: Layer}\ntie: {b.up.weight: a.up.weight}",
            ["a.down", "b.down"],
        ),  # and what shares parameters
        ("layers: {flat: flatten(1)}", []),
    ],
)
def test_parts(layers: str, expected: list[str]) -> None:
    assert paths(LAYER + layers) == expected


def test_stages_are_looked_into() -> None:
    blocks = LAYER + "  Stage:\n    inputs: {x: [B, T, D]}\n    layers: {inner: {repeat: 2, type: Layer}}\n"
    assert paths(blocks + "layers: {s: {repeat: 2, type: Stage}}") == [
        "s.0.inner.0", "s.0.inner.1", "s.1.inner.0", "s.1.inner.1",
    ]  # fmt: skip
    assert paths(blocks + "layers: {s: {repeat: 5, type: Stage}}") == [f"s.{i}" for i in range(5)]


def test_parameters_and_kind() -> None:
    found = blocks_of(graph_of(LAYER + "layers: {stack: {repeat: 3, type: Layer}, head: Linear(1000)}"))
    layer = 2 * 32 + 32 * 128 + 128 + 128 * 32 + 32
    assert [(b.type, b.parameters, b.repeated) for b in found] == [
        *[("Layer", layer, True)] * 3,
        ("Linear", 33000, False),
    ]


def test_called_again() -> None:
    assert called_again(graph_of(LAYER + "layers: {a: Layer, b: {use: a}}")) == {"a"}
