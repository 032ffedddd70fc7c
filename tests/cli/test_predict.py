"""`nnc predict` as a command: exit codes, files that appear whole, standard input, CSV, masks."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnc.cli.exits import FINDINGS, MISUSE, OK

TABLE = """\
nnc: 1
name: kinds
inputs: {features: [B, 2], color: {shape: [B], dtype: int64}}
layers:
  seen: {type: "Embedding(2, 2)", from: color}
  both: cat([features, seen], 1)
  fc: Linear(2)
data:
  fields: [features, color, label]
  train: {type: Csv, file: t.csv, columns: {features: [len, wid], color: color, label: kind}}
train: {loss: CrossEntropyLoss, optimizer: Adam(lr=0.1), epochs: 4, batch_size: 8}
"""
SEGMENTS = """\
nnc: 1
name: boxes
inputs: {image: [B, 3, H, W]}
layers: {score: "Conv2d(2, 1)"}
data:
  fields: [image, mask]
  train: Npz("boxes.npz")
  classes: [ground, box]
  transforms:
    image, mask: {train: [ToImage, RandomHorizontalFlip], eval: [ToImage]}
    image: ["ToDtype(float32, scale=True)"]
train: {loss: CrossEntropyLoss, optimizer: Adam(lr=0.3), epochs: 20, batch_size: 4}
"""


@pytest.fixture
def table(nnc, folder: Path) -> str:
    random = np.random.default_rng(0)
    rows = [[*random.normal(size=2).round(3), ("red", "blue")[i % 2]] for i in range(40)]
    lines = [f"{i},{a},{b},{c},{'pos' if a + b > 0 else 'neg'}" for i, (a, b, c) in enumerate(rows)]
    (folder / "t.csv").write_text("\n".join(["id,len,wid,color,kind", *lines]) + "\n")
    (folder / "kinds.yaml").write_text(TABLE)
    assert nnc("train", "kinds.yaml", "--run-dir", "run", "--device", "cpu").code == OK
    return "run"


def test_the_table_that_it_was_trained_on(nnc, folder: Path, table: str) -> None:
    """Columns by name, texts as the classes that they were, in training and now."""
    done = nnc("predict", table, "t.csv", "--format", "csv", "--probabilities")
    assert done.code == OK
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [r["sample"] for r in rows] == [str(i) for i in range(40)]
    assert set(rows[0]) == {
        "input", "sample", "class", "index", "probability", "probabilities.neg", "probabilities.pos",
    }  # fmt: skip
    with (folder / "t.csv").open() as stream:
        truth = [r["kind"] for r in csv.DictReader(stream)]
    assert sum(r["class"] == t for r, t in zip(rows, truth, strict=True)) > 30


def test_a_file_of_results_is_whole_or_not_there(nnc, folder: Path, table: str) -> None:
    (folder / "broken.csv").write_text("len,wid,color\n1,2,red\n1,2,green\n3,4,blue\n")
    failed = nnc("predict", table, "broken.csv", "-o", "out.jsonl")
    assert failed.code == FINDINGS
    assert "broken.csv, line 3" in failed.err
    assert not (folder / "out.jsonl").exists()
    assert not list(folder.glob(".tmp-*"))
    skipped = nnc("predict", table, "broken.csv", "nowhere.csv", "-o", "out.jsonl", "--on-error", "skip")
    assert skipped.code == FINDINGS
    assert "2 inputs passed over" in skipped.err
    assert "nowhere.csv" in skipped.err
    results = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert [r["sample"] for r in results] == [0, 2]
    assert nnc("predict", table, "t.csv", "-o", "t.csv/x.jsonl").code == MISUSE


def test_standard_input(nnc, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = b'{"features": [1, 2], "color": "red", "id": 5}\n{"features": [-1, -2], "color": "blue"}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    done = nnc("predict", table, "-")
    assert done.code == OK
    first, second = map(json.loads, done.out.splitlines())
    assert (first["id"], first["class"], second["class"]) == (5, "pos", "neg")


def test_standard_input_is_read_once(nnc, table: str) -> None:
    assert nnc("predict", table, "-", "-").code == MISUSE


def test_masks(nnc, folder: Path) -> None:
    random = np.random.default_rng(0)
    masks = np.zeros((8, 6, 9), dtype=np.uint8)
    for mask in masks:
        at = random.integers(0, 4)
        mask[at : at + 3, at : at + 4] = 1
    images = (masks[..., None] * 200 + random.integers(0, 30, (8, 6, 9, 3))).astype(np.uint8)
    np.savez(folder / "boxes.npz", image=images, mask=masks)
    (folder / "boxes.yaml").write_text(SEGMENTS)
    assert nnc("train", "boxes.yaml", "--run-dir", "run", "--device", "cpu").code == OK
    (folder / "photos" / "deep").mkdir(parents=True)
    Image.fromarray(images[0]).save(folder / "photos" / "a.png")
    Image.fromarray(images[1]).save(folder / "photos" / "deep" / "b.png")
    done = nnc("predict", "run", "photos", "--masks", "masks")
    assert done.code == OK
    first, second = map(json.loads, done.out.splitlines())
    assert first["mask"] == "masks/photos/a.png"
    assert first["shares"]["box"] == pytest.approx(12 / 54)
    for result, truth in ((first, masks[0]), (second, masks[1])):
        with Image.open(folder / result["mask"]) as picture:
            assert np.array_equal(np.asarray(picture), truth)
    assert "mask" not in json.loads(nnc("predict", "run", "photos/a.png").out)
