"""A torch that is too old for what a spec says is told so, at the line, before anything is built."""

from __future__ import annotations

import pytest
import torch

import nnc
from nnc.compiler.backends.torch.versions import newer_than

SPEC = {
    "nnc": 1,
    "inputs": {"x": ["B", 3, 8, 8]},
    "blocks": {"Stem": {"layers": {"conv": "Conv2d(4, 1)", "norm": "BatchNorm2d(bias=False)"}}},
    "layers": {"a": "Stem", "b": "Stem", "norm": "BatchNorm2d"},
}


def test_an_argument_that_came_later() -> None:
    found = newer_than(nnc.compile(SPEC).graph, "2.11.0+cpu")
    assert [d.message for d in found] == ["`bias` of BatchNorm2d needs torch 2.12 or newer, 2.11.0+cpu is installed"]
    assert found[0].span.text == "BatchNorm2d"
    assert not newer_than(nnc.compile(SPEC).graph, "2.12.0")


def test_a_layer_that_came_later() -> None:
    layer = {"type": "LinearCrossEntropyLoss", "num_classes": 4, "from": {"input": "x", "target": "y"}}
    inputs = {"x": ["B", 8], "y": {"shape": ["B"], "dtype": "int64"}}
    graph = nnc.compile({"nnc": 1, "inputs": inputs, "layers": {"loss": layer}}).graph
    (found,) = newer_than(graph, "2.11.0")
    assert found.message == "LinearCrossEntropyLoss needs torch 2.13 or newer, 2.11.0 is installed"


def test_building_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.11.0")
    with pytest.raises(nnc.SpecError, match=r"NNC0313.*`bias` of BatchNorm2d needs torch 2\.12"):
        nnc.load(SPEC)


def test_the_installed_one_is_new_enough_for_everything() -> None:
    assert nnc.load(SPEC)(torch.zeros(1, 3, 8, 8)).shape == (1, 4, 8, 8)
