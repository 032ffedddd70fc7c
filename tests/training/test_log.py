"""`log:` of `train:`: what it may say, and what is wrong where."""

from __future__ import annotations

import pytest

from nnc.compiler.driver import compile_text
from nnc.compiler.training import read_sections
from nnc.compiler.training.config.logs import TensorBoardConfig

SPEC = """\
nnc: 1
inputs: {{image: [B, 1, 8, 8]}}
layers: [flatten(1), Linear(3)]
data: {{train: 'Npz("t.npz")'}}
train:
  loss: CrossEntropyLoss
  optimizer: Adam
  epochs: 1
  log: {}
"""


def found(log: str) -> tuple[TensorBoardConfig | None, list[str]]:
    result = compile_text(SPEC.format(log), name="s.yaml")
    train = None
    if result.ok and result.spec is not None and result.elaborated is not None:
        _, train = read_sections(result.spec.sections, result.problems, graph=result.graph, names={}, spec=result.spec)
    lines = [f"{d.span.column}: [{d.code}] {d.message}" for d in result.problems]
    return (None if train is None else train.log), lines


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("null", None),
        ("tensorboard", TensorBoardConfig()),
        ("[tensorboard]", TensorBoardConfig()),
        ("{tensorboard: null}", TensorBoardConfig()),
        ("{tensorboard: {images: 0, histograms: false}}", TensorBoardConfig(images=0, histograms=False)),
        ("{tensorboard: {graph: false, every: 5}}", TensorBoardConfig(graph=False, every=5)),
    ],
)
def test_what_it_says(log: str, expected: TensorBoardConfig | None) -> None:
    assert found(log) == (expected, [])


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("csv", '8: [NNC0804] `log` must be "tensorboard", or a mapping'),
        ("[csv]", '9: [NNC0804] an item of `log` must be "tensorboard"'),
        ("[]", "8: [NNC0804] `log` is empty"),
        ("[tensorboard, tensorboard]", "22: [NNC0805] `tensorboard` is named twice"),
        ("{}", "8: [NNC0807] `log:` needs `tensorboard`"),
        ("{tensorboard: {image: 3}}", "23: [NNC0202] `tensorboard` has no key `image`"),
        ("{tensorboard: {images: -1}}", "31: [NNC0804] `images` must be an integer ≥ 0"),
        ("{tensorboard: {every: 0}}", "[NNC0804] `every` must be an integer ≥ 1"),
    ],
)
def test_what_is_wrong(log: str, said: str) -> None:
    (line,) = found(log)[1]
    assert said in line
