"""The tutorials' networks against the same by hand: the same keys, and with the same weights equal outputs, gradients and
running statistics to the last bit, in both modes; at their real sizes, the published numbers of parameters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import nnc
from nnc.compiler.driver import compile_file
from nnc.compiler.summary import summarize
from nnc.specs import find
from tests.zoo.by_hand.cases import CASES, HandCase
from tests.zoo.comparison import gradients, same, signature


def both(case: HandCase) -> tuple[nn.Module, nn.Module]:
    """By hand, and the compiled spec with its weights."""
    torch.manual_seed(0)
    hand = case.by_hand(**case.args)
    model = nnc.load(f"zoo:{case.spec}", **case.args)
    assert signature(model) == signature(hand)
    model.load_state_dict(hand.state_dict())
    return hand, model


def results(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    torch.manual_seed(1)
    out = model(*inputs)
    return out if isinstance(out, dict) else {"": out}


# Of the released weights (GPT-2, BERT), of timm's models (MLP-Mixer), of the tutorials' code (the others).
PARAMETERS = {
    "bert_base": 109_482_240,
    "bert_large": 335_141_888,
    "dcgan_discriminator": 2_765_568,
    "dcgan_generator": 3_576_704,
    "gpt2_small": 124_439_808,
    "gpt2_medium": 354_823_168,
    "gpt2_large": 774_030_080,
    "gpt2_xl": 1_557_611_200,
    "lenet5": 61_706,
    "mixer_s32": 19_104_624,
    "mixer_s16": 18_528_264,
    "mixer_b32": 60_293_428,
    "mixer_b16": 59_880_472,
    "mixer_l32": 206_939_264,
    "mixer_l16": 208_196_168,
    "tcn": 66_510,
    "unet": 31_037_698,
    "vae": 652_824,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_published_numbers_of_parameters(name: str) -> None:
    compiled = compile_file(find(name))
    assert compiled.problems.sorted() == []
    assert summarize(compiled.graph).parameters == PARAMETERS[name]


def test_the_page_has_the_same_numbers() -> None:
    """Rows of docs/zoo-tutorials.md that give each of their networks a number."""
    page = (Path(__file__).parents[2] / "docs" / "zoo-tutorials.md").read_text(encoding="utf-8")
    checked = 0
    for row in re.findall(r"^\| `.*$", page, re.MULTILINE):
        cells = row.strip("| ").split(" | ")
        called = re.findall(r"`(\w+)`", cells[0])
        numbers = [int(n.replace(",", "")) for n in re.findall(r"[\d,]*\d", cells[-1])]
        if len(called) == len(numbers) and "…" not in row:
            checked += len(called)
            assert [summarize(compile_file(find(n)).graph).parameters for n in called] == numbers
    assert checked > 15


@pytest.mark.parametrize("name", CASES)
def test_equal_to_the_last_bit(name: str) -> None:
    case = CASES[name]
    hand, model = both(case)
    for training in (False, True):
        hand.train(training)
        model.train(training)
        for drawn in case.inputs:
            torch.manual_seed(2)
            inputs = drawn()
            wanted, got = results(hand, inputs), results(model, inputs)
            assert same(got, wanted), f"training={training}, {[tuple(t.shape) for t in inputs]}"
            weights = {k: torch.randn(v.shape) for k, v in wanted.items()}
            for module, named in ((hand, wanted), (model, got)):
                module.zero_grad()
                torch.stack([(v * weights[k]).sum() for k, v in named.items()]).sum().backward()
            assert same(gradients(model), gradients(hand)), f"gradients, training={training}"
    assert same(dict(model.state_dict()), dict(hand.state_dict())), "running statistics"


def test_the_comparison_can_fail() -> None:
    case = CASES["char_rnn"]
    hand, model = both(case)
    with torch.no_grad():
        next(iter(model.parameters())).view(-1)[0] += 1e-3
    inputs = case.inputs[1]()
    assert not same(results(model, inputs), results(hand, inputs))
