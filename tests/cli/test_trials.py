"""`nnc train` with --dry-run, --find-batch-size, --find-lr and --profile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nnc.cli.exits import FINDINGS, MISUSE, OK
from tests.cli.test_training import SPEC, spec  # noqa: F401  # the fixture


def names(folder: Path) -> list[str]:
    """What is in the folder, beside what all tests of the command line find there."""
    return sorted(p.name for p in folder.iterdir() if p.name != "lenet.yaml")


def test_dry_run(nnc, folder: Path, spec: str) -> None:  # noqa: F811
    ended = nnc("train", spec, "--dry-run", "--device", "cpu")
    assert ended.code == OK
    lines = ended.out.splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["data", "check", "step", "validation", "checkpoint"]
    assert lines[6] == "group          lr   weight decay  tensors     parameters"
    assert lines[7].split() == ["1", "0.02", "0", "4", "58", "hidden.weight,", "hidden.bias,", "out.weight,", "…"]
    assert lines[-1] == "nothing was kept: this was a dry run"
    assert names(folder) == ["signs.npz", "signs.yaml"]


def test_as_json(nnc, folder: Path, spec: str) -> None:  # noqa: F811
    dry = json.loads(nnc("train", spec, "--dry-run", "--device", "cpu", "--format", "json").out)
    assert [d["what"] for d in dry["done"]] == ["data", "check", "step", "validation", "checkpoint"]
    assert dry["groups"][0]["names"] == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]
    rate = json.loads(nnc("train", spec, "--find-lr", "--device", "cpu", "--format", "json").out)
    assert 1e-5 < rate["lr"] < 10
    size = json.loads(nnc("train", spec, "--find-batch-size", "--device", "cpu", "--format", "json").out)
    assert size["batch_size"] in [t["size"] for t in size["tried"]]
    ended = nnc("train", spec, "--profile", "--device", "cpu", "--format", "json", "-o", "trace.json")
    layers = {row["path"]: row for row in json.loads(ended.out)["layers"]}
    assert SPEC.splitlines()[layers["hidden"]["line"] - 1] == "  hidden: Linear(width)"
    assert names(folder) == ["signs.npz", "signs.yaml", "trace.json"]


def test_as_text(nnc, folder: Path, spec: str) -> None:  # noqa: F811
    assert "\nlr: " in nnc("train", spec, "--find-lr", "--device", "cpu", "-o", "rates.png").out
    assert (folder / "rates.png").read_bytes().startswith(b"\x89PNG")
    assert "\nbatch_size: " in nnc("train", spec, "--find-batch-size", "--device", "cpu").out
    shown = nnc("train", spec, "--profile", "--device", "cpu").out
    assert [line.split()[:3] for line in shown.splitlines()[2:5]] == [
        ["6", "hidden", "Linear"],
        ["7", "act", "ReLU"],
        ["8", "out", "Linear"],
    ]
    assert "trace  profile.json" in shown


def test_precision_and_speed(nnc, folder: Path, spec: str) -> None:  # noqa: F811
    ended = nnc(
        "train", spec, "--device", "cpu", "--epochs", "1", "--run-dir", "run",
        "--precision", "bf16", "--speed", "{optimizer: fused}",
    )  # fmt: skip
    assert ended.code == OK
    assert "fused optimizer (asked for)" in ended.err
    assert "bf16" in ended.err
    assert json.loads((folder / "run" / "run.json").read_text())["overrides"] == {
        "epochs": 1,
        "precision": "bf16",
        "speed": "{optimizer: fused}",
    }
    resumed = nnc("train", spec, "--device", "cpu", "--epochs", "2", "--run-dir", "run", "--resume")
    assert resumed.code == OK
    assert "fused optimizer (asked for)" in resumed.err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--speed", "{compil: true}"], FINDINGS, "has no key `compil`"),
        (["--speed", "{checkpointing: [Bottleneck]}"], FINDINGS, "nothing is called Bottleneck"),
        (["--speed", "{checkpointing: true}"], FINDINGS, "it has no blocks"),
        (["--precision", "f16"], MISUSE, "invalid choice: 'f16'"),
        (["--dry-run", "--profile"], MISUSE, "not allowed with argument --dry-run"),
        (["-o", "x.png"], MISUSE, "-o goes with --find-lr or --profile"),
        (["--find-lr", "-o", "x.gif"], MISUSE, "a picture is written as .png, .svg, .pdf"),
        (["--dry-run", "--resume"], MISUSE, "--dry-run begins anew"),
    ],
)
def test_what_is_wrong(nnc, folder: Path, spec: str, options: list[str], code: int, message: str) -> None:  # noqa: F811
    ended = nnc("train", spec, "--device", "cpu", *options)
    assert (ended.code, message in ended.err) == (code, True), ended.err
    assert names(folder) in (["signs.npz", "signs.yaml"], ["runs", "signs.npz", "signs.yaml"])
