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
from nnc.runtime.failure import Failure
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
    assert write_grid(data, tmp_path / "grid.png", count=4) == "image"
    assert data.validation is not None
    batch = next(iter(data.validation.batches(torch.arange(4), 4, torch.device("cpu"))))["image"]
    with Image.open(tmp_path / "grid.png") as picture:
        pixels = np.asarray(picture)[..., 0].astype(float)
    first = pixels[2:10, 2:10]  # the grid has a border of two
    expected = batch[0, 0].numpy()
    expected = (expected - expected.min()) / (expected.max() - expected.min()) * 255
    assert np.abs(first - expected).max() <= 1
    assert pixels.shape == (2 + 2 * 10, 2 + 2 * 10)


def test_no_field_to_draw(spec: Path, tmp_path: Path) -> None:
    spec.write_text(SPEC.replace("[B, 1, 8, 8]", "[B, 8, 8]").replace("[ToImage, ", "["), encoding="utf-8")
    text = SPEC[: SPEC.index("  transforms:")].replace("[B, 1, 8, 8]", "{shape: [B, 8, 8], dtype: uint8}")
    spec.write_text(text.replace("layers: [flatten(1), Linear(3)]", "layers: {x: image * 2}"), encoding="utf-8")
    with pytest.raises(Failure, match="no field holds images"):
        write_grid(open_spec_data(spec), tmp_path / "grid.png")


def test_the_command(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", str(spec), "-o", str(tmp_path / "s.png"), "--format", "json"]) == 0
    train, _ = json.loads(capsys.readouterr().out)
    assert train["classes"].keys() == {"top", "middle", "low"}
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    assert main(["data", str(spec), "--split", "validation"]) == 0
    assert "validation  16 samples" in capsys.readouterr().out
    assert main(["data", str(spec), "--split", "test"]) == 1
    assert main(["data", str(spec), "-o", "s.jpg"]) == 2


def test_a_spec_with_a_fault(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text(SPEC.replace("Linear(3)", "Linaer(3)"), encoding="utf-8")
    assert main(["data", str(spec)]) == 1
    assert "did you mean `Linear`" in capsys.readouterr().err


def test_what_does_not_fit_the_network(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text(SPEC.replace("[B, 1, 8, 8]", "[B, 3, 8, 8]"), encoding="utf-8")
    assert main(["data", str(spec)]) == 1
    assert "NNC0813" in capsys.readouterr().err
