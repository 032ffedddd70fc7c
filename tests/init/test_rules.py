"""`init:`: what a file says, what the emitted constructor does, and what is refused."""

from __future__ import annotations

import textwrap
from fnmatch import fnmatchcase
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import nnc
from nnc.compiler.driver import compile_text, default_catalogue
from nnc.compiler.schema.canonical import canonical
from tests.expectations import compare

NETWORK = """
nnc: 1
inputs: {x: [B, 3, 8, 8]}
blocks:
  Unit:
    inputs: {x: [B, C, H, W]}
    args: {channels: , std: 0.5}
    layers:
      conv: Conv2d(channels, 3, padding=1)
      bn: BatchNorm2d
      scale: Parameter([1, channels, 1, 1])
      out: bn * scale
    init:
      - {match: scale, value: normal_(std=std)}
      - {match: conv, bias: uniform_(-1 / sqrt(fan_in), std)}
layers:
  features: [Unit(4), "Unit(8, std=0.25)", ReLU]
  plain: Conv2d(8, 1, bias=False)
  f: mean([2, 3])
  token: Parameter([8])
  y: f + token
  classifier: [Linear(6), ReLU, Linear(5)]
"""


def load(rules: str = "", text: str = NETWORK, seed: int = 0) -> nn.Module:
    compilation = compile_text(text.lstrip() + textwrap.dedent(rules), name="net.yaml")
    torch.manual_seed(seed)
    return nnc.load(compilation.document)


def by_hand(model: nn.Module, rules: list[tuple[str, str, Any]], seed: int = 0) -> dict[str, torch.Tensor]:
    """The parameters as rules (pattern, name of the parameter, function) leave them, by torch's own means: the last rule
    that fits decides, in the order of `named_parameters`."""
    torch.manual_seed(seed)
    fresh = nnc.load(model.spec)  # type: ignore[arg-type]  # a property of ours
    modules = dict(fresh.named_modules())
    for path, parameter in fresh.named_parameters():
        owner, _, name = path.rpartition(".")
        for pattern, key, fill in reversed(rules):
            kind = getattr(nn, pattern, None)
            met = isinstance(modules[owner], kind) if kind is not None else fnmatchcase(owner, pattern)
            if (met and fnmatchcase(name, key)) or (key == "value" and fnmatchcase(path, pattern)):
                fill(parameter)
                break
    return {n: p.detach().clone() for n, p in fresh.named_parameters()}


def same(model: nn.Module, wanted: dict[str, torch.Tensor]) -> bool:
    own = dict(model.named_parameters())
    return own.keys() == wanted.keys() and all(torch.equal(own[n], wanted[n]) for n in own)


# -- what rules do -----------------------------------------------------------------------------------------------------

WRITTEN: list[tuple[str, str, str, Any]] = [
    ("Conv2d", "weight", 'kaiming_normal_(mode="fan_out")', lambda p: nn.init.kaiming_normal_(p, mode="fan_out")),
    ("Linear", "weight", "normal_(std=0.02)", lambda p: nn.init.normal_(p, std=0.02)),
    ("Linear", "bias", "zeros_", nn.init.zeros_),
    ("BatchNorm2d", "bias", "constant_(0.25)", lambda p: nn.init.constant_(p, 0.25)),
    ("classifier.2", "weight", "trunc_normal_(std=1e-3)", lambda p: nn.init.trunc_normal_(p, std=1e-3)),
    ("features.*", "bias", "uniform_(-1, 1)", lambda p: nn.init.uniform_(p, -1, 1)),
    ("classifier.?", "*", "normal_", nn.init.normal_),
    ("token", "value", "normal_(std=0.02)", lambda p: nn.init.normal_(p, std=0.02)),
    ("*.scale", "value", "0.125", lambda p: nn.init.constant_(p, 0.125)),
    ("*", "value", "uniform_", nn.init.uniform_),
    ("Linear", "weight", "normal_(std=sqrt(2 / (in_features + out_features)))",
     lambda p: nn.init.normal_(p, std=(2 / (p.shape[0] + p.shape[1])) ** 0.5)),
    ("Conv2d", "weight", "normal_(0, sqrt(2 / fan_out))",
     lambda p: nn.init.normal_(p, std=(2 / (p.shape[0] * p[0, 0].numel())) ** 0.5)),
]  # fmt: skip


def section(chosen: list[tuple[str, str, str, Any]]) -> str:
    return "init:\n" + "".join(f'  - {{match: "{m}", "{key}": \'{call}\'}}\n' for m, key, call, _ in chosen)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(WRITTEN), min_size=1, max_size=5), st.integers(0, 3))
def test_the_last_rule_that_fits_decides_in_the_order_of_the_parameters(
    chosen: list[tuple[str, str, str, Any]], seed: int
) -> None:
    rules = [(m, key, fill) for m, key, _, fill in chosen]
    assert same(load(section(chosen), seed=seed), by_hand(load(), rules, seed))


@pytest.mark.parametrize("rule", WRITTEN, ids=lambda r: f"{r[0]} {r[1]}")
def test_a_single_rule(rule: tuple[str, str, str, Any]) -> None:
    model = load(section([rule]))
    assert same(model, by_hand(load(), [(rule[0], rule[1], rule[3])]))
    assert not same(model, by_hand(load(), [])), "the rule has no effect"


def test_a_blocks_rules_run_in_its_constructor_with_its_arguments() -> None:
    model = load()
    torch.manual_seed(0)
    wanted: dict[str, torch.Tensor] = {}
    for i, (inputs, channels, std) in enumerate([(3, 4, 0.5), (4, 8, 0.25)]):
        conv, scale = nn.Conv2d(inputs, channels, 3), torch.zeros(1, channels, 1, 1)
        nn.init.normal_(scale, std=std)
        assert conv.bias is not None
        nn.init.uniform_(conv.bias, -1 / (inputs * 9) ** 0.5, std)
        wanted |= {f"features.{i}.scale": scale, f"features.{i}.conv.weight": conv.weight.detach()}
        wanted |= {f"features.{i}.conv.bias": conv.bias.detach()}
    own = dict(model.named_parameters())
    assert all(torch.equal(own[name], value) for name, value in wanted.items())


def test_layers_inside_torchs_own_are_met() -> None:
    spec = {
        "nnc": 1,
        "inputs": {"x": ["B", "T", 16]},
        "layers": {"layer": "TransformerEncoderLayer(4, dim_feedforward=32, batch_first=True)"},
        "init": [{"match": "Linear", "weight": 0.5, "bias": 0}, {"match": "*.out_proj", "bias": 1}],
    }
    model = nnc.load(spec)
    own = dict(model.named_parameters())
    assert all((own[f"layer.{n}.weight"] == 0.5).all() for n in ("linear1", "linear2", "self_attn.out_proj"))
    assert (own["layer.self_attn.out_proj.bias"] == 1).all()
    assert not (own["layer.self_attn.in_proj_weight"] == 0.5).any()


def test_recurrent_weights_are_named_by_a_glob() -> None:
    spec = {
        "nnc": 1,
        "inputs": {"x": ["B", "T", 4]},
        "layers": {"lstm": "LSTM(8, 2)"},
        "outputs": "lstm.output",
        "init": [{"match": "LSTM", "weight_*": "orthogonal_", "bias_*": "zeros_"}],
    }
    lstm = nnc.load(spec).get_submodule("lstm")
    weight = lstm.weight_hh_l1
    assert torch.allclose(weight.T @ weight, torch.eye(8), atol=1e-5)  # type: ignore[operator]
    assert not any(p.any() for n, p in lstm.named_parameters() if n.startswith("bias"))


def test_a_tied_parameter_starts_as_the_one_it_is_tied_to() -> None:
    spec = {
        "nnc": 1,
        "inputs": {"x": {"shape": ["B", "T"], "dtype": "int64"}},
        "layers": {"embed": "Embedding(10, 4)", "decoder": "Linear(10, bias=False)"},
        "tie": {"decoder.weight": "embed.weight"},
        "init": [{"match": "Embedding", "weight": 0.5}, {"match": "Linear", "weight": 2}],
    }
    model = nnc.load(spec)
    assert model.get_parameter("decoder.weight") is model.get_parameter("embed.weight")
    assert (model.get_parameter("embed.weight") == 0.5).all()


def test_saved_weights_are_loaded_without_drawing(tmp_path: Any) -> None:
    model = load(section(WRITTEN))
    nnc.save(model, tmp_path / "model.safetensors")
    torch.manual_seed(3)
    before = torch.get_rng_state()
    again = nnc.load(tmp_path / "model.safetensors")
    assert torch.equal(torch.get_rng_state(), before)
    assert same(again, dict(model.named_parameters()))


def test_the_emitted_code_is_what_people_write() -> None:
    source = str(load("init:\n  - {match: Conv2d, weight: 'kaiming_normal_(mode=\"fan_out\")', bias: zeros_}\n").source)
    assert """\
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
""" in source  # fmt: skip
    assert "nn.init.normal_(self.scale, std=std)" in source


# -- what is written ---------------------------------------------------------------------------------------------------


def test_rules_survive_the_canonical_form() -> None:
    text = NETWORK.lstrip() + section(WRITTEN)
    compilation = compile_text(text, name="net.yaml")
    assert compilation.spec is not None
    plain = canonical(compilation.spec, default_catalogue())
    assert plain["blocks"]["Unit"]["init"][0] == {"match": "scale", "value": "normal_(std=std)"}
    assert len(plain["init"]) == len(WRITTEN)
    torch.manual_seed(0)
    assert same(nnc.load(plain), dict(load(section(WRITTEN)).named_parameters()))


def test_both_spellings_of_a_call() -> None:
    call = load("init:\n  - {match: Conv2d, weight: 'kaiming_uniform_(1, mode=\"fan_out\")'}\n")
    mapping = load("init:\n  - {match: Conv2d, weight: {type: kaiming_uniform_, a: 1, mode: fan_out}}\n")
    assert same(call, dict(mapping.named_parameters()))


FAULTS = """
nnc: 1
inputs: {x: [B, 3, 8, 8]}
args: {std: 0.1}
layers:
  conv: Conv2d(4, 3)
  bn: BatchNorm2d
  flat: flatten(1)
  token: Parameter([144])
  y: flat + token
  lstm: Linear(7)
init:
"""


@pytest.mark.parametrize(
    "rule",
    [
        '{match: Conv2d, weight: kaiming_normal}  # error: [unknown-initializer] "did you mean `kaiming_normal_`"',
        '{match: Conv2d, weight: relu}  # error: [unknown-initializer] "torch.nn.init has no function `relu`"',
        '{match: Conv2d, weight: "normal_(sdt=1)"}  # error: [unknown-argument] "did you mean `std`"',
        '{match: Conv2d, weight: "normal_(0, 1, 2)"}  # error: [too-many-arguments] "one more"',
        '{match: Conv2d, weight: constant_}  # error: [missing-argument] "constant_ needs `val`"',
        '{match: Conv2d, weight: "kaiming_normal_(mode=\'fan_inn\')"}  # error: [argument-type] "did you mean \\"fan_in\\""',
        '{match: Conv2d, weight: normal_(std=-std)}  # error: [initializer-does-not-fit] "std is at least 0"',
        '{match: Conv2d, weight: normal_(std=width)}  # error: [unknown-name] "nothing is called `width`"',
        '{match: Conv2d, weight: normal_(std=1/num_heads)}  # error: [init-argument] "has no `num_heads`"',
        '{match: Conv2d, weight: "normal_(std=[fan_in][0])"}  # error: [init-argument] "only arithmetic"',
        '{match: Conv2d, weight: normal_(std=x)}  # error: [tensor-not-known] "must be known"',
        '{match: BatchNorm2d, weight: xavier_normal_}  # error: [initializer-does-not-fit] "`bn.weight` of BatchNorm2d"',
        '{match: Conv2d, weight: eye_}  # error: [initializer-does-not-fit] "needs a matrix"',
        '{match: token, value: orthogonal_}  # error: [initializer-does-not-fit] "`token` has shape [144]"',
        '{match: Linear, value: zeros_}  # error: [init-argument] "is a type of layer"',
        '{match: Linear, weight: "normal_("}  # error: [unclosed] "a `)` is missing"',
        '{match: Conv3d, weight: zeros_}  # warning: [init-without-match] "no layer here is of type `Conv3d`"',
        '{match: Conv2, weight: zeros_}  # warning: [init-without-match] "did you mean `Conv2d`"',
        '{match: heads.*, weight: zeros_}  # warning: [init-without-match] "is called `heads.*`"',
        '{match: Linear, wieght: zeros_}  # warning: [init-without-match] "did you mean `weight`"',
        '{match: token, weight: zeros_}  # warning: [init-without-match] "say how it starts with `value: …`"',
        '{match: [Conv2d, Conv3d], weight: zeros_}',
        '{match: Conv2d, weight: zeros_, bias: 1}',
        '{match: BatchNorm2d, weight: 1, bias: -0.5}',
    ],
)  # fmt: skip
def test_faults_stand_at_their_place(rule: str) -> None:
    text = f"{FAULTS.lstrip()}  - {rule}\n"
    found = compile_text(text, name="net.yaml").problems.sorted()
    assert compare(text, found) == [], [str(d) for d in found]


def test_an_empty_rule_and_a_rule_without_a_pattern() -> None:
    for rule, code in (("{weight: zeros_}", "NNC0203"), ("{match: []}", "NNC0201"), ("zeros_", "NNC0201")):
        found = compile_text(f"{FAULTS.lstrip()}  - {rule}\n", name="net.yaml").problems.sorted()
        assert [d.code for d in found] == [code], rule


def test_a_layer_without_the_parameter_is_passed_over() -> None:
    model = load("init:\n  - {match: Conv2d, bias: 3}\n")
    assert (model.get_parameter("features.0.conv.bias") == 3).all()
    assert model.get_submodule("plain").bias is None


@pytest.mark.parametrize("on", ["true", "false"])
def test_a_rule_for_what_is_switched_off_is_no_mistake(on: str) -> None:
    text = f"""
    nnc: 1
    inputs: {{x: [B, 4]}}
    args: {{scaled: {on}}}
    layers:
      scale: {{if: scaled, type: 'Parameter([4])'}}
      out: x * scale if scaled else x
    init: [{{match: scale, value: ones_}}]
    """
    found = compile_text(textwrap.dedent(text))
    assert found.graph is not None
    assert list(found.problems) == []


def test_an_argument_of_many_steps_is_refused_and_not_walked() -> None:
    long = "+".join(["fan_in", *["1"] * 3000])
    text = f"{FAULTS.lstrip()}  - {{match: Conv2d, weight: normal_(std={long})}}\n"
    assert [d.code for d in compile_text(text, name="net.yaml").problems] == ["NNC0406"]


def test_many_rules_over_many_layers_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be spent grows with the file: a short text cannot ask for a billion comparisons."""
    monkeypatch.setattr("nnc.compiler.elaborate.context.FREE_WORK", 50_000)
    rules = "".join(f'  - {{match: "*{"?" * i}*", weight: zeros_}}\n' for i in range(40))
    text = f"nnc: 1\ninputs: {{x: [B, 4]}}\nlayers:\n  deep: {{repeat: 500, type: Linear(4)}}\ninit:\n{rules}"
    assert "NNC0704" in [d.code for d in compile_text(text, name="net.yaml").problems]


def test_rules_of_a_file_that_is_extended_do_not_warn(tmp_path: Any) -> None:
    """They were written for the layers there; those of the file itself do."""
    (tmp_path / "base.yaml").write_text("nnc: 1\ninputs: {x: [B, 4]}\nlayers: {a: Linear(4), b: Linear(2)}\n"
                                        "init:\n  - {match: a, weight: zeros_}\n")  # fmt: skip
    (tmp_path / "own.yaml").write_text("nnc: 1\nextends: base.yaml\nlayers: {a: ~}\n")
    assert nnc.check(tmp_path / "own.yaml") == []
    (tmp_path / "other.yaml").write_text("nnc: 1\nextends: base.yaml\ninit:\n  - {match: c, weight: zeros_}\n")
    assert [d.code for d in nnc.check(tmp_path / "other.yaml")] == ["NNC0751"]


def test_a_spec_as_a_layer_brings_its_rules(tmp_path: Any) -> None:
    (tmp_path / "part.yaml").write_text("nnc: 1\ninputs: {x: [B, 4]}\nlayers: {a: Linear(4)}\n"
                                        "init:\n  - {match: a, weight: 0.5, bias: 2}\n")  # fmt: skip
    text = "nnc: 1\ninputs: {x: [B, 4]}\nlayers:\n  part: {type: ./part.yaml}\n  fc: Linear(2)\n"
    (tmp_path / "own.yaml").write_text(text + "init:\n  - {match: part.a, bias: 3}\n")
    model = nnc.load(tmp_path / "own.yaml")
    assert (model.get_parameter("part.a.weight") == 0.5).all()
    assert (model.get_parameter("part.a.bias") == 3).all()


def test_what_an_if_has_switched_off_is_no_fault() -> None:
    text = """
nnc: 1
inputs: {x: [B, 4]}
args: {wide: false, norm: BatchNorm1d}
layers:
  a: Linear(4)
  b: {if: wide, type: Linear(4)}
  c: {if: wide, type: norm()}
  d: {if: wide, type: "Parameter([3])"}
init:
  - {match: b, weight: zeros_}
  - {match: BatchNorm1d, weight: zeros_}
  - {match: "d*", value: zeros_}
  - {match: e, weight: zeros_}  # warning: [init-without-match] "is called `e`"
  - {match: Conv1d, weight: zeros_}  # warning: [init-without-match] "no layer here is of type"
""".lstrip()
    assert compare(text, compile_text(text, name="net.yaml").problems.sorted()) == []
