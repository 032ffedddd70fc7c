"""`lengths` of a recurrent layer: the emitted network is bit for bit what packing by hand gives."""

from __future__ import annotations

import textwrap

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nnc.compiler.backends.torch.build import build
from nnc.compiler.driver import compile_text

LENGTHS = {"mixed": [3, 7, 1, 5], "sorted": [7, 5, 5, 2], "full": [7, 7, 7, 7]}


def module(text: str) -> nn.Module:
    return build(compile_text(textwrap.dedent(text), name="net.yaml").graph)


def compiled(layer: str, more: str = "", inputs: str = "x: [B, T, 6]") -> nn.Module:
    text = f"""
        nnc: 1
        inputs: {{{inputs}, n: {{shape: [B], dtype: int64}}}}
        layers:
          rnn: {{type: "{layer}", from: {{input: x, lengths: n{more}}}}}
        outputs: {{output: rnn.output, h_n: rnn.h_n}}
        """
    return module(text)


def by_hand(layer: nn.Module, x: Tensor, lengths: Tensor, batch_first: bool) -> tuple[Tensor, Tensor]:
    packed = pack_padded_sequence(x, lengths, batch_first=batch_first, enforce_sorted=False)
    output, state = layer(packed)
    padded, _ = pad_packed_sequence(output, batch_first=batch_first, total_length=x.size(1 if batch_first else 0))
    return padded, state[0] if isinstance(state, tuple) else state


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize(
    ("written", "theirs"),
    [
        ("LSTM(5, batch_first=True)", nn.LSTM(6, 5, batch_first=True)),
        ("LSTM(5, 2, batch_first=True, bidirectional=True)", nn.LSTM(6, 5, 2, batch_first=True, bidirectional=True)),
        ("LSTM(5, proj_size=3, batch_first=True)", nn.LSTM(6, 5, proj_size=3, batch_first=True)),
        ("GRU(5, 2, bidirectional=True)", nn.GRU(6, 5, 2, bidirectional=True)),
        ("RNN(5, nonlinearity='relu')", nn.RNN(6, 5, nonlinearity="relu")),
    ],
)
def test_is_packing_by_hand(written: str, theirs: nn.RNNBase, lengths: list[int]) -> None:
    first = theirs.batch_first
    model = compiled(written, inputs="x: [B, T, 6]" if first else "x: [T, B, 6]").eval()
    model.rnn.load_state_dict(theirs.state_dict())
    n = torch.tensor(lengths)
    x = torch.randn(4, 7, 6) if first else torch.randn(7, 4, 6)
    ours = model(x, n)
    output, h_n = by_hand(theirs, x, n, first)
    assert torch.equal(ours["output"], output)
    assert torch.equal(ours["h_n"], h_n)
    ours["output"].square().sum().backward()
    output.square().sum().backward()
    for mine, other in zip(model.rnn.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine.grad, other.grad)
    theirs.zero_grad()


def test_what_is_behind_a_length_counts_for_nothing() -> None:
    """Padding does not change the result, and unpacked it would: the comparison can fail."""
    model = compiled("LSTM(5, batch_first=True, bidirectional=True)").eval()
    x, n = torch.randn(2, 7, 6), torch.tensor([4, 7])
    other = x.clone()
    other[0, 4:] = 9.0
    assert torch.equal(model(x, n)["h_n"], model(other, n)["h_n"])
    assert not torch.equal(model.rnn(x)[1][0], model.rnn(other)[1][0])
    assert (model(x, n)["output"][0, 4:] == 0).all()


def test_a_state_goes_with_it() -> None:
    model = compiled("GRU(5, batch_first=True)", ", h_0: h", "x: [B, T, 6], h: [1, B, 5]").eval()
    x, h, n = torch.randn(3, 4, 6), torch.randn(1, 3, 5), torch.tensor([2, 4, 1])
    packed = pack_padded_sequence(x, n, batch_first=True, enforce_sorted=False)
    output, h_n = model.rnn(packed, h)
    assert torch.equal(model(x, h, n)["h_n"], h_n)
    assert torch.equal(model(x, h, n)["output"], pad_packed_sequence(output, True, total_length=4)[0])


def test_sorted_lengths_can_be_demanded() -> None:
    text = """
        nnc: 1
        inputs: {x: [B, T, 6], n: {shape: [B], dtype: int64}}
        layers:
          rnn: {type: LSTM, hidden_size: 5, batch_first: true, from: {input: x, lengths: n}, call: {enforce_sorted: true}}
          last: rnn.h_n[-1]
        """
    model = module(text)
    x = torch.randn(2, 3, 6)
    assert model(x, torch.tensor([3, 2])).shape == (2, 5)
    with pytest.raises(RuntimeError, match="sorted"):
        model(x, torch.tensor([2, 3]))


def test_a_value_may_be_called_as_the_helper_is() -> None:
    text = """
        nnc: 1
        inputs: {run_packed: [B, T, 6], n: {shape: [B], dtype: int64}}
        layers:
          rnn: {type: "LSTM(5, batch_first=True)", from: {input: run_packed, lengths: n}}
          packed: rnn.output * 2
          again: {type: "GRU(5, batch_first=True)", from: {input: packed, lengths: n}}
          last: again.h_n[-1]
        """
    model = module(text)
    assert model(torch.randn(2, 3, 6), torch.tensor([1, 3])).shape == (2, 5)
