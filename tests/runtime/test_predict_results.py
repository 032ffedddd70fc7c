"""What outputs mean, and how results are written."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nnc.runtime.failure import Failure
from nnc.runtime.prediction.inputs import Place, Preprocessing
from nnc.runtime.prediction.results import Results
from nnc.runtime.prediction.saved import read_preprocessing
from nnc.runtime.prediction.write import CsvWriter, JsonWriter, MaskFolder, result_file
from nnc.runtime.saving.header import Header
from tests.runtime.helpers import IMAGES
from tests.runtime.test_data import call


def results(output: torch.Tensor, scores: str, **options: Any) -> list[dict[str, Any]]:
    return Results(("out",), ("a", "b", "c"), scores, **options).of({"out": output})


def test_all_probabilities() -> None:
    (found,) = results(torch.tensor([[1.0, 3.0, 0.0]]), "logits", probabilities=True, top_k=2)
    expected = torch.tensor([1.0, 3.0, 0.0]).softmax(0).tolist()
    assert found["class"] == "b"
    assert found["probabilities"] == dict(zip("abc", expected, strict=True))
    assert [t["class"] for t in found["top"]] == ["b", "a"]


def test_labels_that_do_not_exclude_each_other() -> None:
    one, none = results(torch.tensor([[2.0, -1.0, 0.0], [-1.0, -1.0, -1.0]]), "binary_logits")
    assert one["labels"] == ["a", "c"]
    assert one["probabilities"]["c"] == 0.5
    assert none["labels"] == []


@pytest.mark.parametrize("scores", ["logits", "log_probabilities", "probabilities"])
def test_masks(scores: str) -> None:
    output = torch.zeros(1, 3, 2, 2)
    output[0, 2, 0] = 5
    output[0, 1, 1, 1] = 5
    (found,) = results(output, scores)
    assert found["mask"].tolist() == [[2, 2], [0, 1]]
    assert found["shares"] == {"c": 0.5, "a": 0.25, "b": 0.25}


def test_masks_of_two_classes() -> None:
    (found,) = results(torch.tensor([[[[1.0, -1.0], [2.0, 3.0]]]]), "binary_logits")
    assert found["mask"].tolist() == [[1, 0], [1, 1]]
    assert found["shares"] == {"b": 0.75, "a": 0.25}


def test_numbers() -> None:
    assert results(torch.tensor([[1.5, 2.0]]), "") == [{"output": [1.5, 2.0]}]
    assert results(torch.tensor([1.5]), "") == [{"output": 1.5}]


# -- what a saved model says of its inputs -----------------------------------------------------------------------------


def test_preprocessing_is_read_as_it_was_written() -> None:
    whole = Preprocessing(
        {"x": "photo"}, {"photo": (call("ToImage"), call("ToDtype(float32, scale=True)"))}, arrays=True,
        columns={"photo": ("file",), "color": ("a", "b")}, images=("photo",), categories={"color": ("red", "blue")},
        kinds={"photo": "mask"},
    )  # fmt: skip
    plain = json.loads(json.dumps(whole.as_plain()))
    found = read_preprocessing(Header(Path("m"), "0", {}, preprocessing=plain), IMAGES)
    assert found.as_plain() == whole.as_plain()


@pytest.mark.parametrize(
    "damaged",
    [
        {"feeding": []},
        {"columns": {"x": "a"}},
        {"columns": [1]},
        {"images": [1]},
        {"images": "x"},
        {"categories": {"x": [1]}},
        {"kinds": 3},
    ],
)
def test_damaged_preprocessing_is_refused(damaged: dict[str, Any]) -> None:
    with pytest.raises(Failure, match="is damaged") as caught:
        read_preprocessing(Header(Path("m.safetensors"), "0", {}, preprocessing=damaged), IMAGES)
    assert caught.value.code == "NNC0904"


# -- writing -----------------------------------------------------------------------------------------------------------


def written(*rows: dict[str, Any]) -> list[dict[str, str]]:
    stream = io.StringIO()
    writer = CsvWriter(stream)
    for row in rows:
        writer.write(row)
    return list(csv.DictReader(io.StringIO(stream.getvalue())))


def test_csv() -> None:
    found = written(
        {"input": "a,b.png", "class": "x", "probabilities": {"x": 0.5, "y": 0.5}, "labels": ["p", "q"]},
        {"input": "c.npy", "sample": 3, "class": 'y"', "probabilities": {"x": 0.0, "y": 1.0}, "labels": []},
    )
    assert found[0] == {
        "input": "a,b.png", "sample": "", "class": "x", "probabilities.x": "0.5", "probabilities.y": "0.5", "labels": "p;q",
    }  # fmt: skip
    assert (found[1]["sample"], found[1]["class"], found[1]["labels"]) == ("3", 'y"', "")
    assert written({"input": "a", "output": [1.0, [2.0, 3.0]]}) == [
        {"input": "a", "sample": "", "output.0": "1.0", "output.1.0": "2.0", "output.1.1": "3.0"}
    ]


def test_csv_of_results_that_differ() -> None:
    with pytest.raises(Failure, match=r"the value `output.1`, which the first result has not: write lines of JSON"):
        written({"input": "a", "output": [1.0]}, {"input": "b", "output": [1.0, 2.0]})
    with pytest.raises(Failure, match="20,001 numbers, which no table has columns for"):
        written({"input": "a", "output": [0.0] * 20_000})


def test_numbers_that_json_has_not() -> None:
    stream = io.StringIO()
    JsonWriter(stream).write({"input": "ä", "output": [float("inf"), float("nan")]})
    assert "ä" in stream.getvalue()
    assert isinstance(json.loads(stream.getvalue(), parse_constant=lambda c: pytest.fail(c)), dict)


def test_a_result_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new" / "out.jsonl"
    with result_file(target) as stream:
        stream.write("whole\n")
        assert not target.exists()
    assert target.read_text() == "whole\n"
    stopped = result_file(target)
    stopped.__enter__().write("half")
    assert stopped.__exit__(KeyError, KeyError(), None) is False
    assert target.read_text() == "whole\n"
    assert [p.name for p in target.parent.iterdir()] == ["out.jsonl"]
    with pytest.raises(Failure, match="cannot be written"), result_file(tmp_path / "new"):
        pass


def test_mask_files(tmp_path: Path) -> None:
    folder = MaskFolder(tmp_path / "masks")
    mask = torch.arange(12).reshape(3, 4)
    path = folder.save(Place("in/b/1.jpg"), mask)
    assert path == str(tmp_path / "masks" / "in" / "b" / "1.png")
    with Image.open(path) as picture:
        assert picture.mode == "L"
        assert np.array_equal(np.asarray(picture), mask.numpy())
    with Image.open(folder.save(Place("many.npy", 7), mask * 1000)) as picture:
        assert np.array_equal(np.asarray(picture).astype(np.int64), mask.numpy() * 1000)
    assert (tmp_path / "masks" / "many-7.png").exists()
    assert folder.save(Place("many.npy", 7), mask).endswith("many-7-2.png")


@pytest.mark.parametrize("name", ["../../x.png", "/etc/x.png", "a/../../x.png", "<stdin>", "..", "C:\\x"])
def test_masks_stay_in_their_folder(name: str, tmp_path: Path) -> None:
    path = Path(MaskFolder(tmp_path / "masks").save(Place(name), torch.zeros(2, 2, dtype=torch.int64)))
    assert path.resolve().is_relative_to((tmp_path / "masks").resolve())
