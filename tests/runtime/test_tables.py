"""CSV and Parquet files, and tensors of a .safetensors file, as data."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest
import torch
from safetensors.torch import save_file

from nnc.compiler.driver import compile_text
from nnc.runtime.commands import run_evaluation, run_training
from nnc.runtime.data import open_data
from nnc.runtime.data.datasets import Columns, Samples, open_dataset
from nnc.runtime.failure import Failure
from tests.runtime.helpers import read
from tests.runtime.test_parts import bound

IRIS = """\
length,width,good,species
5.1,3,true,setosa
4.9,2,false,virginica
6.0,1,true,setosa
6.1,4,true,versicolor
"""
FIELDS = {"features": ("length", "width"), "label": "species"}


def opened(
    base: Path, name: str, fields: tuple[str, ...] = ("features", "label"), **arguments: Any
) -> Columns | Samples:
    return open_dataset(bound("dataset", name, **arguments), fields, base)


def in_memory(base: Path, name: str, fields: tuple[str, ...] = ("features", "label"), **arguments: Any) -> Columns:
    found = opened(base, name, fields, **arguments)
    assert isinstance(found, Columns)
    return found


@pytest.fixture
def iris(tmp_path: Path) -> Path:
    (tmp_path / "iris.csv").write_text(IRIS, encoding="utf-8")
    table = pyarrow.csv.read_csv(tmp_path / "iris.csv")
    pyarrow.parquet.write_table(table, tmp_path / "iris.parquet")
    with gzip.open(tmp_path / "iris.csv.gz", "wt") as stream:
        stream.write(IRIS)
    (tmp_path / "bare.csv").write_text(IRIS.partition("\n")[2].replace(",", ";"), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "file", "more"),
    [
        ("Csv", "iris.csv", {}),
        ("Csv", "iris.csv.gz", {}),
        ("Csv", "bare.csv", {"names": ("length", "width", "good", "species"), "delimiter": ";"}),
        ("Parquet", "iris.parquet", {}),
    ],
)
def test_columns_of_a_table(iris: Path, name: str, file: str, more: dict[str, Any]) -> None:
    found = in_memory(iris, name, file=file, columns=FIELDS, **more)
    expected = torch.tensor([[5.1, 3.0], [4.9, 2.0], [6.0, 1.0], [6.1, 4.0]])
    assert torch.equal(found.fields["features"], expected)
    assert found.fields["label"].tolist() == [0, 2, 0, 1]
    assert found.classes == ("setosa", "versicolor", "virginica")


def test_columns_are_called_as_the_fields(iris: Path) -> None:
    found = in_memory(iris, "Csv", ("width", "good", "length"), file="iris.csv")
    assert {n: t.dtype for n, t in found.fields.items()} == {
        "width": torch.int64, "good": torch.bool, "length": torch.float32,
    }  # fmt: skip
    assert found.classes is None


def test_a_column_is_judged_by_all_of_it(tmp_path: Path) -> None:
    """A number with a point far down in a column of whole ones: pyarrow looks at blocks of a megabyte."""
    rows = [f"{i},{i % 2}" for i in range(300_000)]
    rows[-1] = "0.5,1"
    (tmp_path / "long.csv").write_text("a,label\n" + "\n".join(rows), encoding="utf-8")
    found = in_memory(tmp_path, "Csv", ("a", "label"), file="long.csv")
    assert found.fields["a"].dtype == torch.float32
    assert found.fields["a"][-1] == 0.5


def test_lists_are_rows_of_a_tensor(tmp_path: Path) -> None:
    table = pyarrow.table({"x": [[1.0, 2.0], [3.0, 4.0]], "label": pyarrow.array(["a", "b"]).dictionary_encode()})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    found = in_memory(tmp_path, "Parquet", ("x", "label"), file="t.parquet")
    assert found.fields["x"].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert found.fields["label"].tolist() == [0, 1]


def test_tensors_of_a_safetensors_file(tmp_path: Path) -> None:
    save_file({"x": torch.randn(4, 2), "y": torch.arange(4, dtype=torch.uint8)}, tmp_path / "t.safetensors")
    found = in_memory(tmp_path, "Safetensors", file="t.safetensors", arrays=("x", "y"))
    assert found.fields["features"].shape == (4, 2)
    assert found.fields["label"].dtype == torch.int64


def write_pictures(base: Path) -> None:
    from PIL import Image

    (base / "pictures").mkdir()
    for i in range(6):
        Image.new("RGB", (8, 8), (40 * i, 0, 0)).save(base / "pictures" / f"{i}.png")
    rows = "".join(f"{i}.png,{'red' if i > 2 else 'dark'}\n" for i in range(6))
    (base / "list.csv").write_text("file,label\n" + rows, encoding="utf-8")


def test_a_column_names_image_files(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    text = """
    data:
      train:
        type: Csv
        file: list.csv
        columns: {image: file, label: label}
        images: [image]
        root: pictures
      transforms:
        image: [ToImage, "ToDtype(float32, scale=True)"]
      workers: 0
    train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1}
    """
    data = open_data(read(text)[0], tmp_path)
    assert data.train is not None
    assert data.classes == ("dark", "red")
    batch = next(iter(data.train.batches(torch.arange(6), 6, torch.device("cpu"))))
    assert batch["image"].shape == (6, 3, 8, 8)
    assert batch["image"][5, 0, 0, 0] == pytest.approx(200 / 255)
    assert batch["label"].tolist() == [0, 0, 0, 1, 1, 1]
    assert data.train.labels("label").tolist() == [0, 0, 0, 1, 1, 1]


FAULTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "no file": ("", {"file": "none.csv"}, "no such file"),
    "no column": (IRIS, {"columns": {"features": "lenght", "label": "species"}}, "has no column `lenght`"),
    "no value": (IRIS.replace("4.9,2", ",2"), {}, "row 2 has no value in the column `length`"),
    "no text": (IRIS.replace("virginica", ""), {}, "row 2 has no value in the column `species`"),
    "no rows": ("length,width,good,species\n", {}, "has no rows"),
    "ragged": (IRIS + "1,2\n", {}, "no readable Csv file"),
    "twice": (IRIS.replace("good", "length"), {}, "two columns are called `length`"),
    "empty": ("", {}, "no readable Csv file"),
    "binary": ("\x00\x01\x02", {}, ""),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(tmp_path: Path, name: str) -> None:
    text, arguments, expected = FAULTS[name]
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(Failure) as caught:
        opened(tmp_path, "Csv", **{"file": "t.csv", "columns": FIELDS, **arguments})
    assert expected in str(caught.value)


@pytest.mark.parametrize("file", ["../secret.png", "/etc/hostname", "link/x.png"])
def test_a_table_names_no_file_outside_its_folder(tmp_path: Path, file: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path)
    (inside / "t.csv").write_text(f"image,label\n{file},0\n", encoding="utf-8")
    with pytest.raises(Failure, match="names no file below"):
        opened(inside, "Csv", ("image", "label"), file="t.csv", images=("image",))


def test_no_parquet_file(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1" + b"\x00" * 100 + b"PAR1")
    with pytest.raises(Failure, match="no readable Parquet file"):
        opened(tmp_path, "Parquet", file="t.parquet")


def test_texts_that_are_none(tmp_path: Path) -> None:
    """Found by mutating Parquet files (seed 52708): bytes that are no UTF-8 in a column of texts."""
    table = pyarrow.table({"x": [1.0, 2.0], "label": ["rose", "lily"]})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet", compression="none", use_dictionary=False)
    content = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(content.replace(b"rose", b"r\xe4se"))
    with pytest.raises(Failure, match=r"no readable Parquet file|not UTF-8|UTF8"):
        opened(tmp_path, "Parquet", ("x", "label"), file="t.parquet")


SPEC = """\
nnc: 1
name: flowers
inputs: {features: [B, 2]}
layers: [Linear(8), ReLU, Linear(3)]
data:
  fields: [features, label]
  train: {type: Csv, file: train.csv, columns: {features: [length, width], label: species}}
  test: {type: Csv, file: test.csv, columns: {features: [length, width], label: species}}
train:
  loss: CrossEntropyLoss
  optimizer: Adam(lr=0.05)
  metrics: [Accuracy]
  epochs: 30
  batch_size: 16
"""


def test_a_table_from_training_to_evaluation(tmp_path: Path) -> None:
    """The test file has two of the three classes: their numbers are those of the training data."""
    rows = [
        f"{1 + i % 3 + (i % 5) / 50},{3 - i % 3},true,{('setosa', 'versicolor', 'virginica')[i % 3]}" for i in range(60)
    ]
    head = IRIS.partition("\n")[0]
    (tmp_path / "train.csv").write_text("\n".join([head, *rows]), encoding="utf-8")
    (tmp_path / "test.csv").write_text("\n".join([head, *(r for r in rows if "setosa" not in r)]), encoding="utf-8")
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    trained = run_training(tmp_path / "spec.yaml", folder=tmp_path / "run")
    assert trained.artifact is not None
    assert run_evaluation(trained.artifact, device="cpu").quantities["accuracy"] == 1.0
    strange = (tmp_path / "test.csv").read_text().replace("virginica", "rose")
    (tmp_path / "test.csv").write_text(strange, encoding="utf-8")
    with pytest.raises(Failure, match="which no training sample has"):
        run_evaluation(trained.artifact, device="cpu")


def test_faults_of_the_section() -> None:
    (only,) = compile_text(SPEC.replace("label: species}}\n  test", "labl: species}}\n  test")).problems
    assert "there is no field `labl`" in only.message
    (only,) = compile_text(SPEC.replace("[length, width], label: species}}\n  test", "3}}\n  test")).problems
    assert "`columns` must be a mapping" in only.message
