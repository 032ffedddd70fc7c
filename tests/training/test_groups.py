"""Groups of parameters: which settings each has, known before there is a tensor."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from nnc.compiler.driver import compile_file, compile_text
from nnc.compiler.training import TrainConfig, read_sections
from nnc.compiler.training.depth import levels
from nnc.compiler.training.groups import group_names
from nnc.compiler.training.network import network_of
from tests.expectations import compare

SPECS = Path(__file__).parents[2] / "specs"
NETWORK = """\
nnc: 1
name: net
inputs: {tokens: {shape: [B, T], dtype: int64}}
blocks:
  Block:
    inputs: {x: [B, T, D]}
    layers:
      norm: {type: LayerNorm, from: x}
      mix: Linear(D)
      mix2: Linear(D)
      out: x + mix2
layers:
  embed: Embedding(10, 4)
  body: [Block, Block, Block]
  norm: LayerNorm
  mean: mean(norm, 1)
  head: Linear(3)
"""
DATA = "data: {train: 'Npz(\"data.npz\")', fields: [tokens, label], validation: 4}\n"
TRAIN = """\
train:
  loss: CrossEntropyLoss
  optimizer: OPTIMIZER
  epochs: 4
"""
BLOCK = ("norm.weight", "norm.bias", "mix.weight", "mix.bias", "mix2.weight", "mix2.bias")
BODY = tuple(f"body.{i}.{name}" for i in range(3) for name in BLOCK)
EVERY = ("embed.weight", *BODY, "norm.weight", "norm.bias", "head.weight", "head.bias")


def text_of(optimizer: str, more: str = "", network: str = NETWORK) -> str:
    train = TRAIN.replace("OPTIMIZER", optimizer) + textwrap.indent(textwrap.dedent(more), "  ")
    return network + DATA + train


def read(optimizer: str, more: str = "", network: str = NETWORK) -> TrainConfig:
    compilation = compile_text(text_of(optimizer, more, network))
    assert not compilation.problems.found, [str(p) for p in compilation.problems.found]
    assert compilation.spec is not None
    _, train = read_sections(
        compilation.spec.sections, compilation.problems, graph=compilation.graph, spec=compilation.spec
    )
    assert train is not None
    return train


def settings(train: TrainConfig, names: tuple[str, ...] = EVERY) -> dict[str, dict[str, object]]:
    return {n: dict(g.settings) for g in group_names(train.optimizer, names) for n in g.names}


# -- who is in a group -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("type: LayerNorm", {n for n in EVERY if "norm" in n}),
        ("type: [LayerNorm, Embedding]", {n for n in EVERY if "norm" in n or "embed" in n}),
        ("type: Block", {n for n in EVERY if n.startswith("body")}),
        ("type: [Block, LayerNorm]", {n for n in EVERY if n.startswith("body") or "norm" in n}),
        ("type: Block, match: '*.bias'", {n for n in EVERY if n.startswith("body") and n.endswith("bias")}),
        ("ndim: 1", {n for n in EVERY if "norm" in n or "bias" in n}),
        ("ndim: [0, 1], match: 'body.*'", {n for n in EVERY if n.startswith("body") and ("norm" in n or "bias" in n)}),
        ("ndim: 2, type: Linear", {n for n in EVERY if n.endswith(("mix.weight", "mix2.weight", "head.weight"))}),
        ("match: ['head.*', '*.bias']", {n for n in EVERY if n.startswith("head") or n.endswith("bias")}),
    ],
)
def test_selected(selector: str, expected: set[str]) -> None:
    train = read("{type: AdamW(lr=1e-3), groups: [{" + selector + ", lr: 0.5}]}")
    assert {n for n, s in settings(train).items() if s} == expected


def test_no_decay_by_default_spares_biases_norms_and_embeddings() -> None:
    found = settings(read("{type: AdamW(lr=1e-3), no_decay: default}"))
    assert {n for n, s in found.items() if s == {"weight_decay": 0}} == {
        n for n in EVERY if not n.endswith(("mix.weight", "mix2.weight", "head.weight"))
    }
    assert all(s in ({}, {"weight_decay": 0}) for s in found.values())


def test_no_decay_by_name_and_an_explicit_group_wins() -> None:
    optimizer = "{type: AdamW(lr=1e-3), no_decay: [default, head.*], groups: [{match: head.bias, weight_decay: 0.5}]}"
    found = settings(read(optimizer))
    assert found["head.weight"] == {"weight_decay": 0}
    assert found["head.bias"] == {"weight_decay": 0.5}
    assert found["body.0.mix.weight"] == {}


def test_frozen_and_tied_parameters() -> None:
    network = NETWORK + "freeze: {match: body.*, except: body.2}\n"
    compilation = compile_text(network)
    found = network_of(compilation.graph, compilation.spec).parameters
    assert found is not None
    assert {p.name for p in found if p.frozen} == {n for n in EVERY if n.startswith(("body.0", "body.1"))}
    tied = compile_text(NETWORK + "tie: {body.1.mix.weight: body.0.mix.weight}\n")
    names = [p.name for p in network_of(tied.graph).parameters or ()]
    assert names == [n for n in EVERY if n != "body.1.mix.weight"]


# -- rates by depth ----------------------------------------------------------------------------------------------------


def test_the_rate_falls_from_level_to_level() -> None:
    found = settings(
        read("{type: AdamW(lr=1e-3), layer_decay: 0.5, groups: [{match: head.bias, lr: 0.1}, {ndim: 1, eps: 0.1}]}")
    )
    rates = {n: s.get("lr", 1e-3) for n, s in found.items()}
    assert rates == pytest.approx(
        {n: 1e-3 * 0.5 ** (4 - (0 if "embed" in n else int(n[5]) + 1 if n.startswith("body") else 4)) for n in EVERY}
        | {"head.bias": 0.1}
    )
    assert found["norm.bias"]["eps"] == 0.1


def beit(name: str, layers: int = 12) -> int:
    """`get_num_layer_for_vit` of BEiT's optim_factory.py, in torchvision's names."""
    if name in ("class_token", "encoder.pos_embedding") or name.startswith("conv_proj"):
        return 0
    if name.startswith("encoder.layers"):
        return int(name.split(".")[2].removeprefix("encoder_layer_")) + 1
    return layers + 1


def test_levels_as_in_beit() -> None:
    compilation = compile_file(SPECS / "vit.yaml")
    network = network_of(compilation.graph, compilation.spec)
    found = levels(network)
    assert found == {p.name: beit(p.name) for p in network.parameters or ()}


@pytest.mark.parametrize(
    ("file", "depth"),
    [
        ("resnet.yaml", 18),
        ("swin.yaml", 17),
        ("gpt2.yaml", 14),
        ("bert.yaml", 14),
        ("lenet5.yaml", 5),
        ("alexnet.yaml", 8),
    ],
)
def test_depth_of_known_networks(file: str, depth: int) -> None:
    """Blocks, what is before the first and what is after the last; without blocks, layers."""
    compilation = compile_file(SPECS / file)
    network = network_of(compilation.graph, compilation.spec)
    found = levels(network)
    assert found.keys() == {p.name for p in network.parameters or ()}
    assert sorted(set(found.values())) == list(range(depth))


def test_torchs_own_stack_has_a_level_for_each_layer() -> None:
    network = """\
        nnc: 1
        name: net
        inputs: {x: [B, T, 8]}
        layers:
          project: Linear(8)
          encoder: TransformerEncoder(2, 4)
          head: Linear(3)
    """
    compilation = compile_text(textwrap.dedent(network).replace("(2, 4)", "(TransformerEncoderLayer(2), 4)"))
    if compilation.problems.found:
        compilation = compile_text(textwrap.dedent(network).replace("(2, 4)", "(4, nhead=2, dim_feedforward=8)"))
    assert not compilation.problems.found, [str(p) for p in compilation.problems.found]
    found = levels(network_of(compilation.graph))
    assert [found[f"encoder.layers.{i}.linear1.weight"] for i in range(4)] == [1, 2, 3, 4]
    assert (found["project.weight"], found["head.weight"]) == (0, 5)


def test_levels_by_globs() -> None:
    train = read('{type: SGD(lr=1.0), layer_decay: {factor: 0.5, layers: [embed, "body.*", head]}}')
    decay = train.optimizer.layer_decay
    assert decay is not None
    assert decay.levels["embed.weight"] == 0
    assert [decay.levels[f"body.{i}.mix.weight"] for i in range(3)] == [1, 2, 3]
    assert (decay.levels["norm.weight"], decay.levels["head.bias"]) == (3, 4)


# -- faults ------------------------------------------------------------------------------------------------------------

FAULTS = {
    "a type that is none": """
        optimizer:
          type: AdamW
          groups:
            - {type: LayerNrm, weight_decay: 0}  # error: [unknown-training-name] "did you mean `LayerNorm`"
    """,
    "a type that is not there": """
        optimizer:
          type: AdamW
          groups:
            - {type: Conv2d, weight_decay: 0}  # warning: [group-matches-nothing] "no parameter of the network"
    """,
    "neither name nor type": """
        optimizer:
          type: AdamW
          groups:
            - {weight_decay: 0}  # error: [missing-section-key] "needs `match`"
    """,
    "a number of dimensions": """
        optimizer:
          type: AdamW
          groups:
            - {ndim: -1, weight_decay: 0}  # error: [wrong-training-value] "an integer"
    """,
    "an optimizer without decay": """
        optimizer: {type: Rprop, no_decay: default}  # error: [conflicting-settings] "Rprop decays no weights"
    """,
    "no decay of nothing": """
        optimizer: {type: AdamW, no_decay: heda.*}  # warning: [group-matches-nothing] "no parameter is called"
    """,
    "growth by depth": """
        optimizer: {type: AdamW, layer_decay: 1.5}  # error: [wrong-training-value] "a factor such as 0.75"
    """,
    "levels of nothing": """
        optimizer:
          type: AdamW
          layer_decay: {factor: 0.5, layers: [embed, "block.*"]}  # warning: [group-matches-nothing] "is called `block.*`"
    """,
    "LBFGS with levels": """
        optimizer: {type: LBFGS, layer_decay: 0.5}  # error: [conflicting-settings] "one group"
    """,
    "a value for each group that is not there": """
        optimizer: {type: AdamW, no_decay: default}
        scheduler: CyclicLR([0.1, 0.2, 0.3], 0.5)  # error: [conflicting-settings] "3 values, and the optimizer 2 groups"
    """,
    "a list where there is one group": """
        optimizer: AdamW
        scheduler: LambdaLR(["0.9 ** epoch", "0.8 ** epoch"])  # error: [conflicting-settings] "the optimizer 1 group of"
    """,
    "in a chain": """
        optimizer: AdamW
        scheduler: SequentialLR([LinearLR(), LambdaLR(["0.9 ** epoch", "1"])], [2])  # error: [conflicting-settings] "2 values"
    """,
    "momentum where there is none": """
        optimizer: Adagrad
        scheduler: OneCycleLR(0.1, total_steps=steps)  # error: [conflicting-settings] "Adagrad has no momentum to cycle"
    """,
    "what is no scheduler, in a list that waits for the data": """
        optimizer: AdamW
        scheduler:
          type: SequentialLR
          schedulers: ["LinearLR(total_iters=steps)", 0.9]  # error: [wrong-training-value] "a list of schedulers"
          milestones: [2]
    """,
    "one milestone too many, in a list that waits for the data": """
        optimizer: AdamW
        scheduler: SequentialLR([LinearLR(total_iters=steps), StepLR(3)], [2, 3])  # error: [conflicting-settings] "1 milestones"
    """,
    "Muon for a network that is not all matrices": """
        optimizer: Muon  # error: [conflicting-settings] "Muon is for matrices, and `body.1.norm.weight` has 1 dimension"
    """,
    "SparseAdam for a network that is dense": """
        optimizer: SparseAdam  # error: [conflicting-settings] "SparseAdam is for sparse gradients"
    """,
    "a part for one optimizer": """
        optimizer: {type: AdamW, parameters: head}  # error: [conflicting-settings] "one optimizer is for all parameters"
    """,
    "what no optimizer takes": """
        optimizer:  # error: [conflicting-settings] "no optimizer takes `body.1.norm.weight`"
          - {type: Muon, ndim: 2}
          - {type: AdamW, parameters: head}
    """,
    "an optimizer that nothing is left for": """
        optimizer:
          - AdamW
          - {type: Muon, parameters: head, ndim: 2}  # warning: [group-matches-nothing] "no parameter is left for Muon"
    """,
    "matrices and others": """
        optimizer:
          - {type: Muon, parameters: body}  # error: [conflicting-settings] "Muon is for matrices"
          - AdamW
    """,
    "LBFGS among others": """
        optimizer:
          - {type: LBFGS, parameters: head}  # error: [conflicting-settings] "LBFGS steps by itself"
          - AdamW
    """,
    "momentum of two kinds": """
        optimizer:
          - {type: Muon, ndim: 2}
          - AdamW
        scheduler: OneCycleLR(0.1, total_steps=steps)  # error: [conflicting-settings] "no momentum of one kind"
    """,
    "unfrozen at once": """
        optimizer: AdamW
        unfreeze:
          - {match: body.0, epoch: 1}  # error: [conflicting-settings] "the first epoch is no later one"
    """,
    "unfrozen never": """
        optimizer: AdamW
        unfreeze:
          - {match: body.0, epoch: 5}  # warning: [group-matches-nothing] "epoch 5 never comes"
    """,
    "unfrozen what is not frozen": """
        optimizer: AdamW
        unfreeze:
          - {match: head.*, epoch: 2}  # error: [unknown-quantity] "`head.*` is not frozen"
    """,
    "unfrozen what is not there": """
        optimizer: AdamW
        unfreeze: {match: bdy, epoch: 2}  # error: [unknown-quantity] "did you mean `body`"
    """,
    "a setting that the optimizer has not": """
        optimizer: AdamW
        unfreeze: {match: body.0, epoch: 2, momentum: 0.9}  # error: [unknown-section-key] "no key `momentum`"
    """,
    "without its epoch": """
        optimizer: AdamW
        unfreeze: {match: body.0}  # error: [missing-key] "epoch"
    """,
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(name: str) -> None:
    freeze = "freeze: body.0\n"
    text = NETWORK + freeze + DATA + "train:\n  loss: CrossEntropyLoss\n  epochs: 4\n"
    text += textwrap.indent(textwrap.dedent(FAULTS[name]), "  ")
    assert compare(text, compile_text(text).problems.sorted()) == []


def test_sparse_gradients_are_for_some_optimizers() -> None:
    network = NETWORK.replace("Embedding(10, 4)", "Embedding(10, 4, sparse=True)")
    train = read("[{type: SparseAdam, parameters: embed}, AdamW]", network=network)
    assert [(o.call.name, len(o.names or ())) for o in train.optimizer.all] == [
        ("SparseAdam", 1),
        ("AdamW", len(EVERY) - 1),
    ]
    (found,) = compile_text(text_of("AdamW", network=network)).problems
    assert "AdamW takes no sparse gradients, and that of `embed.weight` is" in str(found)
    assert not compile_text(text_of("SGD(lr=0.1)", network=network)).problems.found


def test_unfreezing_is_a_group_of_its_own() -> None:
    network = NETWORK + "freeze: [embed, body.*]\n"
    train = read(
        "AdamW(lr=1e-3)", "unfreeze: [{match: 'body.*', epoch: 3, lr: 1e-5}, {match: body.2, epoch: 2}]\n", network
    )
    assert [(u.match, u.epoch) for u in train.unfreeze] == [(("body.*",), 3), (("body.2",), 2)]
    found = settings(train)
    assert found["body.0.mix.weight"] == {"lr": pytest.approx(1e-5)}
    assert found["body.2.mix.weight"] == found["head.weight"] == {}
