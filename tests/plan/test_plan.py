"""The plan's numbers, against what can be worked out by hand."""

from __future__ import annotations

import pytest

from nnc.compiler.driver import compile_text
from nnc.compiler.graph.ir import Graph
from nnc.compiler.plan.optimizers import state_of
from nnc.compiler.plan.plan import Asked, Plan, batch_symbol, make_plan
from nnc.compiler.plan.show import amount, as_json, summary_lines
from nnc.compiler.training.config.parallel import ParallelConfig
from nnc.compiler.training.vocabulary.optimizers import OPTIMIZERS

MLP = """
nnc: 1
inputs: {x: [B, 100]}
layers: ["Linear(200, bias=False)", ReLU, "Linear(10, bias=False)"]
"""
WEIGHTS = 100 * 200 + 200 * 10
DEEP = """
nnc: 1
inputs: {x: [B, 256]}
blocks:
  Block: {layers: {up: Linear(1024), act: GELU, down: Linear(256), out: x + down}}
layers: {first: Linear(256), blocks: {repeat: 8, type: Block}, head: Linear(10)}
"""
FSDP = ParallelConfig("fsdp")


def network(text: str) -> Graph:
    return compile_text(text).graph


def planned(text: str, **asked: object) -> Plan:
    return make_plan(network(text), {}, Asked(**asked))  # type: ignore[arg-type]


def test_a_perceptron_by_hand() -> None:
    plan = planned(MLP, batch_size=32, optimizer="SGD", arguments={"momentum": 0.9}, device="cpu")
    assert plan.parameters == WEIGHTS
    assert plan.memory.parameters == plan.memory.optimizer == 4 * WEIGHTS
    assert plan.memory.batch == 32 * 100 * 4 + 32 * 8  # and a class for each sample
    hidden, scores = 32 * 200 * 4, 32 * 10 * 4
    assert plan.kept == hidden + scores + 4, "what ReLU gives, log_softmax, and the loss"
    assert plan.macs == 32 * WEIGHTS


def test_the_sum_is_the_total() -> None:
    plan = planned(MLP, batch_size=8)
    assert plan.memory.total == sum(plan.memory.parts.values())
    assert as_json(plan)["memory"]["total"] == plan.memory.total


@pytest.mark.parametrize("gpus", [2, 8, 64])
def test_ddp_has_all_of_it_and_fsdp_a_part(gpus: int) -> None:
    one, ddp = planned(DEEP, batch_size=gpus), planned(DEEP, batch_size=gpus, gpus=gpus)
    fsdp = planned(DEEP, batch_size=gpus, gpus=gpus, parallel=FSDP)
    assert ddp.memory.parameters == one.memory.parameters
    assert ddp.memory.gradients >= one.memory.gradients, "buckets are there from the start"
    assert fsdp.memory.parameters == pytest.approx(one.memory.parameters / gpus, rel=0.1)
    assert fsdp.memory.optimizer == pytest.approx(one.memory.optimizer / gpus, rel=0.1)
    assert fsdp.memory.gathered > 0
    assert fsdp.memory.total < ddp.memory.total


def test_what_a_ring_sends() -> None:
    plan = planned(DEEP, batch_size=4, gpus=4)
    assert plan.traffic.all_reduce == 2 * 4 * plan.parameters * 3 // 4
    fsdp = planned(DEEP, batch_size=4, gpus=4, parallel=FSDP).traffic
    outside = 256 * 256 + 256 + 256 * 10 + 10
    assert fsdp.all_gather == 4 * (2 * (plan.parameters - outside) + outside) * 3 // 4, "blocks twice, the rest once"
    assert fsdp.reduce_scatter == 4 * plan.parameters * 3 // 4
    halved = planned(DEEP, batch_size=4, gpus=4, parallel=ParallelConfig("fsdp", param_dtype="bf16")).traffic
    assert halved.all_gather == pytest.approx(fsdp.all_gather / 2, rel=0.01)
    assert halved.reduce_scatter == fsdp.reduce_scatter, "gradients are added in float32"
    assert planned(DEEP, batch_size=4, gpus=4, parallel=FSDP, precision="bf16").traffic == halved
    assert planned(DEEP, batch_size=4).traffic.total == 0


def test_the_largest_batch_fits_and_the_next_does_not() -> None:
    memory = 200 * 10**6
    plan = planned(DEEP, memory=memory, reserve=0.0)
    assert plan.largest is not None
    assert plan.local == plan.largest
    assert plan.fits
    assert plan.memory.total <= memory
    assert planned(DEEP, memory=memory, reserve=0.0, batch_size=plan.largest + 1).fits is False


def test_blocks_are_computed_anew_until_it_fits() -> None:
    fitting = planned(DEEP, memory=200 * 10**6, reserve=0.0)
    assert fitting.largest is not None
    wanted = fitting.largest + fitting.largest // 4
    plan = planned(DEEP, memory=200 * 10**6, reserve=0.0, batch_size=wanted)
    assert plan.fits is False
    assert plan.choice is not None
    assert 0 < len(plan.choice.blocks) < 8, "no more than it needs"
    assert plan.choice.memory.total <= 200 * 10**6 < plan.memory.total
    assert 0 < plan.choice.cost < 1 / 3, "a forward pass of a third of the step, at most"
    again = planned(DEEP, batch_size=wanted, recomputed=plan.choice.blocks)
    assert again.memory.total == plan.choice.memory.total
    assert "compute" in dict(summary_lines(plan))["to make it fit"]


def test_where_nothing_helps_it_says_so() -> None:
    plan = planned(DEEP, memory=10**6, batch_size=64)
    assert plan.fits is False
    assert plan.largest is None
    assert plan.choice is None
    assert "--parallel fsdp" in dict(summary_lines(plan))["to make it fit"]


def test_frozen_layers_have_no_gradient_and_no_state() -> None:
    whole = planned(DEEP, batch_size=8)
    frozen = planned(DEEP + "freeze: ['first.*', 'blocks.*']\n", batch_size=8)
    assert frozen.trainable == 256 * 10 + 10
    assert frozen.memory.optimizer == 4 * 2 * frozen.trainable
    assert frozen.kept < whole.kept / 10, "nothing is kept for a backward pass that does not come by"


def test_tied_parameters_count_once() -> None:
    text = """
nnc: 1
inputs: {t: {shape: [B, 16], dtype: int64}}
layers:
  embed: Embedding(1000, 64)
  out: Linear(1000, bias=False)
tie: {out.weight: embed.weight}
"""
    assert planned(text, batch_size=4).parameters == 64 * 1000


def test_bf16_halves_activations_and_keeps_float32_weights() -> None:
    full, low = planned(DEEP, batch_size=4096), planned(DEEP, batch_size=4096, precision="bf16")
    assert low.memory.parameters == full.memory.parameters
    assert low.kept == pytest.approx(full.kept / 2, rel=0.1)


def test_averages_and_accumulated_gradients_take_room() -> None:
    plain, more = planned(DEEP, batch_size=4), planned(DEEP, batch_size=4, averages=1, accumulate=4)
    assert more.memory.averages == plain.memory.parameters
    assert more.memory.gradients == 4 * plain.parameters


def test_every_optimizer_is_known() -> None:
    for name in OPTIMIZERS:
        assert state_of(name, {}, [(10, 20), (20,)]) >= 0
    assert state_of("Adam", {"amsgrad": True}, [(10, 20)]) == 600
    assert state_of("Adafactor", {}, [(10, 20), (20,)]) == 10 + 20 + 20


@pytest.mark.parametrize(
    ("inputs", "symbol"),
    [("{x: [B, 3]}", "B"), ("{x: [4, 3]}", None), ("{x: [N, 3], y: [N, 3]}", "N"), ("{x: [T, 3], y: [B, 3]}", None)],
)
def test_the_batch_is_the_first_dimension_that_all_inputs_share(inputs: str, symbol: str | None) -> None:
    layers = "{out: 'cat([x, y], 0)'}" if "y:" in inputs else "[ReLU]"
    assert batch_symbol(network(f"nnc: 1\ninputs: {inputs}\nlayers: {layers}\n")) == symbol


@pytest.mark.parametrize(("size", "text"), [(999, "999 bytes"), (310 * 10**6, "310 MB"), (1_250_000_000, "1.25 GB")])
def test_amounts_are_readable(size: int, text: str) -> None:
    assert amount(size) == text


def test_million_samples_are_planned_at_once() -> None:
    assert planned(MLP, batch_size=10**6).memory.total > 10**8
