"""Cross-validation: one fold, all of them, and what they come to; resumed, evaluated, and refused where there are none."""

from __future__ import annotations

import json
import shutil
import statistics
from pathlib import Path

import pytest

from nnc.cli import main
from nnc.runtime.commands import run_evaluation, run_training
from nnc.runtime.failure import Failure
from nnc.runtime.training.folds import parse_fold
from tests.runtime.helpers import same_state
from tests.runtime.test_sequences import EXAMPLES, changed


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for file in ("words.yaml", "words.csv"):
        shutil.copy(EXAMPLES / file, tmp_path)
    monkeypatch.chdir(tmp_path)
    return changed(tmp_path / "words.yaml", ("epochs: 6", "epochs: 1"), ("{size: 0.25, ", "{folds: 3, "))


@pytest.mark.parametrize(
    ("text", "found"),
    [("2", (2, None)), ("2/5", (2, 5)), ("all", (None, None)), ("all/10", (None, 10)), ("6/5", None), ("0/5", None),
     ("1/1", None), ("2/", None), ("-1/3", None), ("2/99999", None), ("", None), ("٢/5", None)],
)  # fmt: skip
def test_what_is_a_fold(text: str, found: tuple[int | None, int | None] | None) -> None:
    assert parse_fold(text) == found


def test_all_folds(words: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(words), "--fold", "all", "--quiet"]) == 0
    said = capsys.readouterr().out
    folder = words.parent / "runs" / "words-folds-1"
    found = json.loads((folder / "folds.json").read_text())
    accuracy = found["quantities"]["validation.accuracy"]
    assert (found["folds"], found["done"], len(accuracy["folds"])) == (3, 3, 3)
    assert accuracy["mean"] == pytest.approx(statistics.fmean(accuracy["folds"]))
    assert accuracy["std"] == pytest.approx(statistics.stdev(accuracy["folds"]))
    assert f"{accuracy['mean']:.4f} ± {accuracy['std']:.4f}" in said
    for fold in (1, 2, 3):
        for source in (folder / f"fold-{fold}", folder / f"fold-{fold}" / "model.safetensors"):
            measured = run_evaluation(source, split="validation", device="cpu")
            assert measured.quantities["accuracy"] == accuracy["folds"][fold - 1], "it is this fold that validates"
    sizes = [run_evaluation(folder / f"fold-{k}", split="validation", device="cpu").samples for k in (1, 2, 3)]
    assert sum(sizes) == 230
    assert main(["train", str(words), "--fold", "all", "--quiet", "--resume"]) == 0
    assert json.loads((folder / "folds.json").read_text()) == found, "folds that are done are not done again"


def test_one_fold(words: Path) -> None:
    one = run_training(words, folder="one", fold="2/3")
    changed(words, ("{folds: 3, ", "{folds: 3, fold: 2, "))
    same = run_training(words, folder="same")
    other = run_training(words, folder="other", fold="1")
    assert same_state(one.model.state_dict(), same.model.state_dict())
    assert not same_state(one.model.state_dict(), other.model.state_dict())
    resumed = run_training(words, folder="other", resume=True)
    assert resumed.result.status == "finished"
    with pytest.raises(Failure, match="validation was"):
        run_training(words, folder="other", resume=True, fold="3")


@pytest.mark.parametrize(
    ("change", "fold", "expected"),
    [
        (("{folds: 3, stratify: language}", "0.2"), "2", "how many folds there are is not said"),
        (("validation: {folds: 3, stratify: language}", "seed: 1"), "2/3", "has no `validation`"),
        (("{folds: 3, stratify: language}", 'Csv("words.csv")'), "2/3", "`validation` has data of its own"),
        (("words", "words"), "4", "there are the folds 1 … 3"),
        (("words", "words"), "two", "a fold is such as 2, 2/5, all or all/5, not 'two'"),
    ],
)
def test_folds_that_are_not_there(words: Path, change: tuple[str, str], fold: str, expected: str) -> None:
    changed(words, change)
    with pytest.raises(Failure) as caught:
        run_training(words, folder="run", fold=fold)
    assert expected in str(caught.value)
    assert not Path("run").exists()
