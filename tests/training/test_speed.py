"""`speed:` and `precision:` as a typed section; what is wrong with them stands at its word."""

from __future__ import annotations

from typing import Any

import pytest

from nnc.compiler.diagnostics import Problems
from nnc.compiler.driver import compile_text
from nnc.compiler.training.config.speed import CompileConfig, SpeedConfig
from nnc.compiler.training.read.read import read_sections
from nnc.compiler.training.read.speed import block_names, parse_speed

NETWORK = """
nnc: 1
name: small
inputs: {x: [B, 8]}
blocks:
  Residual:
    inputs: {x: [B, D]}
    layers:
      fc: Linear(D)
      out: fc + x
layers:
  first: Residual
  rest: [Residual, ReLU]
  head: Linear(3)
data:
  fields: [x, y]
  train: Npz("x.npz")
train:
  loss: CrossEntropyLoss
  optimizer: SGD(lr=0.1)
  epochs: 1
"""


def read(settings: str, optimizer: str = "SGD") -> tuple[SpeedConfig | None, list[str]]:
    """What a spec with these settings of `train:` says, and its faults: code and message."""
    compiled = compile_text(NETWORK.replace("SGD", optimizer) + settings)
    faults = [f"{p.code} {p.span.text}: {p.message}" for p in compiled.problems if p.severity.name == "ERROR"]
    if faults:
        return None, faults
    problems = Problems()
    _, train = read_sections(compiled.spec.sections, problems, graph=compiled.graph)
    assert train is not None
    return train.speed, []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("auto", SpeedConfig()),
        ("plain", SpeedConfig(plain=True)),
        ("{}", SpeedConfig()),
        ("null", SpeedConfig()),
        ("{compile: true}", SpeedConfig(compile=CompileConfig())),
        ("{compile: false}", SpeedConfig()),
        ("{compile: reduce-overhead}", SpeedConfig(compile=CompileConfig("reduce-overhead"))),
        (
            "{compile: {mode: max-autotune, fullgraph: true, dynamic: false}}",
            SpeedConfig(compile=CompileConfig("max-autotune", True, False)),
        ),
        ("{checkpointing: true}", SpeedConfig(checkpointing=True)),
        ("{checkpointing: false}", SpeedConfig()),
        ("{checkpointing: Residual}", SpeedConfig(checkpointing=("Residual",))),
        ('{checkpointing: [first, "rest.*"]}', SpeedConfig(checkpointing=("first", "rest.*"))),
        ("{checkpointing: [Linear]}", SpeedConfig(checkpointing=("Linear",))),
        ("{optimizer: fused, channels_last: true}", SpeedConfig(optimizer="fused", channels_last=True)),
        ("{cuda_graphs: true, deterministic: false}", SpeedConfig(cuda_graphs=True, deterministic=False)),
        ("{cudnn_benchmark: true}", SpeedConfig(cudnn_benchmark=True)),
    ],
)
def test_what_is_written_is_meant(written: str, meant: SpeedConfig) -> None:
    assert read(f"  speed: {written}\n") == (meant, [])


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("speed: fast", 'NNC0804 fast: `speed` must be "auto", "plain", or a mapping'),
        ("speed: {chanels_last: true}", "NNC0806 chanels_last: `speed:` has no key `chanels_last`"),
        ("speed: {compile: fastest}", "NNC0804 fastest: `compile` must be"),
        ("speed: {compile: {modes: default}}", "NNC0202 modes:"),
        ("speed: {checkpointing: [Residul]}", "NNC0816 Residul: no layer and no block is called `Residul`"),
        ("speed: {checkpointing: 3}", "NNC0201 3: `checkpointing` must be true, or globs over layers and blocks"),
        ("speed: {optimizer: quick}", 'NNC0804 quick: `optimizer` must be "fused", "foreach" or "loop"'),
        ("speed: {optimizer: fused}\n  # RMSprop", "NNC0811 fused: torch has no fused RMSprop"),
        ("speed: {cuda_graphs: true, compile: true}", "NNC0811 cuda_graphs: a compiled network has CUDA graphs"),
        ("speed: {cuda_graphs: true, checkpointing: true}", "NNC0811 cuda_graphs: activation checkpointing"),
        ("speed: {cudnn_benchmark: true, deterministic: true}", "NNC0811 cudnn_benchmark: cuDNN's benchmark"),
        ("precision: f16", 'NNC0804 f16: `precision` must be "float32", "tf32", "bf16" or "fp16"'),
    ],
)
def test_a_fault_stands_at_its_word(written: str, fault: str) -> None:
    _, faults = read(f"  {written}\n", "RMSprop" if "RMSprop" in written else "SGD")
    assert len(faults) == 1, faults
    assert faults[0].startswith(fault)


def test_checkpointing_of_all_blocks_needs_blocks() -> None:
    flat = NETWORK.replace("Residual\n", "Linear(8)\n").replace("[Residual,", "[Linear(8),")
    flat = flat.replace("blocks:\n  Linear(8):", "blocks:\n  Residual:")
    compiled = compile_text(flat + "  speed: {checkpointing: true}\n")
    (fault,) = [p for p in compiled.problems if p.severity.name == "ERROR"]
    assert (fault.code, fault.message) == ("NNC0811", "the network is not made of `blocks:`")


def test_the_blocks_of_a_network() -> None:
    assert block_names(compile_text(NETWORK).graph) == {"Residual"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("plain", SpeedConfig(plain=True)),
        ("{compile: true}", SpeedConfig(compile=CompileConfig())),
        ("{compil: true}", None),
        ("[1", None),
    ],
)
def test_on_the_command_line(written: str, meant: SpeedConfig | None) -> None:
    problems = Problems()
    assert parse_speed(written, problems) == meant
    assert bool(problems.found) == (meant is None)


def test_what_decides_the_course_is_kept() -> None:
    said: dict[str, Any] = SpeedConfig(channels_last=False, compile=CompileConfig()).as_plain()
    assert said == {"channels_last": False, "compile": {"mode": "default", "fullgraph": False, "dynamic": None}}
    assert SpeedConfig(checkpointing=True).as_plain() == {}
