"""`parallel:` of `train:`, and of the command line."""

from __future__ import annotations

import pytest

from nnc.compiler.diagnostics import Problems
from nnc.compiler.driver import compile_text
from nnc.compiler.graph.ir import Graph
from nnc.compiler.training.config import TrainConfig
from nnc.compiler.training.config.parallel import ParallelConfig, TensorConfig
from nnc.compiler.training.reached import reached
from nnc.compiler.training.read.parallel import parse_parallel
from nnc.compiler.training.read.read import read_sections
from tests.expectations import compare

SPEC = """\
nnc: 1
name: t
inputs: {image: [B, 8]}
layers:
  up: Linear(32)
  act: gelu
  down: Linear(10)
  spare: Linear(4)
outputs: {output: down, other: spare}
data: {train: 'Npz("a.npz")'}
train:
  loss: CrossEntropyLoss
  optimizer: SGD(0.1)
  epochs: 1
"""


def of(text: str) -> ParallelConfig:
    return config_of(text)[1].parallel


def config_of(text: str) -> tuple[Graph, TrainConfig]:
    compiled = compile_text(text)
    assert compiled.elaborated is not None, [d.message for d in compiled.problems]
    assert compiled.spec is not None
    _, config = read_sections(compiled.spec.sections, Problems(), graph=compiled.graph, spec=compiled.spec)
    assert config is not None
    return compiled.graph, config


def test_forms() -> None:
    assert of(SPEC) == ParallelConfig()
    assert of(SPEC + "  parallel: fsdp\n").kind == "fsdp"
    full = of(
        SPEC
        + "  parallel:\n    type: fsdp\n    units: up\n    cpu_offload: true\n    param_dtype: bf16\n    timeout: 60\n"
        + "    tensor: {size: 4, match: up}\n"
    )
    assert (full.units, full.cpu_offload, full.param_dtype, full.timeout) == (("up",), True, "bf16", 60)
    assert full.tensor is not None
    assert (full.tensor.size, full.tensor.match) == (4, ("up",))
    two = of(SPEC + "  parallel: {type: fsdp, tensor: 2}\n").tensor
    assert two == TensorConfig(2, None, two.span if two else None)


FAULTS = [
    'parallel: ddpp  # error: [wrong-training-value] "did you mean"',
    'parallel: {typ: fsdp}  # error: [unknown-key] "did you mean `type`?"',
    'parallel: {cpu_offload: true}  # error: [missing-key] "type"',
    'parallel: {type: ddp, cpu_offload: true}  # error: [conflicting-settings] "belongs to `type: fsdp`"',
    'parallel: {type: fsdp, static_graph: true}  # error: [conflicting-settings] "belongs to `type: ddp`"',
    'parallel: {type: fsdp, units: upp}  # error: [group-matches-nothing] "did you mean `up`?"',
    'parallel: {type: fsdp, tensor: 3}  # error: [conflicting-settings] "`up` has 32 features"',
    'parallel: {type: fsdp, tensor: {size: 2, match: spare}}  # error: [group-matches-nothing] "there are up"',
    'parallel: {type: fsdp, param_dtype: bf17}  # error: [wrong-training-value] "did you mean"',
    'parallel: {type: ddp, timeout: 0}  # error: [wrong-training-value] "integer ≥ 1"',
]


@pytest.mark.parametrize("line", FAULTS)
def test_faults(line: str) -> None:
    text = SPEC + f"  {line}\n"
    assert compare(text, list(compile_text(text).problems)) == []


@pytest.mark.parametrize("name", ["LBFGS", "Adafactor"])
def test_optimizers_that_cannot_be_sharded(name: str) -> None:
    line = f'  optimizer: {name}  # error: [conflicting-settings] "cannot step over sharded parameters"'
    text = SPEC.replace("  optimizer: SGD(0.1)", line) + "  parallel: fsdp\n"
    assert compare(text, list(compile_text(text).problems)) == []
    assert not list(compile_text(text.replace("fsdp", "ddp")).problems)


def test_of_the_command_line() -> None:
    problems = Problems()
    found = parse_parallel("{type: fsdp, cpu_offload: true}", problems)
    assert found is not None
    assert found.cpu_offload
    assert parse_parallel("fdsp", problems) is None
    assert [d.code for d in problems] == ["NNC0804"]


def test_what_a_loss_comes_to() -> None:
    graph, config = config_of(SPEC)
    assert reached(graph, config.loss) == {"up.weight", "up.bias", "down.weight", "down.bias"}


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("{a: Linear(4), b: Linear(3)(detach(a))}", {"b.weight", "b.bias"}),
        ('{a: Linear(4), n: "argmax(a, 1, keepdim=True)", b: Linear(3)(image), out: b + n}', {"b.weight", "b.bias"}),
        ("{a: Linear(8), b: {use: a}, c: Linear(3)}", {"a.weight", "a.bias", "c.weight", "c.bias"}),
        (
            "{inner: {layers: {x: Linear(4), y: Linear(3)}}, idle: Linear(2)(image), out: inner * 1}",
            {"inner.x.weight", "inner.x.bias", "inner.y.weight", "inner.y.bias"},
        ),
        ('{scale: "Parameter([3])", a: Linear(3)(image), out: a * scale}', {"scale", "a.weight", "a.bias"}),
    ],
)
def test_through_the_graph(layers: str, expected: set[str]) -> None:
    head, rest = SPEC.split("layers:\n")
    text = head + f"layers: {layers}\n" + rest[rest.index("data:") :]
    graph, config = config_of(text)
    assert reached(graph, config.loss) == expected
