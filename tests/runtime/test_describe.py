"""`nnc data`: what is said of a dataset is so, and the picture shows its samples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nnc.cli import main
from nnc.runtime.commands import open_spec_data
from nnc.runtime.data.describe import describe, write_grid
from nnc.runtime.data.picture import CELL, GAP, LINE, color_of
from tests.runtime.helpers import write_images

SPEC = """\
nnc: 1
name: rows
inputs: {image: [B, 1, 8, 8]}
layers: [flatten(1), Linear(3)]
data:
  train: Npz("train.npz")
  validation: 16
  classes: [top, middle, low]
  transforms:
    image:
      train: [ToImage, RandomHorizontalFlip, "ToDtype(float32, scale=True)"]
      eval: [ToImage, "ToDtype(float32, scale=True)"]
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    write_images(tmp_path / "train.npz")
    (tmp_path / "rows.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path / "rows.yaml"


def test_every_sample_is_counted(spec: Path) -> None:
    found = describe(open_spec_data(spec))
    assert [(s.name, s.samples) for s in found] == [("train", 60), ("validation", 16)]
    counts = [s.classes for s in found]
    assert counts[0] is not None
    assert counts[1] is not None
    with np.load(spec.parent / "train.npz") as arrays:
        whole = np.bincount(arrays["label"]).tolist()
        images = arrays["image"]
    assert [counts[0][n] + counts[1][n] for n in ("top", "middle", "low")] == whole
    image, label = found[0].fields
    assert (image.shape, image.dtype, label.shape, label.dtype) == ((1, 8, 8), "float32", (), "int64")
    assert (image.low, image.high) == pytest.approx((0, images.max() / 255), abs=2e-3)


def test_the_picture_shows_the_samples(spec: Path, tmp_path: Path) -> None:
    data = open_spec_data(spec, split="validation")
    write_grid(data, tmp_path / "grid.png", count=4)
    assert data.validation is not None
    batch = next(iter(data.validation.batches(torch.tensor([0, 5, 10, 15]), 4, torch.device("cpu"))))["image"]
    with Image.open(tmp_path / "grid.png") as picture:
        pixels = np.asarray(picture)[..., 0].astype(float)
    times = CELL // 8  # a pixel is so many, and a sample has a line of text below it
    for place, (row, column) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        top, left = GAP + row * (CELL + LINE + GAP), GAP + column * (CELL + GAP)
        shown = pixels[top : top + CELL, left : left + CELL][times // 2 :: times, times // 2 :: times]
        expected = batch[place, 0].numpy()
        expected = (expected - expected.min()) / (expected.max() - expected.min()) * 255
        assert np.abs(shown - expected).max() <= 1
    assert pixels.shape == (GAP + 2 * (CELL + LINE + GAP), GAP + 2 * (CELL + GAP))


def test_augmented_samples_are_those_of_the_epochs(spec: Path, tmp_path: Path) -> None:
    """A row shows one sample, flipped in some epochs and not in others."""
    data = open_spec_data(spec, split="train")
    write_grid(data, tmp_path / "grid.png", augmented=True)
    with Image.open(tmp_path / "grid.png") as picture:
        pixels = np.asarray(picture)[..., 0].astype(int)
    cells = [pixels[GAP : GAP + CELL, x : x + CELL] for x in range(GAP, GAP + 6 * (CELL + GAP), CELL + GAP)]
    assert len(cells) == 6
    same = [np.array_equal(c, cells[0]) for c in cells]
    mirrored = [np.array_equal(c[:, ::-1], cells[0]) for c in cells]
    assert all(a or b for a, b in zip(same, mirrored, strict=True))
    assert 0 < sum(same) < 6


@pytest.mark.parametrize(
    ("arrays", "body", "said"),
    [
        ({"x": "curves", "y": "normal"}, "inputs: {x: [B, 12]}\nlayers: {fc: Linear(1)}\n", "y  []    float32"),
        ({"x": "heat", "y": "labels"}, "inputs: {x: [B, 7, 9]}\nlayers: {fc: Linear(1)}\n", "  b       20  "),
        ({"x": "few", "y": "classes"}, "inputs: {x: [B, 2]}\nlayers: {fc: Linear(1)}\n", "  a        7  "),
    ],
)
def test_other_data(
    arrays: dict[str, str], body: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Curves, heat maps, numbers; regression, labels, classes."""
    random = np.random.default_rng(0)
    known = {
        "curves": random.normal(size=(20, 12)).astype(np.float32),
        "heat": random.normal(size=(20, 7, 9)).astype(np.float32),
        "few": random.normal(size=(20, 2)).astype(np.float32),
        "normal": random.normal(size=20).astype(np.float32),
        "labels": np.array([[i % 2, 1, 0] for i in range(20)], dtype=np.float32),
        "classes": np.arange(20) % 3,
    }
    np.savez(tmp_path / "a.npz", **{name: known[what] for name, what in arrays.items()})
    rest = "data: {fields: [x, y], train: 'Npz(\"a.npz\")', classes: [a, b, c]}\n"
    (tmp_path / "s.yaml").write_text("nnc: 1\n" + body + rest)
    assert main(["data", str(tmp_path / "s.yaml"), "-o", str(tmp_path / "s.png")]) == 0
    assert said in capsys.readouterr().out
    with Image.open(tmp_path / "s.png") as picture:
        assert len(set(picture.convert("L").get_flattened_data())) > 10


def test_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pos.txt").write_text("good film\nvery good\n")
    (tmp_path / "neg.txt").write_text("bad film\n")
    (tmp_path / "texts").mkdir()
    for name in ("pos", "neg"):
        (tmp_path / f"{name}.txt").rename(tmp_path / "texts" / f"{name}.txt")
    (tmp_path / "s.yaml").write_text(
        "nnc: 1\ninputs: {text: {shape: [B, T], dtype: int64}}\nlayers: {e: 'Embedding(9, 2)'}\n"
        "data: {train: 'TextFolder(\"texts\", lines=True)', transforms: {text: [Words]}}\n"
    )
    assert main(["data", str(tmp_path / "s.yaml"), "-o", str(tmp_path / "s.png")]) == 0
    assert "6 tokens known: bad film" in capsys.readouterr().out


def test_masks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    masks = np.zeros((4, 6, 6), dtype=np.uint8)
    masks[:, :3] = 1
    np.savez(tmp_path / "a.npz", image=np.zeros((4, 6, 6, 3), dtype=np.uint8), mask=masks)
    (tmp_path / "s.yaml").write_text(
        "nnc: 1\ninputs: {image: {shape: [B, 3, 6, 6], dtype: uint8}}\nlayers: {x: image * 1}\n"
        "data: {fields: [image, mask], train: 'Npz(\"a.npz\")', classes: [sky, sea], transforms: {image: [ToImage]}}\n"
    )
    assert main(["data", str(tmp_path / "s.yaml"), "-o", str(tmp_path / "s.png"), "--format", "json"]) == 0
    (facts,) = json.loads(capsys.readouterr().out)
    assert facts["shares"] == {"mask": {"sky": 0.5, "sea": 0.5}}
    with Image.open(tmp_path / "s.png") as picture:
        shown = set(picture.get_flattened_data())
    assert {color_of(0), color_of(1)} <= shown


def test_the_command(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", str(spec), "-o", str(tmp_path / "s.png"), "--format", "json"]) == 0
    train, _ = json.loads(capsys.readouterr().out)
    assert train["classes"].keys() == {"top", "middle", "low"}
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    assert main(["data", str(spec), "--split", "validation"]) == 0
    assert "validation  16 samples" in capsys.readouterr().out
    assert main(["data", str(spec), "--split", "test"]) == 1
    assert main(["data", str(spec), "-o", "s.jpg"]) == 2
    assert main(["data", str(spec), "--augmented"]) == 2


def test_a_spec_with_a_fault(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text(SPEC.replace("Linear(3)", "Linaer(3)"), encoding="utf-8")
    assert main(["data", str(spec)]) == 1
    assert "did you mean `Linear`" in capsys.readouterr().err


def test_what_does_not_fit_the_network(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text(SPEC.replace("[B, 1, 8, 8]", "[B, 3, 8, 8]"), encoding="utf-8")
    assert main(["data", str(spec)]) == 1
    assert "NNC0813" in capsys.readouterr().err
