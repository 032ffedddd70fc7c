"""Layers, inline bodies, sharing, stored tensors."""

from __future__ import annotations

import pytest

from nnc.compiler.graph.ir import Graph, Stored
from tests.elaborate.helpers import codes, compiled, graph, names


def test_both_spellings_make_the_same_node() -> None:
    call = graph("inputs: {x: [B, 3, 8, 8]}\nlayers:\n  c: Conv2d(4, 3, bias=False)").node("c")
    mapping = graph(
        "inputs: {x: [B, 3, 8, 8]}\nlayers:\n  c: {type: Conv2d, out_channels: 4, kernel_size: 3, bias: false}"
    ).node("c")
    assert call.settings == mapping.settings == {"in_channels": 3, "out_channels": 4, "kernel_size": 3, "bias": False}
    assert [p.shape for p in call.parameters] == [(4, 3, 3, 3)]


def test_a_function_takes_the_flow_unless_it_is_given_tensors() -> None:
    found = graph(
        "layers:\n  a: relu\n  b: softmax(dim=1)\n  c: cat([a, b], 1)\n  d: {type: flatten, start_dim: 0, from: c}"
    )
    assert [[v.name for v in n.inputs] for n in found.nodes] == [["x"], ["a"], ["a", "b"], ["c"]]


def test_an_inline_body_brings_in_what_it_refers_to() -> None:
    found = graph("""
        layers:
          a: Linear(8)
          inner:
            from: x
            layers:
              - Linear(8)
              - {type: add, from: [a, a]}
    """)
    inner = found.node("inner").target
    assert isinstance(inner, Graph)
    assert [v.name for v in inner.inputs] == ["x", "a"]
    assert [v.name for v in found.node("inner").inputs] == ["x", "a"]


def test_a_list_needs_no_layers_key() -> None:
    assert names(graph("layers:\n  net: [Linear(8), [ReLU, Linear(4)]]")) == [
        "net",
        "net.0",
        "net.1",
        "net.1.0",
        "net.1.1",
    ]


def test_use_calls_the_same_module_again() -> None:
    text = "inputs: {a: [B, 16], b: [N, 16]}\n"
    text += "layers:\n  enc: {from: a, layers: [Linear(8), ReLU]}\n  other: {use: enc, from: b}\n"
    found = graph(text + "outputs: {left: enc, right: other}")
    assert names(found) == ["enc", "enc.0", "enc.1"]
    assert found.node("other").shares == "enc"
    assert str(found.outputs["right"].type) == "[N, 8]"


def test_use_reaches_inside_and_follows_a_use() -> None:
    text = """
        layers:
          enc: {from: x, layers: {fc: Linear(16)}}
          again: {use: enc.fc}
          third: {use: again}
    """
    found = graph(text)
    assert [found.node(n).shares for n in ("again", "third")] == ["enc.fc", "enc.fc"]


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ("a: Linear(8)\n  b: {use: a}", "NNC0708"),
        ("a: relu\n  b: {use: a}", "NNC0308"),
        ("a: [Linear(8)]\n  b: {use: a}", "NNC0708"),
        ("a: Linear(16)\n  b: {use: a.inner}", "NNC0601"),
        ("a: Linear(16)\n  b: {use: A}", "NNC0601"),
    ],
)
def test_what_cannot_be_called_again(entries: str, code: str) -> None:
    assert codes(f"layers:\n  {entries}") == [code]


def test_ties() -> None:
    text = "inputs: {t: {shape: [B, T], dtype: int64}}\nlayers:\n  embed: Embedding(100, 8)\n  decoder: Linear(100)\n"
    assert graph(text + "tie: {decoder.weight: embed.weight}").ties == (("decoder.weight", "embed.weight"),)
    assert codes(text + "tie: {decoder.wieght: embed.weight}") == ["NNC0601"]


def test_stored_tensors_stand_beside_the_flow() -> None:
    found = graph("""
        layers:
          scale: Parameter(ones([16]))
          mask: Buffer(tril(ones([16, 16])), persistent=False)
          fc: Linear(16)
          out: (fc * scale) @ mask
    """)
    assert [v.name for v in found.node("fc").inputs] == ["x"]
    stored = found.node("mask").target
    assert isinstance(stored, Stored)
    assert not stored.persistent
    assert [n.target.name for n in stored.initial] == ["ones", "tril"]
    assert found.node("mask").parameters[0].kind == "transient"


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("Parameter(x)", "NNC0310"),
        ("Parameter([B, 4])", "NNC0505"),
        ("Parameter([1, 4], dtype=int64)", "NNC0503"),
        ("Parameter([1, -4])", "NNC0305"),
        ("Parameter(zeros([4]), dtype=float64)", "NNC0503"),
        ("Parameter([1, 4], persistent=False)", "NNC0302"),
        ("Parameter()", "NNC0303"),
        ("Buffer([4], persistent=3)", "NNC0305"),
    ],
)
def test_what_cannot_be_stored(entry: str, code: str) -> None:
    assert codes(f"layers:\n  p: {entry}\n  y: x") == [code]


def test_call_time_arguments() -> None:
    text = """
        inputs: {x: [B, T, 8]}
        layers:
          attention:
            type: MultiheadAttention(2, batch_first=True)
            from: {query: x, key: x, value: x}
            call: {need_weights: false}
          out: attention.attn_output
    """
    assert graph(text).node("attention").operands["need_weights"] is False
    assert codes(text.replace("need_weights", "need_weight")) == ["NNC0302"]


@pytest.mark.parametrize(
    ("call", "operands"),
    [
        ("MultiheadAttention(2)(x, x, x, need_weights=False)", {"need_weights": False}),
        ("MultiheadAttention(2)(query=x, value=x, key=x, need_weights=False)", {"need_weights": False}),
        ("ConvTranspose1d(8, 2, stride=2)(x, output_size=[17])", {"output_size": (17,)}),
        ("ConvTranspose1d(8, 2, stride=2)(output_size=[17])", {"output_size": (17,)}),  # on what flows in
    ],
)
def test_constants_by_name_are_keywords_of_forward(call: str, operands: dict[str, object]) -> None:
    node = graph(
        f"inputs: {{x: [4, 8, 8]}}\nlayers:\n  a: {call}\n  out: {'a.attn_output' if 'Multi' in call else 'a'}"
    ).node("a")
    assert {k: v for k, v in node.operands.items() if k in operands} == operands


def test_unused_entries_are_warned_about() -> None:
    found = compiled("layers:\n  a: Linear(8)\n  b: {type: Linear(4), from: x}")
    assert [(d.code, d.severity) for d in found.problems] == [("NNC0606", "warning")]
    assert found.ok


def test_several_inputs_and_outputs() -> None:
    text = "inputs: {a: [B, 8], b: [B, 8]}\nlayers:\n  s: a + b\n  d: a - b\noutputs: {sum: s, aux: {from: d, mode: train}}"
    found = graph(text)
    assert list(found.outputs) == ["sum", "aux"]
    assert found.train_only == {"aux"}


def test_arguments_and_sizes_from_outside() -> None:
    text = "inputs: {x: [B, T, 8]}\nargs: {width: 4}\nlayers:\n  flat: flatten(1)\n  fc: Linear(width)"
    found = graph(text, args={"width": 6}, sizes={"T": 5})
    assert found.node("fc").settings == {"in_features": 40, "out_features": 6}
    assert codes(text, args={"widht": 6}, sizes={"T": 5}) == ["NNC0709"]
    assert codes(text, sizes={"S": 5}) == ["NNC0709"]
    assert codes(text) == ["NNC0505"]


def test_a_dtype_is_named_in_both_spellings() -> None:
    call = graph("layers:\n  y: zeros([2, 3], dtype=int64)").outputs[""].type
    mapping = graph("layers:\n  y: {type: zeros, args: [2, 3], dtype: int64}").outputs[""].type
    assert str(call) == str(mapping) == "[2, 3] int64"


def test_other_specs_as_layers_take_what_flows_in() -> None:
    assert set(codes('layers:\n  y: {type: "zoo:resnet"}')) == {"NNC0702"}


def test_infinity_has_a_name() -> None:
    assert codes("layers:\n  y: clamp(x, -inf, inf)") == []
