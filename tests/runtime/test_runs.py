"""What the folders of runs tell: `nnc runs`, and resuming with what a run was begun with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from nnc.cli import main
from nnc.runtime.commands import run_training
from nnc.runtime.failure import Failure
from nnc.runtime.runs import differences, find_runs, read_run
from tests.runtime.helpers import StopAfter, same_state, write_images

SPEC = """\
nnc: 1
name: rows
inputs: {image: [B, 1, 8, 8]}
args: {width: 8}
layers: [flatten(1), Linear(width), ReLU, Linear(3)]
data:
  train: Npz("train.npz")
  validation: 12
  transforms:
    image: [ToImage, "ToDtype(float32, scale=True)"]
train:
  loss: CrossEntropyLoss
  optimizer: Adam(lr=1e-2)
  metrics: [Accuracy]
  epochs: 2
  batch_size: 16
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    write_images(tmp_path / "train.npz")
    path = tmp_path / "rows.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


def test_runs_are_found_and_described(spec: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    run_training(spec, folder=root / "a")
    run_training(spec, folder=root / "b", reporter=StopAfter(5, signal.SIGTERM))
    (root / "junk").mkdir()
    (root / "junk" / "run.json").write_text("{")
    runs = find_runs(root)
    assert [r.folder.name for r in runs] == ["a", "b"]
    assert [r.status for r in runs] == ["finished", "stopped"]
    assert [len(r.epochs) for r in runs] == [2, 1]
    best = runs[0].best
    assert best is not None
    assert runs[0].quantities()["validation.accuracy"] == best["validation"]["accuracy"]
    with FileLock(root / "b" / ".lock"):
        assert read_run(root / "b").status == "running"


def test_an_early_end_is_an_end(spec: Path, tmp_path: Path) -> None:
    spec.write_text(SPEC.replace("epochs: 2", "epochs: 90\n  early_stopping: 1").replace("lr=1e-2", "lr=1e-30"))
    run_training(spec, folder=tmp_path / "run")
    found = read_run(tmp_path / "run")
    assert found.status == "finished"
    assert len(found.epochs) < 90


def test_what_two_runs_differ_in(spec: Path, tmp_path: Path) -> None:
    run_training(spec, folder=tmp_path / "a")
    spec.write_text(SPEC.replace("lr=1e-2", "lr=1e-3"))
    run_training(spec, folder=tmp_path / "b", args={"width": 9}, epochs=1)
    found = {d.path: (d.left, d.right) for d in differences(read_run(tmp_path / "a"), read_run(tmp_path / "b"))}
    assert found["args.width"] == (None, 9)
    assert found["overrides.epochs"] == (None, 1)
    assert any("1e-3" in str(b) or "0.001" in str(b) for _, b in found.values())
    assert len(found) == 3


def test_a_run_is_resumed_with_what_it_was_begun_with(spec: Path, tmp_path: Path) -> None:
    """Nothing has to be said again: arguments, epochs and seed."""
    given = {"args": {"width": 5}, "epochs": 3, "seed": 9}
    whole = run_training(spec, folder=tmp_path / "whole", **given)  # type: ignore[arg-type]
    run_training(spec, folder=tmp_path / "run", reporter=StopAfter(3, signal.SIGTERM), **given)  # type: ignore[arg-type]
    resumed = run_training(spec, folder=tmp_path / "run", resume=True)
    assert resumed.result.epoch == 3
    assert same_state(resumed.model.state_dict(), whole.model.state_dict())


@pytest.mark.parametrize("content", ['{"format": 1}', "[]", "{", '{"spec": {}, "overrides": {"epochs": "x"}}'])
def test_a_run_that_cannot_be_read(spec: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(content)
    with pytest.raises(Failure) as caught:
        run_training(spec, folder=tmp_path / "run", resume=True)
    assert caught.value.diagnostics[0].code == "NNC0907"


def test_the_table(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_training(spec, folder=tmp_path / "runs" / "a")
    run_training(spec, folder=tmp_path / "runs" / "b", epochs=1)
    assert main(["runs", str(tmp_path / "runs")]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["run", "network", "status", "epochs", "best", "loss", "accuracy", "time"]
    assert [row.split()[1:4] for row in rows] == [["rows", "finished", "2/2"], ["rows", "finished", "1/1"]]
    assert main(["runs", str(tmp_path / "runs"), "--sort", "validation.loss", "--format", "json"]) == 0
    losses = [r["quantities"]["validation.loss"] for r in json.loads(capsys.readouterr().out)]
    assert losses == sorted(losses)
    assert main(["runs", str(tmp_path / "runs" / "a"), str(tmp_path / "runs" / "b")]) == 0
    assert "overrides.epochs" in capsys.readouterr().out
    assert main(["runs", str(tmp_path / "nothing")]) == 0
    assert main(["runs", str(tmp_path / "runs"), "--sort", "accuracy"]) == 2


def test_runs_are_listed_without_torch(spec: Path, tmp_path: Path) -> None:
    run_training(spec, folder=tmp_path / "runs" / "a")
    code = "import sys; from nnc.cli import main; main(['runs', sys.argv[1]]); print('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "runs")],
        cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.endswith("False\n")
