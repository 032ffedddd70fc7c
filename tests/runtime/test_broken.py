"""Samples that cannot be read: named, and either the end of the run or left out and counted, with any number of workers and
after any interruption."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from nnc.runtime.commands import run_evaluation, run_training
from nnc.runtime.data import open_data
from nnc.runtime.data.broken import CountedBatch
from nnc.runtime.failure import Failure
from tests.runtime.helpers import StopAfter, read, same_state
from tests.runtime.test_resume import log_of

CPU = torch.device("cpu")
SPEC: dict[str, Any] = {
    "nnc": 1,
    "name": "pictures",
    "inputs": {"image": ["B", 3, 8, 8]},
    "layers": ["flatten(1)", "Linear(2)"],
    "data": {
        "train": {"type": "ImageFolder", "root": "pictures"},
        "validation": 6,
        "on_error": "skip",
        "workers": 0,
        "transforms": {"image": ["ToDtype(float32, scale=True)"]},
    },
    "train": {
        "loss": "CrossEntropyLoss",
        "optimizer": "Adam(lr=0.01)",
        "metrics": ["Accuracy"],
        "epochs": 2,
        "batch_size": 4,
    },
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 pictures of which 5 cannot be read."""
    base = tmp_path_factory.mktemp("pictures")
    for i in range(24):
        folder = base / "pictures" / ("cat" if i % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (200 * (i % 2), i, 0)).save(folder / f"{i:02}.png")
        if i % 5 == 0:
            content = (folder / f"{i:02}.png").read_bytes()
            (folder / f"{i:02}.png").write_bytes(content[: len(content) // 2] if i else b"")
    return base


def changed(**data: Any) -> dict[str, Any]:
    return {**SPEC, "data": {k: v for k, v in {**SPEC["data"], **data}.items() if v is not None}}


def trained(base: Path, folder: Path, spec: dict[str, Any] = SPEC, **more: Any) -> Any:
    (folder.parent / "pictures").exists() or (folder.parent / "pictures").symlink_to(base / "pictures")
    path = folder.parent / "spec.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    return run_training(path, folder=folder, device="cpu", **more)


def events(folder: Path) -> tuple[list[Any], list[Any]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if "event" in line], [line for line in lines if "event" not in line]


def test_the_run_ends_with_the_file_s_name(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        trained(pictures, tmp_path / "run", changed(on_error="fail"))
    assert ".png" in str(caught.value)
    assert "cannot be read" in str(caught.value)
    assert "on_error: skip" in str(caught.value)


@pytest.mark.parametrize("workers", [0, 2])
def test_left_out_and_counted(pictures: Path, tmp_path: Path, workers: int) -> None:
    trained(pictures, tmp_path / "run", changed(workers=workers, validation=None))
    named, epochs = events(tmp_path / "run")
    assert [e["dropped"] for e in epochs] == [5, 5]
    assert [e["event"] for e in named] == ["left out"] * 5, "each is named once, and not in every epoch"
    assert {Path(e["names"][0].split(".png")[0]).name for e in named} == {"00", "05", "10", "15", "20"}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("after", [1, 2, 4, 6])
def test_resumed_equals_uninterrupted(pictures: Path, tmp_path: Path, workers: int, after: int) -> None:
    if workers and after != 4:
        return  # once is enough: the order does not depend on them, as the test above says
    for name in ("whole", "run"):
        (tmp_path / name).mkdir()
    spec = changed(workers=workers)
    whole = trained(pictures, tmp_path / "whole" / "run", changed())
    stopped = trained(pictures, tmp_path / "run" / "run", spec, reporter=StopAfter(after, signal.SIGTERM))
    assert stopped.result.status == "interrupted"
    resumed = trained(pictures, tmp_path / "run" / "run", spec, resume=True)
    assert same_state(resumed.model.state_dict(), whole.model.state_dict())
    ours, theirs = (json.dumps(log_of(tmp_path / n / "run")).replace(f"/{n}/", "/") for n in ("run", "whole"))
    assert ours == theirs


def test_a_batch_of_broken_samples_alone(pictures: Path, tmp_path: Path) -> None:
    """It makes no step, and is counted as done: what comes after it is the same."""
    single = {**changed(validation=None), "train": {**SPEC["train"], "batch_size": 1}}
    for name in ("whole", "run"):
        (tmp_path / name).mkdir()
    whole = trained(pictures, tmp_path / "whole" / "run", single)
    assert whole.result.step == 2 * 19
    trained(pictures, tmp_path / "run" / "run", single, reporter=StopAfter(17, signal.SIGTERM))
    resumed = trained(pictures, tmp_path / "run" / "run", single, resume=True)
    assert same_state(resumed.model.state_dict(), whole.model.state_dict())


def test_evaluation_leaves_them_out(pictures: Path, tmp_path: Path) -> None:
    trained(pictures, tmp_path / "run")
    found = run_evaluation(tmp_path / "run", split="train", device="cpu")
    assert 0 <= found.quantities["accuracy"] <= 1
    assert found.samples + run_evaluation(tmp_path / "run", split="validation", device="cpu").samples == 19
    assert found.quantities["loss"] == found.quantities["loss"], "no empty batch has made it no number"


def test_nothing_can_be_read(tmp_path: Path) -> None:
    for i in range(12):
        (tmp_path / "pictures" / "cat").mkdir(parents=True, exist_ok=True)
        (tmp_path / "pictures" / "cat" / f"{i}.png").write_bytes(b"")
    with pytest.raises(Failure, match="no sample of the first 10 batches can be read"):
        trained(tmp_path, tmp_path / "run", changed(validation=None))


# -- tables ------------------------------------------------------------------------------------------------------------

TABLE = """
    data:
      fields: [name, size, label]
      train: Csv("t.csv")
      on_error: {policy}
      transforms: {{name: [Strip, Characters]}}
    train: {{loss: CrossEntropyLoss, optimizer: Adam, epochs: 1}}
"""
ROWS = "name,size,label\nann,1,a\nbob,,b\n  ,3,a\ncid,4,\ndan,5,b\n"


def test_rows_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(ROWS, encoding="utf-8")
    data = open_data(read(TABLE.format(policy="skip"))[0], tmp_path)
    assert data.train is not None
    assert len(data.train) == 2
    assert data.train.labels("size").tolist() == [1, 5]
    path = tmp_path / "t.csv"
    assert sorted(map(str, data.dropped)) == [
        f"{path}, row 2: it has no value in the column `size`",
        f"{path}, row 3: `name`: the text has no token",
        f"{path}, row 4: it has no value in the column `label`",
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (ROWS, "row 2 has no value in the column `size`"),
        (ROWS.replace("bob,,b\n", ""), "row 3 has no value in the column `label`"),
        ("name,size,label\nann,1,a\n  ,3,a\n", "row 2:1:1: `name`: the text has no token"),
    ],
)
def test_the_first_row_that_lacks_something_is_named(tmp_path: Path, rows: str, expected: str) -> None:
    (tmp_path / "t.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(Failure) as caught:
        open_data(read(TABLE.format(policy="fail"))[0], tmp_path)
    assert expected in str(caught.value).replace("error: [NNC0823] ", "")


def test_a_label_that_no_training_sample_has(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,label\n1,a\n2,b\n", encoding="utf-8")
    (tmp_path / "v.csv").write_text("x,label\n1,a\n2,c\n", encoding="utf-8")
    text = """
    data:
      fields: [x, label]
      train: Csv("t.csv")
      validation: Csv("v.csv")
      on_error: {policy}
    train: {{loss: CrossEntropyLoss, optimizer: Adam, epochs: 1}}
    """
    with pytest.raises(Failure, match="row 2 has 'c' in the column `label`, which no training sample has"):
        open_data(read(text.format(policy="fail"))[0], tmp_path)
    data = open_data(read(text.format(policy="skip"))[0], tmp_path)
    assert data.validation is not None
    assert len(data.validation) == 1
    assert "'c'" in str(data.dropped[0])


def test_a_batch_says_what_it_lacks(pictures: Path) -> None:
    text = """
    data: {train: ImageFolder("pictures"), on_error: skip, workers: 0}
    train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1}
    """
    data = open_data(read(text)[0], pictures)
    assert data.train is not None
    batches = list(data.train.batches(torch.arange(24), 6, CPU))
    assert sum(len(b["label"]) for b in batches) == 19
    assert sum(len(b.dropped) for b in batches if isinstance(b, CountedBatch)) == 5


# -- wrong labels ------------------------------------------------------------------------------------------------------


def labelled(base: Path, labels: list[int], policy: str = "fail") -> Path:
    rows = "".join(f"{i},{label}\n" for i, label in enumerate(labels))
    (base / "t.csv").write_text("x,label\n" + rows, encoding="utf-8")
    spec = {
        "nnc": 1,
        "inputs": {"x": ["B", 1]},
        "layers": ["Linear(3)"],
        "data": {
            "fields": ["x", "label"],
            "train": {"type": "Csv", "file": "t.csv", "columns": {"x": ["x"], "label": "label"}},
            "transforms": {"x": ["ToDtype(float32)"]},
            "on_error": policy,
        },
        "train": {"loss": "CrossEntropyLoss", "optimizer": "Adam", "epochs": 1, "batch_size": 4},
    }
    (base / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    return base / "spec.json"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 1, 7, 2], ["t.csv, row 3", "`label` has the class number 7, and the network has 3 classes: 0 … 2"]),
        ([0, -1, 7, 9, 9, 9], ["t.csv, row 2", "and so it is with", "t.csv, row 3", "5 samples in all"]),
        ([1, 2, 3, 1], ["t.csv, row 3", "class numbers count from 0"]),
    ],
)
def test_a_wrong_label_is_named(tmp_path: Path, labels: list[int], expected: list[str]) -> None:
    with pytest.raises(Failure) as caught:
        run_training(labelled(tmp_path, labels), folder=tmp_path / "run", device="cpu")
    assert caught.value.code == "NNC0815"
    for part in expected:
        assert part in str(caught.value)


def test_wrong_labels_are_left_out(tmp_path: Path) -> None:
    trained = run_training(labelled(tmp_path, [0, 9, 1, 2, -5, 1], "skip"), folder=tmp_path / "run", device="cpu")
    assert trained.result.status == "finished"
    named, _ = events(tmp_path / "run")
    assert named[0]["samples"] == 2
    assert "row 2" in named[0]["names"][0]
    with pytest.raises(Failure, match="NNC0815"):
        run_training(labelled(tmp_path, [9, 9], "skip"), folder=tmp_path / "other", device="cpu")


def test_a_folder_too_many(pictures: Path, tmp_path: Path) -> None:
    """Of files, classes are known before any is read."""
    spec = {**changed(workers=2, on_error="fail"), "layers": ["flatten(1)", "Linear(1)"]}
    with pytest.raises(Failure) as caught:
        trained(pictures, tmp_path / "run", spec)
    assert "dog" in str(caught.value)
    assert "`label` has the class number 1, and the network has 1 classes" in str(caught.value)


def test_a_wrong_label_in_evaluation(tmp_path: Path) -> None:
    run_training(labelled(tmp_path, [0, 1, 2, 0]), folder=tmp_path / "run", device="cpu")
    labelled(tmp_path, [0, 1, 3])
    with pytest.raises(Failure, match="row 3"):
        run_evaluation(tmp_path / "run", split="train", device="cpu")
