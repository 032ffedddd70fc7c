"""The tutorials' networks against the same by hand: the same keys, and with the same weights equal outputs, gradients and
running statistics to the last bit, in both modes; at their real sizes, the published numbers of parameters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

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
    "fnet_base": 82_861_056,
    "fno": 1_188_353,
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


REQUIREMENTS = {
    "bert": ["T <= 512"],
    "diffusion_unet": ["H % 4 == 0", "W % 4 == 0"],
    "fnet": ["T <= 512"],
    "fno": ["H >= 25", "W >= 22"],
    "gpt2": ["T <= 1024"],
}


@pytest.mark.parametrize("name", sorted({case.spec for case in CASES.values()} | REQUIREMENTS.keys()))
def test_what_each_requires(name: str) -> None:
    solution = compile_file(find(name)).solution
    assert solution is not None
    assert sorted(r.text for r in solution.requirements) == REQUIREMENTS.get(name, [])


# -- what each is for ---------------------------------------------------------------------------------------------


def small(name: str, **more: Any) -> nn.Module:
    """A network of the table, in eval mode."""
    torch.manual_seed(0)
    return nnc.load(f"zoo:{name}", **{**CASES[name].args, **more}).eval()


@torch.no_grad()
def test_gpt2_does_not_look_ahead_and_ends_where_its_positions_end() -> None:
    model = small("gpt2", context=9)
    tokens = torch.randint(0, 50, (2, 9))
    other = tokens.clone()
    other[:, 5:] = (other[:, 5:] + 1) % 50
    one, two = model(tokens), model(other)
    torch.testing.assert_close(one[:, :5], two[:, :5])
    assert not torch.allclose(one[:, 5:], two[:, 5:])
    assert model.lm_head.weight is model.wte.weight
    with pytest.raises(RuntimeError):
        model(torch.randint(0, 50, (2, 10)))


@torch.no_grad()
def test_bert_does_not_see_what_is_masked() -> None:
    model = small("bert")
    tokens, segments = torch.randint(1, 50, (2, 8)), torch.zeros(2, 8, dtype=torch.int64)
    mask = (torch.arange(8) < 5).long().expand(2, 8)
    other = torch.where(mask == 1, tokens, 0)
    one, two = (model(t, mask, segments)["last_hidden_state"] for t in (tokens, other))
    torch.testing.assert_close(one[:, :5], two[:, :5])
    assert not torch.allclose(one[:, 5:], two[:, 5:])


@torch.no_grad()
def test_the_language_model_reads_on_from_its_state() -> None:
    model = small("word_language_model")
    tokens, zeros = torch.randint(0, 50, (9, 2)), torch.zeros(2, 2, 12)
    whole = model(tokens, zeros, zeros)
    first = model(tokens[:4], zeros, zeros)
    second = model(tokens[4:], first["h"], first["c"])
    torch.testing.assert_close(
        torch.cat([first["log_probabilities"], second["log_probabilities"]]), whole["log_probabilities"]
    )
    torch.testing.assert_close(second["h"], whole["h"])


@torch.no_grad()
def test_pointnet_forgets_the_order_and_tcn_the_future() -> None:
    net = nnc.load("zoo:pointnet", num_classes=5).eval()
    points = torch.randn(2, 3, 40)
    torch.testing.assert_close(net(points[:, :, torch.randperm(40)]), net(points))
    tcn = small("tcn")
    seen = (3 - 1) * 2 * (2**3 - 1)  # as the file's first lines say
    series = torch.randn(1, 3, seen + 6)
    earlier, edge = series.clone(), series.clone()
    earlier[:, :, : -seen - 1] += 1
    edge[:, :, -seen - 1] += 1
    assert torch.equal(tcn(earlier), tcn(series))
    assert not torch.equal(tcn(edge), tcn(series))


@torch.no_grad()
def test_a_neural_operator_is_the_same_on_a_finer_grid() -> None:
    """Of a function without the frequencies that it drops, on a grid and on one of twice the points, layer by layer."""
    layer = small("fno").layers[0]
    place = torch.arange(32) / 32 * 2 * torch.pi
    wave = torch.sin(place[:, None] + 2 * place) + torch.cos(place)
    fine = wave.expand(1, 6, 32, 32)
    torch.testing.assert_close(layer(fine[:, :, ::2, ::2]), layer(fine)[:, :, ::2, ::2], atol=1e-5, rtol=1e-4)


def test_the_comparison_can_fail() -> None:
    case = CASES["char_rnn"]
    hand, model = both(case)
    with torch.no_grad():
        next(iter(model.parameters())).view(-1)[0] += 1e-3
    inputs = case.inputs[1]()
    assert not same(results(model, inputs), results(hand, inputs))
