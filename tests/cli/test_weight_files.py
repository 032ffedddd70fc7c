"""`nnc weights`: what is in a file, renamed, chosen and converted, and what of a spec's network it fills."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from nnc.api import load
from nnc.cli.exits import FINDINGS, MISUSE, OK


@pytest.fixture
def trained(folder: Path) -> str:
    torch.manual_seed(7)
    state = {f"module.{n}": t for n, t in load("lenet.yaml").state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, folder / "trained.pt")
    return "trained.pt"


def test_what_is_in_a_file(nnc, trained: str) -> None:
    ended = nnc("weights", trained)
    assert (ended.code, ended.err) == (OK, "")
    assert ended.out.splitlines() == [
        "module.conv.weight  [6, 1, 5, 5]  float32",
        "module.conv.bias    [6]           float32",
        "module.fc.weight    [10, 96]      float32",
        "module.fc.bias      [10]          float32",
        "4 tensors, 1,126 numbers, 0.0 MB",
    ]


@pytest.mark.parametrize("to", ["out.safetensors", "out.pt"])
def test_renamed_and_written(nnc, folder: Path, trained: str, to: str) -> None:
    ended = nnc("weights", trained, "--rename", "module.**=**", "--to", to)
    assert (ended.code, ended.out, ended.err) == (OK, "", f"wrote {to}\n")
    read = load_file(to) if to.endswith("s") else torch.load(to, weights_only=True)
    load("lenet.yaml").load_state_dict(read)  # strictly
    assert torch.equal(read["fc.bias"], torch.load(trained, weights_only=True)["state_dict"]["module.fc.bias"])


def test_a_part_in_another_dtype(nnc, folder: Path, trained: str) -> None:
    assert nnc("weights", trained, "--only", "*.fc.*", "--dtype", "bfloat16", "--to", "half.pt").code == OK
    read = torch.load("half.pt", weights_only=True)
    assert {n: t.dtype for n, t in read.items()} == dict.fromkeys(
        ("module.fc.weight", "module.fc.bias"), torch.bfloat16
    )


def test_held_against_a_spec(nnc, trained: str) -> None:
    ended = nnc("weights", trained, "--for", "lenet.yaml", "--set", "classes=3", "--rename", "module.=")
    assert (ended.code, ended.out.splitlines()) == (
        OK,
        [
            "transferred 2 of 4 tensors from trained.pt",
            "  of another shape: fc.weight is [10, 96], in the network [3, 96]; fc.bias is [10], in the network [3]",
        ],
    )
    ended = nnc("weights", trained, "--for", "lenet.yaml")
    assert ended.code == FINDINGS
    assert ended.out.splitlines()[-1] == '  `rename: {"module.": ""}` would make names fit'
    report = json.loads(nnc("weights", trained, "--for", "lenet.yaml", "--rename", "module.=", "--format", "json").out)
    assert (len(report["transfer"]["loaded"]), report["transfer"]["total"]) == (4, 4)
    assert report["tensors"]["fc.bias"] == {"shape": [10], "dtype": "float32"}


def test_tied_tensors_are_written_out(nnc, folder: Path) -> None:
    one = torch.rand(2, 2)
    torch.save({"a": one, "b": one, "c": one[0]}, folder / "tied.pt")
    assert nnc("weights", "tied.pt", "--to", "tied.safetensors").code == OK
    assert all(torch.equal(t, one) or torch.equal(t, one[0]) for t in load_file("tied.safetensors").values())


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["nowhere.pt"], FINDINGS, "there is no file"),
        (["trained.pt", "--rename", "module"], MISUSE, "write OLD=NEW"),
        (["trained.pt", "--rename", "a.*=b.*.*"], MISUSE, "has 1 star"),
        (["trained.pt", "--rename", "module.*.**=**"], FINDINGS, "are both renamed to"),
        (["trained.pt", "--to", "x.npz"], MISUSE, "the name ends with .safetensors, .pt, .pth"),
        (["trained.pt", "--to", "trained.pt"], MISUSE, "the file itself"),
        (["trained.pt", "--only", "conv*"], FINDINGS, "no tensor is called conv*"),
        (["lenet.yaml"], FINDINGS, "holds no weights that can be read"),
        (["trained.pt", "--for", "nowhere.yaml"], MISUSE, "NNC0101"),
    ],
)
def test_what_cannot_be_done(nnc, trained: str, argv: list[str], code: int, said: str) -> None:
    ended = nnc("weights", *argv)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
