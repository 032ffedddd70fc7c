"""`nnc plan` on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Nnc

TRAINED = """\
nnc: 1
name: tiny
inputs: {x: [B, 32]}
layers: [Linear(64), BatchNorm1d, ReLU, Linear(3)]
data: {fields: [x, label], train: "Npz('data.npz')"}
train: {loss: CrossEntropyLoss, optimizer: "SGD(lr=0.1, momentum=0.9)", epochs: 1, batch_size: 48}
"""


def test_a_table(nnc: Nnc) -> None:
    result = nnc("plan", "lenet.yaml", "--size", "H=32,W=32", "--gpu-memory", "1G", "--batch-size", "64")
    assert result.code == 0
    for words in ("parameters", "optimizer state", "activations", "together", "largest batch", "fits"):
        assert words in result.out, words


def test_json(nnc: Nnc) -> None:
    result = nnc("plan", "lenet.yaml", "--size", "H=32,W=32", "--gpus", "4", "--gpu-memory", "1GiB", "--json")
    found = json.loads(result.out)
    assert found["gpu_memory"] == 2**30
    assert found["gpus"] == 4
    assert found["memory"]["total"] <= found["usable"]
    assert found["largest_batch"] == 4 * found["samples_per_gpu"]
    assert found["sent"]["all_reduce"] > 0


def test_what_train_says_holds(nnc: Nnc, folder: Path) -> None:
    (folder / "tiny.yaml").write_text(TRAINED)
    found = json.loads(nnc("plan", "tiny.yaml", "--gpus", "4", "--json").out)
    assert (found["optimizer"], found["samples_per_gpu"]) == ("SGD", 12)
    assert found["memory"]["optimizer"] == found["memory"]["parameters"]
    other = json.loads(nnc("plan", "tiny.yaml", "--optimizer", "Adam(lr=1e-3)", "--json").out)
    assert other["memory"]["optimizer"] == 2 * other["memory"]["parameters"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lenet.yaml"], "H, W have no sizes yet, and memory depends on it: --size H=…,W=…"),
        (["lenet.yaml", "--size", "H=32,W=32", "--gpu-memory", "lots"], "a size such as 80G or 24GiB"),
        (["lenet.yaml", "--size", "H=32,W=32", "--parallel", "dpd"], "--parallel: "),
        (["lenet.yaml", "--size", "H=32,W=32", "--optimizer", "Adm"], "there is no optimizer `Adm`"),
        (["lenet.yaml", "--size", "H=32,W=32,B=4", "--batch-size", "4"], "no free first dimension in common"),
        (["lenet.yaml", "--size", "H=32,W=32", "--reserve", "2"], "a number from 0 to 0.9"),
    ],
)
def test_misuse_is_one_line(nnc: Nnc, arguments: list[str], said: str) -> None:
    result = nnc("plan", *arguments)
    assert result.code == 2
    assert said in result.err
    assert "Traceback" not in result.err


def test_a_fault_of_the_spec_is_shown_at_its_line(nnc: Nnc, folder: Path) -> None:
    (folder / "bad.yaml").write_text("nnc: 1\ninputs: {x: [B, 3]}\nlayers: [Linaer(3)]\n")
    result = nnc("plan", "bad.yaml")
    assert result.code == 1
    assert "bad.yaml:3" in result.err


def test_torch_is_not_imported(folder: Path) -> None:
    code = (
        "import sys; from nnc.cli import main; "
        "status = main(['plan', 'lenet.yaml', '--size', 'H=32,W=32', '--gpus', '2', '--gpu-memory', '1G']); "
        "sys.exit(status or ('torch' in sys.modules) or ('numpy' in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, timeout=60, capture_output=True)
