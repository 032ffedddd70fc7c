"""From a YAML file to a trained, evaluated, saved, reloaded and predicting network."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnc.compiler.driver import SpecError
from nnc.runtime import commands
from nnc.runtime.commands import ARTIFACT, run_evaluation, run_prediction, run_training
from nnc.runtime.failure import Failure
from nnc.runtime.project import read_project
from nnc.runtime.saving.artifact import load_with_header
from tests.runtime.helpers import StopAfter, same_state, write_images

SPEC = """\
nnc: 1
name: three rows
inputs: {x: [B, 1, 8, 8]}
args: {width: 8, rate: 1e-2}
layers:
  conv: Conv2d(width, 3, padding=1)
  bn: BatchNorm2d
  act: relu
  drop: Dropout(0.1)
  flat: flatten(1)
  fc: Linear(3)
data:
  train: Npz("train.npz")
  test: Npz("test.npz")
  validation: 0.2
  classes: [top, middle, bottom]
  transforms:
    image: [ToImage, ToDtype(float32), "Normalize([4.0], [4.0])"]
train:
  loss: CrossEntropyLoss
  optimizer: AdamW(lr=rate)
  scheduler: CosineAnnealingLR(epochs)
  metrics: [Accuracy]
  epochs: 3
  batch_size: 16
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a spec and its data; the working directory is elsewhere."""
    folder, elsewhere = tmp_path / "project", tmp_path / "work"
    folder.mkdir()
    elsewhere.mkdir()
    write_images(folder / "train.npz", 90)
    write_images(folder / "test.npz", 30, seed=1)
    (folder / "spec.yaml").write_text(SPEC)
    monkeypatch.chdir(elsewhere)
    return folder


def train(project: Path, **options: Any) -> Any:
    return run_training(project / "spec.yaml", device="cpu", **options)


def test_the_whole_path(project: Path, tmp_path: Path) -> None:
    done = train(project)
    assert done.result.folder == Path("runs/three-rows-1")
    assert done.result.status == "finished"
    assert done.artifact == Path("runs/three-rows-1") / ARTIFACT
    by_run = run_evaluation(done.result.folder, device="cpu")
    by_file = run_evaluation(done.artifact, device="cpu")
    assert (by_run.split, by_run.samples) == ("test", 30)
    assert by_run.quantities == by_file.quantities
    assert by_run.quantities["accuracy"] > 0.9
    assert by_run.weights == f"checkpoint {done.result.best.checkpoint} (best)"
    assert (
        run_evaluation(done.artifact, split="validation", device="cpu").quantities["accuracy"] == done.result.best.value
    )

    arrays = np.load(project / "test.npz")
    np.save(tmp_path / "images.npy", arrays["image"])
    results = list(run_prediction(done.artifact, [tmp_path / "images.npy"], device="cpu"))
    right = sum(r["index"] == label for r, label in zip(results, arrays["label"], strict=True))
    assert right / 30 == pytest.approx(by_run.quantities["accuracy"])
    assert results[0]["class"] in ("top", "middle", "bottom")
    assert list(run_prediction(done.result.folder, [tmp_path / "images.npy"], device="cpu")) == results


def test_a_saved_model_needs_nothing_else(project: Path, tmp_path: Path) -> None:
    done = train(project)
    arrays = np.load(project / "test.npz")
    np.save(tmp_path / "one.npy", arrays["image"][4])
    moved = tmp_path / "moved.safetensors"
    shutil.move(done.artifact, moved)
    expected = arrays["label"][4]
    shutil.rmtree(project)
    (found,) = run_prediction(moved, [tmp_path / "one.npy"], device="cpu")
    assert found["index"] == expected
    _, header = load_with_header(moved)
    assert header.spec["name"] == "three rows"
    assert header.classes == ("top", "middle", "bottom")
    assert header.preprocessing["feeding"] == {"x": "image"}
    assert header.scores == "logits"


def test_arguments_devices_and_epochs(project: Path) -> None:
    done = train(project, args={"width": 4}, epochs=1, folder="here")
    assert done.result.epoch == 1
    assert done.model.state_dict()["conv.weight"].shape[0] == 4
    assert load_with_header(done.artifact)[0].state_dict()["conv.weight"].shape[0] == 4
    assert run_evaluation("here", device="cpu").samples == 30
    log = json.loads(Path("here/log.jsonl").read_text().splitlines()[-1])
    assert log["epochs"] == 1


def test_epochs_decide_the_schedule(project: Path) -> None:
    """`CosineAnnealingLR(epochs)` with `epochs=2`: the rate is halved after the first."""
    train(project, epochs=2, folder="here")
    rates = [json.loads(line)["lr"] for line in Path("here/log.jsonl").read_text().splitlines()]
    assert rates == [[pytest.approx(0.01)], [pytest.approx(0.005)]]


def test_interrupted_and_resumed(project: Path) -> None:
    whole = train(project)
    first = train(project, reporter=StopAfter(7, signal.SIGTERM))
    assert first.result.folder == Path("runs/three-rows-2")
    assert (first.result.status, first.result.exit_code) == ("interrupted", 143)
    again = train(project, resume=True)
    assert again.result.folder == Path("runs/three-rows-2")
    assert same_state(again.model.state_dict(), whole.model.state_dict())
    assert again.artifact.read_bytes() == whole.artifact.read_bytes()


def test_a_resumed_run_compiles_its_spec_again_only_for_what_it_was_begun_with(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[object] = []

    def counted(spec: Any, args: Any, *rest: Any, **options: Any) -> Any:
        compiled.append(args)
        return read_project(spec, args, *rest, **options)

    monkeypatch.setattr(commands, "read_project", counted)
    train(project, epochs=1)
    train(project, epochs=1, resume=True)
    assert compiled == [{}, {}]
    train(project, args={"width": 4}, epochs=1, folder="narrow")
    train(project, epochs=1, folder="narrow", resume=True)
    assert compiled[2:] == [{"width": 4}, {}, {"width": 4}]


def test_interrupted_in_the_first_epoch_there_is_no_model_yet(project: Path) -> None:
    done = train(project, reporter=StopAfter(1, signal.SIGTERM))
    assert done.artifact is None
    with pytest.raises(Failure, match=r"no model\.safetensors in this folder"):
        run_prediction(done.result.folder, [])
    assert run_evaluation(done.result.folder, device="cpu").weights == "checkpoint 000001"


def test_equal_runs_are_equal(project: Path) -> None:
    one, other = train(project), train(project)
    assert same_state(one.model.state_dict(), other.model.state_dict())
    assert one.artifact.read_bytes() == other.artifact.read_bytes()


def test_a_damaged_best_checkpoint_is_replaced(project: Path) -> None:
    done = train(project)
    best = done.result.folder / "checkpoints" / done.result.best.checkpoint
    others = [p for p in best.parent.iterdir() if p != best]
    (best / "model.safetensors").write_bytes(b"")
    found = run_evaluation(done.result.folder, device="cpu")
    assert found.weights.split()[1] in {p.name for p in others}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("train:\n  loss", "more:\n  loss"), None),
        (("data:\n  train", "metadata:\n  train"), "NNC0824"),
        (("train.npz", "nowhere.npz"), "NNC0814"),
        (("Linear(3)", "Linear(2)"), "NNC0815"),
        (("[B, 1, 8, 8]", "[B, 1, 8, 16]"), "NNC0813"),
    ],
)
def test_faults(project: Path, change: tuple[str, str], code: str | None) -> None:
    (project / "spec.yaml").write_text(SPEC.replace(*change))
    with pytest.raises((Failure, SpecError)) as caught:
        train(project)
    if code is not None:
        assert isinstance(caught.value, Failure)
        assert caught.value.code == code


def test_a_fault_leaves_a_folder_that_can_be_used(project: Path) -> None:
    """Data that does not fit is found when the folder exists already; mended, the run begins in it."""
    (project / "spec.yaml").write_text(SPEC.replace("Linear(3)", "Linear(2)"))
    with pytest.raises(Failure):
        train(project, folder="here")
    (project / "spec.yaml").write_text(SPEC)
    assert train(project, folder="here").result.status == "finished"


def test_folders_that_hold_no_run(project: Path, tmp_path: Path) -> None:
    for call in (
        lambda: run_evaluation(tmp_path),
        lambda: run_prediction(tmp_path, []),
        lambda: train(project, resume=True),
    ):
        with pytest.raises(Failure) as caught:
            call()
        assert caught.value.code == "NNC0907"
    train(project, folder="here")
    with pytest.raises(Failure) as caught:
        train(project, folder="here")
    assert caught.value.code == "NNC0908"


def test_a_damaged_run_file(project: Path) -> None:
    done = train(project, epochs=1)
    for content in (b"", b"{}", b'{"format": 1, "spec": 3}', b"[" * 100_000, b"\xff"):
        (done.result.folder / "run.json").write_bytes(content)
        with pytest.raises(Failure, match="the run cannot be read"):
            run_evaluation(done.result.folder)


def test_evaluation_downloads_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that a saved model names is not ours to write to."""
    import torchvision

    seen: list[dict[str, Any]] = []

    class Recorder:
        def __init__(self, **arguments: Any) -> None:
            seen.append(arguments)
            raise RuntimeError("not here")

    (project / "spec.yaml").write_text(
        SPEC.replace('test: Npz("test.npz")', 'test: MNIST("data", train=False, download=True)')
    )
    done = train(project, epochs=1)
    monkeypatch.setattr(torchvision.datasets, "MNIST", Recorder)
    for options in ({}, {"base": str(project)}):
        with pytest.raises(Failure):
            run_evaluation(done.artifact, device="cpu", **options)
    assert [s["download"] for s in seen] == [False, True]


def test_test_data_that_does_not_fit(project: Path) -> None:
    done = train(project, epochs=1)
    np.savez(project / "test.npz", image=np.zeros((4, 9, 8), dtype=np.uint8), label=np.zeros(4, dtype=np.uint8))
    with pytest.raises(Failure, match="dimension 2 is 9, not 8") as caught:
        run_evaluation(done.artifact, device="cpu")
    assert caught.value.code == "NNC0813"
    np.savez(project / "test.npz", image=np.zeros((4, 8, 8), dtype=np.uint8), label=np.full(4, 3, dtype=np.uint8))
    with pytest.raises(
        Failure, match=r"test\.npz, sample 0.*`label` has the class number 3, and the network has 3 classes"
    ):
        run_evaluation(done.artifact, device="cpu")


def test_a_spec_as_python_data(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    spec = {
        "nnc": 1,
        "name": "data",
        "inputs": {"x": ["B", 1, 8, 8]},
        "layers": {"flat": "flatten(1)", "fc": "Linear(3)"},
        "data": {
            "train": {"type": "Npz", "file": "train.npz"},
            "transforms": {"image": ["ToImage", "ToDtype(float32)"]},
        },
        "train": {"loss": "CrossEntropyLoss", "optimizer": {"type": "SGD", "lr": 0.01}, "epochs": 1},
    }
    done = run_training(spec, device="cpu")
    assert done.result.best is not None
    assert done.result.best.quantity == "train.loss"
    with pytest.raises(Failure, match="has no validation"):
        run_evaluation(done.result.folder, device="cpu")
    assert run_evaluation(done.result.folder, split="train", device="cpu").samples == 90
    assert torch.isfinite(done.model.state_dict()["fc.weight"]).all()
