"""What is written of a run while it trains: the table, and TensorBoard's events, read as TensorBoard reads them. None of it
changes the run, and none of it ends it."""

from __future__ import annotations

import csv
import io
import json
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nnc.compiler.training.config.logs import TensorBoardConfig
from nnc.runtime.failure import Failure
from nnc.runtime.loggers import Together
from nnc.runtime.loggers.pictures import Guesses, grid_of, guesses_of, image_field, picture_of
from nnc.runtime.loggers.table import row_of, table_of
from nnc.runtime.loggers.together import with_tensorboard
from nnc.runtime.report import Reporter
from tests.runtime.helpers import DATA, TRAIN, StopAfter, network, read, run, same_state

LOGGED = DATA + TRAIN + "      log: {tensorboard: {every: 2}}\n"


def without_seconds(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if "second" not in k} for row in csv.DictReader(file)]


# -- the table ---------------------------------------------------------------------------------------------------------


def test_the_table_says_what_the_log_says(tmp_path: Path) -> None:
    run(tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    rows = without_seconds(tmp_path / "run")
    assert [list(row) for row in rows[:1]] == [
        ["epoch", "step", "validation.loss", "validation.accuracy", "train.loss", "lr", "best"]
    ]
    assert [float(r["validation.loss"]) for r in rows] == [line["validation"]["loss"] for line in lines]
    assert [int(r["best"]) for r in rows] == [int(line["best"]) for line in lines]


def test_a_resumed_run_has_the_table_of_one_never_interrupted(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    run(tmp_path / "run", reporter=StopAfter(6, signal.SIGTERM))
    with (tmp_path / "run" / "log.csv").open("a") as file:
        file.write("9,9,written,after,the,checkpoint\n")  # what a crash left
    run(tmp_path / "run", resume=True)
    assert without_seconds(tmp_path / "run") == without_seconds(tmp_path / "whole")


def test_a_new_quantity_is_a_new_column() -> None:
    first = {"epoch": 1, "step": 2, "train": {"loss": 1.0}, "validation": {}, "lr": [0.1, 0.2], "seconds": 1.0}
    second = {**first, "epoch": 2, "train": {"loss": 0.5, "aux": 0.1}, "best": True}
    assert row_of(first) == {
        "epoch": 1, "step": 2, "train.loss": 1.0, "lr group 1": 0.1, "lr group 2": 0.2, "best": 0, "seconds": 1.0
    }  # fmt: skip
    columns, text = table_of([first, second])
    assert columns[-1] == "train.aux"
    assert [row["train.aux"] for row in csv.DictReader(io.StringIO(text))] == ["", "0.1"]


# -- TensorBoard -------------------------------------------------------------------------------------------------------


def events(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(
        str(folder / "tensorboard"), dict.fromkeys(("images", "scalars", "histograms", "tensors"), 0)
    )
    return found.Reload()


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logged")
    run(folder / "run", LOGGED)
    return folder


def test_scalars_are_the_log(logged: Path) -> None:
    found = events(logged / "run")
    lines = [json.loads(line) for line in (logged / "run" / "log.jsonl").read_text().splitlines()]
    assert set(found.Tags()["scalars"]) == {
        "loss/train", "loss/validation", "loss/step", "accuracy/validation", "lr", "epoch", "samples_per_second"
    }  # fmt: skip
    points = [(e.step, pytest.approx(e.value)) for e in found.Scalars("loss/validation")]
    assert points == [(line["step"], line["validation"]["loss"]) for line in lines]
    assert [e.step for e in found.Scalars("loss/step")] == [2, 4, 6, 8, 10, 12]  # of 4 steps an epoch


def test_the_loss_of_steps_is_that_since_the_last(logged: Path) -> None:
    """The mean of an epoch is that of its steps', each counted by its samples: 16, 16, 16, 16."""
    found = events(logged / "run")
    steps = {e.step: e.value for e in found.Scalars("loss/step")}
    means = {e.step: e.value for e in found.Scalars("loss/train")}
    assert (steps[2] + steps[4]) / 2 == pytest.approx(means[4], rel=1e-5)
    assert (steps[6] + steps[8]) / 2 == pytest.approx(means[8], rel=1e-5)


def test_images_graph_histograms_and_settings(logged: Path) -> None:
    found = events(logged / "run")
    tags = found.Tags()
    assert tags["graph"]
    assert set(tags["images"]) == {"samples/image", "predictions"}
    assert [i.step for i in found.Images("predictions")] == [4, 8, 12]
    names = [n for n, _ in network().named_parameters()]
    assert set(tags["histograms"]) == {f"{kind}/{n}" for kind in ("weights", "gradients") for n in names}
    last = found.Histograms("weights/5.bias")[-1].histogram_value
    assert last.num == 3
    picture = np.asarray(Image.open(io.BytesIO(found.Images("samples/image")[0].encoded_image_string)))
    assert picture.shape[2] == 3
    assert picture.std() > 10


def test_nothing_is_there_twice_after_an_interruption(tmp_path: Path, logged: Path) -> None:
    """Interrupted after step 7, and resumed: the same steps, once each. The loss at step 8 is that of step 8 alone, and not
    of 7 and 8."""
    run(tmp_path / "run", LOGGED, base=logged, reporter=StopAfter(7, signal.SIGTERM))
    run(tmp_path / "run", LOGGED, base=logged, resume=True)
    mine, whole = events(tmp_path / "run"), events(logged / "run")
    for tag in whole.Tags()["scalars"]:
        ours, theirs = ([(e.step, e.value) for e in found.Scalars(tag)] for found in (mine, whole))
        assert [step for step, _ in ours] == [step for step, _ in theirs], tag
        if "second" not in tag:
            differing = [p for p, q in zip(ours, theirs, strict=True) if p != q]
            assert [(tag, step) for step, _ in differing] in ([], [("loss/step", 8)])


def test_what_came_after_the_checkpoint_is_purged(tmp_path: Path, logged: Path) -> None:
    """A crash, seen as TensorBoard sees it: events of steps that the resumed run makes again."""
    from torch.utils.tensorboard.writer import SummaryWriter

    run(tmp_path / "run", LOGGED, base=logged, reporter=StopAfter(7, signal.SIGTERM))
    with SummaryWriter(str(tmp_path / "run" / "tensorboard")) as writer:
        writer.add_scalar("loss/step", 99.0, 8)
    run(tmp_path / "run", LOGGED, base=logged, resume=True)
    assert 99.0 not in [e.value for e in events(tmp_path / "run").Scalars("loss/step")]


def test_it_changes_nothing(tmp_path: Path, logged: Path) -> None:
    from nnc.runtime.saving.checkpoint import CheckpointFolder

    run(tmp_path / "run", base=logged)
    plain, seen = (CheckpointFolder(f / "checkpoints").newest()[0] for f in (tmp_path / "run", logged / "run"))
    assert plain is not None
    assert seen is not None
    assert same_state(plain.model, seen.model)


def test_parts_can_be_left_out(tmp_path: Path) -> None:
    text = DATA + TRAIN + "      log: {tensorboard: {images: 0, histograms: false, graph: false, every: 1000}}\n"
    run(tmp_path / "run", text, epochs=1)
    tags = events(tmp_path / "run").Tags()
    assert (tags["images"], tags["histograms"], tags["graph"]) == ([], [], False)
    assert "loss/step" not in tags["scalars"]


def test_a_network_that_cannot_be_traced_has_no_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.utils.tensorboard.writer import SummaryWriter

    def refused(*_: Any, **__: Any) -> None:
        raise RuntimeError("Tracer cannot infer type")

    monkeypatch.setattr(SummaryWriter, "add_graph", refused)
    run(tmp_path / "run", LOGGED, epochs=1)
    found = events(tmp_path / "run")
    assert not found.Tags()["graph"]
    assert b"Tracer cannot infer type" in found.Tensors("left out/text_summary")[0].tensor_proto.string_val[0]
    assert "predictions" in found.Tags()["images"]


def test_a_missing_package_is_said_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(Failure) as caught:
        run(tmp_path / "run", LOGGED)
    assert caught.value.code == "NNC0911"
    assert caught.value.diagnostics[0].notes == ("pip install 'nnc[tensorboard]' brings it",)
    assert not (tmp_path / "run" / "log.jsonl").exists()


def test_asked_for_by_a_command_or_by_the_run_itself(tmp_path: Path) -> None:
    _, config = read(DATA + TRAIN)
    assert with_tensorboard(config, tmp_path, wanted=False).log is None
    assert with_tensorboard(config, tmp_path, wanted=True).log == TensorBoardConfig()
    (tmp_path / "tensorboard").mkdir()
    assert with_tensorboard(config, tmp_path, wanted=False).log == TensorBoardConfig()
    _, own = read(LOGGED)
    assert with_tensorboard(own, tmp_path, wanted=True).log == TensorBoardConfig(every=2)


# -- one that fails ----------------------------------------------------------------------------------------------------


class Failing(Reporter):
    def __init__(self, error: Exception) -> None:
        self.error, self.asked = error, 0

    def step(self, done: int, loss: Callable[[], float]) -> None:
        self.asked += 1
        raise self.error


class Heard(Reporter):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_one_that_fails_is_left_out_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main, bad = Heard(), Failing(ValueError("no space left"))
    both = Together(main, [bad])
    for _ in range(3):
        both.step(1, lambda: 1.0)
    assert (bad.asked, main.notes) == (1, ["Failing is left out from here on: no space left"])


def test_a_terminal_that_is_gone_does_not_end_the_run(tmp_path: Path) -> None:
    result, _ = run(tmp_path / "run", reporter=Failing(BrokenPipeError()))
    assert result.status == "finished"


def test_a_full_disk_ends_the_table_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nnc.runtime.loggers.table.write_file", full)
    main = Heard()
    result, _ = run(tmp_path / "run", reporter=main)
    assert result.status == "finished"
    assert [n for n in main.notes if n.startswith("TableLog is left out")]


# -- pictures ----------------------------------------------------------------------------------------------------------


def config_of(loss: str) -> Any:
    return read(DATA + TRAIN.replace("CrossEntropyLoss", loss))[1]


IMAGES = torch.rand(3, 1, 4, 4)


@pytest.mark.parametrize(
    ("loss", "outputs", "labels", "words", "rows"),
    [
        ("CrossEntropyLoss", [[2, 1], [1, 2], [1, 2]], [0, 1, 0], [("cat", True), ("dog", True), ("dog, is cat", False)], []),
        ("BCEWithLogitsLoss", [[1.0], [-1.0], [1.0]], [1, 0, 0], [("dog", True), ("cat", True), ("dog, is cat", False)], []),
        ("CrossEntropyLoss", torch.rand(3, 5, 4, 4), torch.zeros(3, 4, 4).long(), [], ["out", "wanted"]),
        ("MSELoss", torch.rand(3, 1, 4, 4), [0, 0, 0], [], ["out"]),
        ("MSELoss", torch.rand(3, 7), [0, 0, 0], None, []),
    ],
)  # fmt: skip
def test_guesses(loss: str, outputs: Any, labels: Any, words: Any, rows: list[str]) -> None:
    batch = {"image": IMAGES, "label": torch.as_tensor(labels)}
    config = config_of(loss)
    found = guesses_of(config, torch.as_tensor(outputs).float(), ("output",), batch, "image", ("cat", "dog"))
    if words is None:
        assert found is None
        return
    assert found is not None
    assert list(found.words) == words
    assert list(found.rows or {}) == rows
    picture = picture_of(found)
    assert (picture.ndim, picture.shape[2], picture.dtype) == (3, 3, np.uint8)


@pytest.mark.parametrize(
    ("batch", "field"),
    [
        ({"x": torch.rand(2, 4)}, None),
        ({"x": torch.rand(2, 4), "y": torch.rand(2, 3, 4, 4)}, "y"),
        ({"x": torch.rand(2, 5, 4, 4)}, None),
        ({"x": "text"}, None),
    ],
)
def test_which_field_is_an_image(batch: Mapping[str, Any], field: str | None) -> None:
    assert image_field(batch, list(batch)) == field


def test_images_without_contrast_or_numbers() -> None:
    images = torch.stack([torch.zeros(1, 4, 4), torch.full((1, 4, 4), float("nan"))])
    assert picture_of(Guesses(images)).shape[2] == 3
    assert grid_of(images).dtype == np.uint8


def test_on_a_terminal_a_line_is_one_line() -> None:
    """rich would break it at 80 columns, where nobody can copy it whole."""
    from nnc.runtime.report import Live

    stream = io.StringIO()
    live = Live(stream)
    values = {f"metric_number_{i}": 0.5 for i in range(9)}
    live.begin({"speed": "channels last, " * 20})
    live.note("x " * 80)
    live.end_epoch(
        {"epoch": 1, "epochs": 2, "train": {"loss": 1.0}, "validation": values, "best": True, "seconds": 1.0}
    )
    assert len(stream.getvalue().splitlines()) == 3
