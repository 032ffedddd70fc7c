"""Variables in a `forward`, as a person would choose them: the expectation stands beside the network."""

from __future__ import annotations

import textwrap

import pytest

from nnc.compiler.backends.torch.emit import emit_source
from nnc.compiler.driver import compile_text


def forward(layers: str, inputs: str = "x: [B, 8]", rest: str = "") -> list[str]:
    text = f"nnc: 1\nname: net\ninputs: {{{inputs}}}\nlayers:\n{textwrap.indent(textwrap.dedent(layers).strip(), '  ')}\n{rest}\n"
    found = compile_text(text, name="test.yaml")
    assert found.ok, found.problems.sorted()
    body = emit_source(found.graph).text.rpartition("def forward")[2].splitlines()[1:]
    return [line.partition("  #")[0].strip() for line in body]


def test_a_chain_keeps_its_variable() -> None:
    assert forward("""
        a: Linear(8)
        b: Linear(8)
        c: Linear(8)
        """) == ["x = self.a(x)", "x = self.b(x)", "return self.c(x)"]


def test_a_named_input_is_not_assigned_to() -> None:
    assert forward("{a: Linear(8), b: Linear(8)}", "image: [B, 8]") == ["x = self.a(image)", "return self.b(x)"]


def test_a_residual() -> None:
    assert forward("""
        a: Linear(8)
        b: relu
        c: Linear(8)
        out: relu(c + x)
        """) == ["out = self.a(x)", "out = F.relu(out)", "out = self.c(out)", "return F.relu(out + x)"]


def test_residuals_one_after_the_other() -> None:
    assert forward("""
        ln_1: LayerNorm
        attn: Linear(8)
        mid: x + attn
        ln_2: LayerNorm
        mlp: Linear(8)
        out: mid + mlp
        """) == [
        "out = self.ln_1(x)",
        "out = self.attn(out)",
        "x = x + out",
        "out = self.ln_2(x)",
        "out = self.mlp(out)",
        "return x + out",
    ]


def test_a_branch_bears_its_own_name() -> None:
    assert forward("""
        a: Linear(8)
        b: Linear(8)
        side: {type: Linear(8), from: x}
        out: b + side
        """) == ["out = self.a(x)", "out = self.b(out)", "side = self.side(x)", "return out + side"]


def test_values_used_twice_bear_their_names() -> None:
    assert forward(
        """
        encoder: Linear(8)
        mu: {type: Linear(4), from: encoder}
        logvar: {type: Linear(4), from: encoder}
        z: mu + exp(0.5 * logvar) * randn_like(mu)
        decoder: Linear(8)
        """,
        "image: [B, 8]",
        "outputs: {image: decoder, mu: mu, logvar: logvar}",
    ) == [
        "encoder = self.encoder(image)",
        "mu = self.mu(encoder)",
        "logvar = self.logvar(encoder)",
        "z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)",
        "decoder = self.decoder(z)",
        'return {"image": decoder, "mu": mu, "logvar": logvar}',
    ]


def test_skips_of_a_unet() -> None:
    assert forward("""
        one: Linear(8)
        two: Linear(8)
        deep: Linear(8)
        up1: {type: Bilinear, out_features: 8, from: [deep, two]}
        up2: {type: Bilinear, out_features: 8, from: [up1, one]}
        head: Linear(2)
        """) == [
        "one = self.one(x)",
        "two = self.two(one)",
        "x = self.deep(two)",
        "x = self.up1(x, two)",
        "x = self.up2(x, one)",
        "return self.head(x)",
    ]


def test_an_expression_too_long_for_a_line_becomes_several() -> None:
    terms = " + ".join(f"sigmoid(x * {i}.125) * tanh(x)" for i in range(4))
    lines = forward(f"out: {terms}")
    assert len(lines) > 1
    assert max(map(len, lines)) <= 100


def test_the_order_of_random_draws_is_that_of_the_schedule() -> None:
    assert forward("""
        a: Linear(8)
        noise: dropout(a, 0.1)
        out: rand_like(a) + noise * rand_like(a)
        """) == [
        "x = self.a(x)",
        "noise = F.dropout(x, 0.1, training=self.training)",
        "return torch.rand_like(x) + noise * torch.rand_like(x)",
    ]


def test_named_results() -> None:
    assert forward(
        """
        lstm: LSTM(8, batch_first=True)
        out: {type: Linear(2), from: "lstm.output"}
        state: {type: Linear(2), from: "lstm.c_n"}
        """,
        "x: [B, T, 8]",
        "outputs: {out: out, state: state}",
    ) == [
        "x, (_, c_n) = self.lstm(x)",
        "out = self.out(x)",
        "state = self.state(c_n)",
        'return {"out": out, "state": state}',
    ]


def test_numbered_results() -> None:
    assert forward("""
        parts: chunk(2, 1)
        out: parts.0 * sigmoid(parts.1)
        """) == ["parts = x.chunk(2, dim=1)", "return parts[0] * torch.sigmoid(parts[1])"]


def test_an_output_that_is_an_input() -> None:
    assert forward("a: Linear(8)", rest="outputs: {same: x, a: a}") == ["a = self.a(x)", 'return {"same": x, "a": a}']


@pytest.mark.parametrize(
    ("word", "variable"),
    [("torch", "torch_2"), ("F", "F_2"), ("nn", "nn_2"), ("self", "self_"), ("sum", "sum_"), ("fine", "fine")],
)
def test_variables_hide_nothing_that_is_used(word: str, variable: str) -> None:
    lines = forward(f"{word}: Linear(8)\nout: {word} + x * tanh({word} - x)")
    assert lines == [f"{variable} = self.{word}(x)", f"return {variable} + x * torch.tanh({variable} - x)"]
