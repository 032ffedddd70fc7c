"""What was taken for what, counted by hand beside it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import torch

from nnc.cli import main
from nnc.runtime.commands import run_evaluation, run_training
from nnc.runtime.data import open_data
from nnc.runtime.evaluation.classes import ClassReport
from nnc.runtime.failure import Failure
from tests.runtime.helpers import read, write_images
from tests.runtime.test_runs import SPEC

NAMED = SPEC.replace("  validation: 12\n", "  validation: 12\n  classes: [top, middle, low]\n")


def test_the_matrix_counts(tmp_path: Path) -> None:
    write_images(tmp_path / "train.npz")
    (tmp_path / "rows.yaml").write_text(NAMED.replace("lr=1e-2", "lr=1e-3"), encoding="utf-8")
    trained = run_training(tmp_path / "rows.yaml", folder=tmp_path / "run", epochs=1)
    assert trained.artifact is not None
    found = run_evaluation(trained.artifact, device="cpu", classes=True)
    assert found.classes is not None
    config, _ = read(NAMED[NAMED.index("data:") :])
    split = open_data(config, tmp_path).validation
    assert split is not None
    batch = next(iter(split.batches(torch.arange(12), 12, torch.device("cpu"))))
    with torch.no_grad():
        guess = trained.model.eval()(batch["image"]).argmax(1).tolist()
    counted = Counter(zip(batch["label"].tolist(), guess, strict=True))
    assert found.classes.matrix == tuple(tuple(counted[i, j] for j in range(3)) for i in range(3))
    assert found.classes.names == ("top", "middle", "low")
    right = sum(found.classes.matrix[i][i] for i in range(3))
    assert found.quantities["accuracy"] == pytest.approx(right / 12)


def test_precision_recall_and_f1() -> None:
    report = ClassReport(("a", "b", "c"), ((3, 1, 0), (1, 5, 0), (0, 0, 0)))
    assert report.of(0) == (0.75, 0.75, 0.75, 4)
    assert report.of(1)[:2] == pytest.approx((5 / 6, 5 / 6))
    assert report.of(2) == (0.0, 0.0, 0.0, 0)


def test_a_loss_without_classes(tmp_path: Path) -> None:
    write_images(tmp_path / "train.npz")
    text = NAMED.replace("loss: CrossEntropyLoss", 'loss: {layers: {total: "cross_entropy(output, label)"}}')
    (tmp_path / "rows.yaml").write_text(text, encoding="utf-8")
    trained = run_training(tmp_path / "rows.yaml", folder=tmp_path / "run", epochs=1)
    assert trained.artifact is not None
    with pytest.raises(Failure, match="nothing to confuse"):
        run_evaluation(trained.artifact, device="cpu", classes=True)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_images(tmp_path / "train.npz")
    (tmp_path / "rows.yaml").write_text(NAMED, encoding="utf-8")
    trained = run_training(tmp_path / "rows.yaml", folder=tmp_path / "run", epochs=1)
    assert trained.artifact is not None
    artifact = str(trained.artifact)
    assert main(["eval", artifact, "--classes", "--confusion", str(tmp_path / "c.svg")]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[-3:]] == ["top", "middle", "low"]
    assert "<svg" in (tmp_path / "c.svg").read_text()
    assert main(["eval", artifact, "--classes", "--format", "json"]) == 0
    assert sum(map(sum, json.loads(capsys.readouterr().out)["confusion"])) == 12
    assert main(["eval", artifact, "--confusion", "c.bmp"]) == 2
