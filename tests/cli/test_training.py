"""`nnc train`, `nnc eval` and `nnc predict`, one after the other, on a few made-up samples."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nnc.cli.exits import FINDINGS, INTERRUPTED, MISUSE, OK

SPEC = """\
nnc: 1
name: signs
inputs: {x: [B, 4]}
args: {width: 8}
layers:
  hidden: Linear(width)
  act: ReLU
  out: Linear(2)
data:
  fields: [x, y]
  train: Npz("signs.npz", ["x", "y"])
  test: Npz("signs.npz", ["x", "y"])
  validation: 0.25
train:
  loss: CrossEntropyLoss
  optimizer: Adam(lr=0.02)
  metrics: [Accuracy]
  epochs: 12
  batch_size: 16
  seed: 1
"""


@pytest.fixture
def spec(folder: Path) -> str:
    """Which side of a plane a point is on: learnt in a second."""
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    np.savez(folder / "signs.npz", x=x, y=(x @ np.array([1.0, -1.0, 0.5, 0.0]) > 0).astype(np.int64))
    (folder / "signs.yaml").write_text(SPEC)
    return "signs.yaml"


def test_train_then_eval_then_predict(nnc, folder: Path, spec: str) -> None:
    trained = nnc("train", spec, "--run-dir", "run", "--device", "cpu")
    assert trained.code == OK
    run, best, model = trained.out.splitlines()
    assert run == "run    run"
    assert best.startswith("best   validation.accuracy 0.9")
    assert model == "model  run/model.safetensors"
    assert "epoch 12/12" in trained.err

    for source in ("run", "run/model.safetensors"):
        evaluated = nnc("eval", source, "--at-least", "accuracy=0.9", "--format", "json")
        assert evaluated.code == OK
        report = json.loads(evaluated.out)
        assert (report["split"], report["samples"], report["below"]) == ("test", 200, [])
    assert "accuracy  0.9" in nnc("eval", "run", "--split", "validation").out

    np.save(folder / "points.npy", np.array([[3, -3, 1, 0], [-3, 3, -1, 0]], np.float32))
    predicted = nnc("predict", "run/model.safetensors", "points.npy", "--top-k", "2")
    assert predicted.code == OK
    results = [json.loads(line) for line in predicted.out.splitlines()]
    assert [r["class"] for r in results] == ["1", "0"]
    assert [r["sample"] for r in results] == [0, 1]
    assert len(results[0]["top"]) == 2


def test_a_metric_below_what_is_wanted_is_a_finding(nnc, spec: str) -> None:
    assert nnc("train", spec, "--run-dir", "run", "--epochs", "1", "--quiet", "--device", "cpu").code == OK
    ended = nnc("eval", "run", "--at-least", "accuracy=1.1")
    assert ended.code == FINDINGS
    assert ended.out.endswith("accuracy is below 1.1\n")
    assert nnc("eval", "run", "--at-least", "acuracy=0.5").code == MISUSE
    assert nnc("eval", "run", "--at-least", "accuracy").code == MISUSE


def test_the_seed_decides_what_a_run_becomes(nnc, folder: Path, spec: str) -> None:
    for where, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert nnc("train", spec, "--run-dir", where, "--seed", seed, "--epochs", "1", "--device", "cpu").code == OK
    a, b, c = (nnc("eval", f"{where}/model.safetensors", "--format", "json").out for where in "abc")
    assert json.loads(a)["quantities"] == json.loads(b)["quantities"] != json.loads(c)["quantities"]


def test_train_as_json(nnc, spec: str) -> None:
    ended = nnc("train", spec, "--epochs", "1", "--quiet", "--format", "json", "--set", "width=3", "--device", "cpu")
    assert (ended.code, ended.err) == (OK, "")
    report = json.loads(ended.out)
    assert (report["status"], report["run"], report["epoch"]) == ("finished", "runs/signs-1", 1)
    assert report["best"]["quantity"] == "validation.accuracy"


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["train", "lenet.yaml"], FINDINGS, "NNC0824"),
        (["train", "nowhere.yaml"], MISUSE, "NNC0101"),
        (["train", "-"], MISUSE, "training needs a file"),
        (["train", "zoo:lenet6"], MISUSE, "did you mean `zoo:lenet5`?"),
        (["train", "signs.yaml", "--epochs", "0"], MISUSE, "a whole number from 1 on, not '0'"),
        (["train", "signs.yaml", "--device", "gpu"], FINDINGS, "NNC0818"),
        (["train", "signs.yaml", "--resume"], FINDINGS, "NNC0907"),
        (["eval", "lenet.yaml"], FINDINGS, "NNC0905"),
        (["eval", "nowhere"], FINDINGS, "NNC09"),
        (["predict", "nowhere.safetensors", "x.npy"], FINDINGS, "NNC09"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_what_cannot_be_done_is_said_in_one_diagnostic(nnc, spec: str, argv: list[str], code: int, said: str) -> None:
    ended = nnc(*argv)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert "internal error" not in ended.err


def test_ctrl_c_saves_and_says_how_to_go_on(nnc, folder: Path, spec: str) -> None:
    (folder / spec).write_text(SPEC.replace("epochs: 12", "epochs: 100000"))
    command = [
        sys.executable,
        "-m",
        "nnc",
        "train",
        str(folder / spec),
        "--run-dir",
        str(folder / "run"),
        "--device",
        "cpu",
    ]
    process = subprocess.Popen(
        command,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    deadline = time.monotonic() + 120
    while not (folder / "run/log.jsonl").exists() or not (folder / "run/log.jsonl").stat().st_size:
        assert time.monotonic() < deadline, "it never began"
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, err
    assert "Traceback" not in err
    (advice,) = (line for line in out.splitlines() if line.startswith("interrupted; go on with: "))
    assert advice.endswith("--resume")
