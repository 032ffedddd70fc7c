"""Pictures of runs: what is in them, read from the SVG and from matplotlib's own objects, and that hostile names and
numbers do no harm."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from nnc.runtime.evaluation.classes import ClassReport
from nnc.runtime.failure import Failure
from nnc.runtime.plots import write_confusion, write_curves
from nnc.runtime.plots.curves import Curve, _figure, _panels, curves_of
from nnc.runtime.plots.figure import drawing, label
from nnc.runtime.runs import Run, read_run


def run_of(folder: Path, epochs: Sequence[Mapping[str, Any]], name: str = "digits") -> Run:
    """A run as its folder would show it."""
    folder.mkdir(parents=True)
    document = {"format": 1, "spec": {"name": name}, "args": {}, "sizes": {}, "base": ".", "overrides": {}}
    (folder / "run.json").write_text(json.dumps(document))
    (folder / "log.jsonl").write_text("".join(json.dumps(e) + "\n" for e in epochs))
    return read_run(folder)


def record(epoch: int, train: float, validation: Mapping[str, Any] | None = None, lr: Any = None) -> dict[str, Any]:
    found: dict[str, Any] = {"epoch": epoch, "epochs": 3, "train": {"loss": train}, "validation": validation or {}}
    best = {"best": epoch == 2, "monitor": "validation.accuracy", "goal": "max", "seconds": 1.0}
    return found | best | {"lr": [0.1 / epoch] if lr is None else lr}


EPOCHS = [
    record(1, 1.0, {"loss": 1.1, "accuracy": 0.5}),
    record(2, 0.5, {"loss": 0.6, "accuracy": 0.9}),
    record(3, 0.4, {"loss": "nan", "accuracy": 0.8}),
]


def drawn(runs: Sequence[Run]) -> Any:
    with drawing():
        return _figure(runs, _panels(runs))


def test_curves_are_the_log(tmp_path: Path) -> None:
    found = {(c.part, c.name): c for c in curves_of(run_of(tmp_path / "a", EPOCHS))}
    assert list(found) == [("train", "loss"), ("validation", "loss"), ("validation", "accuracy"), ("lr", "")]
    assert found["validation", "accuracy"].points == ((1, 0.5), (2, 0.9), (3, 0.8))
    assert math.isnan(found["validation", "loss"].points[2][1])  # a gap in the line


@pytest.mark.parametrize(
    ("lr", "names"),
    [
        ([0.1, 0.2], ["group 1", "group 2"]),
        ([0.1, 0.1], ["group 1"]),  # the same line twice is one
        ({"d": [0.1], "g": [0.2, 0.3]}, ["d", "g group 1", "g group 2"]),
        ([None, "x"], []),
    ],
)
def test_learning_rates_by_group(tmp_path: Path, lr: Any, names: list[str]) -> None:
    one = run_of(tmp_path / "a", [record(1, 1.0, lr=lr)])
    panels = {p.title: p for p in _panels([one])}
    rates = panels.get("learning rate")
    assert [c.name for _, c in rates.curves] == names if rates else names == []


def test_panels_titles_axes_and_legend_of_one_run(tmp_path: Path) -> None:
    figure = drawn([run_of(tmp_path / "digits-1", EPOCHS)])
    loss, accuracy, rate = figure.axes
    assert [a.get_title() for a in figure.axes] == ["loss", "accuracy", "learning rate"]
    assert {a.get_xlabel() for a in figure.axes} == {"epoch"}
    assert [t.get_text() for t in loss.get_legend().get_texts()] == ["training", "validation"]
    assert [t.get_text() for t in accuracy.get_legend().get_texts()] == ["best: 0.9000 in epoch 2"]
    assert rate.get_legend() is None
    assert list(rate.get_lines()[0].get_ydata()) == [0.1, 0.05, 0.1 / 3]
    assert figure.get_suptitle() == "digits (digits-1)"


def test_several_runs_have_a_color_each(tmp_path: Path) -> None:
    runs = [run_of(tmp_path / name / "run", EPOCHS) for name in ("a", "b")]
    figure = drawn(runs)
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == [label(str(r.folder)) for r in runs]  # both are called `run`
    accuracy = figure.axes[1]
    assert len({line.get_color() for line in accuracy.get_lines()}) == 2


def test_a_loss_that_falls_far_is_logarithmic(tmp_path: Path) -> None:
    steep = run_of(tmp_path / "a", [record(1, 10.0), record(2, 0.01)])
    flat = run_of(tmp_path / "b", [record(1, 10.0), record(2, 1.0)])
    assert [drawn([r]).axes[0].get_yscale() for r in (steep, flat)] == ["log", "linear"]


@pytest.mark.parametrize(("kind", "head"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_equal_pictures_are_equal_files(tmp_path: Path, kind: str, head: bytes) -> None:
    one = run_of(tmp_path / "a", EPOCHS)
    for name in ("x", "y"):
        write_curves([one], tmp_path / f"{name}.{kind}")
    content = (tmp_path / f"x.{kind}").read_bytes()
    assert content.startswith(head)
    assert content == (tmp_path / f"y.{kind}").read_bytes()


@pytest.mark.parametrize("name", ["$\\frac a_b^{", "\x1b[31m\n 数字 🙂", "%s{0}<b>&" * 40])
def test_names_are_only_names(tmp_path: Path, name: str) -> None:
    one = run_of(tmp_path / "a", [record(1, 1.0, {"loss": 1.0, name: 0.5})], name)
    write_curves([one, one], tmp_path / "a.svg")
    write_confusion(ClassReport((name, "b"), ((3, 1), (0, 2))), tmp_path / "c.svg")
    assert b"<svg" in (tmp_path / "c.svg").read_bytes()


@pytest.mark.parametrize("classes", [0, 1, 41, pytest.param(1000, marks=pytest.mark.nightly)])
def test_a_matrix_of_any_size_is_a_picture_of_bounded_size(tmp_path: Path, classes: int) -> None:
    from PIL import Image

    names = tuple(f"class number {i}" for i in range(classes))
    rows = tuple(tuple(10 if i == j else 0 for j in range(classes)) for i in range(classes))
    write_confusion(ClassReport(names, rows), tmp_path / "c.png")
    assert max(Image.open(tmp_path / "c.png").size) < 3000


def test_what_cannot_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    none, one = run_of(tmp_path / "none", []), run_of(tmp_path / "a", EPOCHS)
    for runs, file, words in (
        ([none], "a.svg", "nothing to draw"),
        ([one] * 21, "a.svg", "21 runs in one picture"),
        ([one], "a.bmp", "written as .png, .svg, .pdf"),
    ):
        with pytest.raises(Failure, match=words):
            write_curves(runs, tmp_path / file)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(Failure, match="needs matplotlib") as caught:
        write_curves([one], tmp_path / "a.svg")
    assert caught.value.diagnostics[0].notes == ("pip install 'nnc[plot]' brings it",)


def test_a_curve_of_any_text_is_none(tmp_path: Path) -> None:
    """What an untrusted log may hold where a number belongs."""
    one = Run(
        tmp_path, {"spec": {}}, ({"epoch": 1, "train": {"loss": [], "b": 10**400, "c": 1}, "lr": {}},), (), "stopped"
    )
    assert curves_of(one) == [Curve("train", "c", ((1, 1.0),))]
