"""`nnc export`, and `nnc compile --emit onnx` and pt2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from nnc.cli.exits import FINDINGS, MISUSE, OK


@pytest.fixture
def artifact(nnc, folder: Path) -> str:
    assert nnc("compile", "lenet.yaml", "--seed", "3").code == OK
    return "lenet.safetensors"


def test_a_saved_model_in_other_forms(nnc, folder: Path, artifact: str) -> None:
    ended = nnc("export", artifact, "--to", "out.pt", "--to", "out.pt2", "--size", "H=28,W=32")
    assert (ended.code, ended.err) == (OK, "wrote out.pt\nwrote out.pt2\n")
    assert ended.out.splitlines() == [
        "out.pt2: compared with the network at B=2, H=28, W=32; B=3, H=28, W=32; B=1, H=28, W=32: equal",
        "out.pt2: free sizes: B >= 1",
    ]
    assert set(torch.load("out.pt", weights_only=True)) == {"conv.weight", "conv.bias", "fc.weight", "fc.bias"}


def test_as_json(nnc, artifact: str) -> None:
    ended = nnc("export", artifact, "--to", "a.safetensors", "--to", "a.pt2", "--format", "json", "--size", "H=20,W=20")
    weights, program = json.loads(ended.out)
    assert weights == {"file": "a.safetensors", "kind": "safetensors"}
    assert program["free"] == {"B": "B >= 1"}
    assert (program["difference"], program["random"], program["fixed"]) == (0.0, False, {})


def test_compile_to_a_program(nnc, folder: Path) -> None:
    ended = nnc("compile", "lenet.yaml", "--emit", "pt2", "--emit", "safetensors", "--size", "H=28,W=28", "-o", "out")
    assert (ended.code, ended.out) == (OK, "")
    assert ended.err.splitlines() == [
        "wrote out/lenet.pt2",
        "  compared with the network at B=2; B=3; B=1: equal",
        "  free sizes: B >= 1",
        "wrote out/lenet.safetensors",
    ]
    import nnc as package

    x = torch.randn(2, 1, 28, 28)
    program = torch.export.load("out/lenet.pt2").module()
    assert torch.equal(program(x), package.load("out/lenet.safetensors").eval()(x))  # the same weights


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["export", "lenet.safetensors"], MISUSE, "--to"),
        (["export", "lenet.yaml", "--to", "a.onnx"], MISUSE, "nnc compile lenet.yaml --emit onnx"),
        (["export", "lenet.safetensors", "--to", "a.h5"], MISUSE, "the name ends with .pt, .pth"),
        (["export", "lenet.safetensors", "--to", "lenet.safetensors"], MISUSE, "the saved model itself"),
        (["export", "lenet.safetensors", "--to", "a.pt2", "--size", "h=3"], FINDINGS, "did you mean H?"),
        (["export", "nowhere.safetensors", "--to", "a.pt"], FINDINGS, "there is no such file"),
        (["export", ".", "--to", "a.pt"], FINDINGS, "no run has finished an epoch in it"),
    ],
)
def test_misuse(nnc, artifact: str, argv: list[str], code: int, said: str) -> None:
    ended = nnc(*argv)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
