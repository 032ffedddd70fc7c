"""What a mean over targets divides by: with sequences that were filled up, ignored classes and weights, the loss of batches of
any size, in a step or in an average, is that of one large batch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from nnc.compiler.training.config import LossConfig, LossTerm
from nnc.runtime.commands import run_evaluation, run_training
from nnc.runtime.evaluation.metrics import LossAverage
from nnc.runtime.training.loss import Loss
from tests.runtime.helpers import IMAGES
from tests.runtime.test_parts import SPAN, bound
from tests.runtime.test_sequences import EXAMPLES, LINES


def counted_loss(arguments: dict[str, Any], name: str = "CrossEntropyLoss") -> Loss:
    config = LossConfig((LossTerm(bound("loss", name, **arguments), ("output", "label")),), SPAN)
    return Loss(config, IMAGES, torch.device("cpu"))


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss"])
@pytest.mark.parametrize(
    "arguments", [{}, {"weight": (1.0, 2.0, 0.5)}, {"ignore_index": 1}, {"weight": (3.0, 1.0, 1.0), "ignore_index": 0}]
)
@pytest.mark.parametrize("ndim", [1, 2])
def test_batches_of_any_size_make_the_mean_of_all(name: str, arguments: dict[str, Any], ndim: int) -> None:
    """Targets that are ignored, and those filled in behind a sequence, count for nothing; a class counts by its weight."""
    random = torch.Generator().manual_seed(ndim)
    shape = (12,) if ndim == 1 else (12, 5)
    target = torch.randint(0, 3, shape, generator=random)
    if ndim == 2:
        target[torch.arange(5) >= torch.randint(1, 6, (12, 1), generator=random)] = arguments.get("ignore_index", -100)
    scores = torch.randn((12, 3, *shape[1:]), generator=random, dtype=torch.float64).log_softmax(1)
    loss = counted_loss(arguments, name)
    for part in loss._parts:
        part._module.double()  # type: ignore[attr-defined]  # a term's
    average = LossAverage(loss, torch.device("cpu"))
    pieces = [slice(0, 3), slice(3, 10), slice(10, 12)]
    batches = [{"label": target[p]} for p in pieces]
    total = torch.zeros((), dtype=torch.float64)
    sizes = [loss.counted(b) for b in batches]
    whole = {n: sum(s[n] for s in sizes) for n in sizes[0]}
    for part_of, batch, size in zip(pieces, batches, sizes, strict=True):
        rows = len(batch["label"])
        shares = {n: size[n] / whole[n] for n in whole}
        value, terms = loss(scores[part_of], batch, rows / 12, shares)
        total += value
        average.add(terms, rows, size)
    expected, _ = loss(scores, {"label": target})
    assert torch.allclose(total, expected, rtol=1e-6)
    assert average.compute()["loss"] == pytest.approx(float(expected), rel=1e-12)


def lines(folder: Path, batch_size: int, accumulate: int) -> Path:
    """Lines of very different length, the long ones last."""
    sentences = (EXAMPLES / "sentences.txt").read_text(encoding="utf-8").splitlines()[:48]
    mixed = [s if i % 2 else s[: 4 + i % 5] for i, s in enumerate(sentences)]
    (folder / "sentences.txt").write_text("\n".join(sorted(mixed, key=len)) + "\n", encoding="utf-8")
    text = LINES.replace("validation: {folds: 4, fold: 2}", "validation: 8").replace("Adam(lr=0.01)", "SGD(lr=0.5)")
    changed = f"batch_size: {batch_size}, accumulate: {accumulate}, shuffle: false"
    path = folder / f"{batch_size}.yaml"
    path.write_text(text.replace("batch_size: 32", changed), encoding="utf-8")
    return path


def test_accumulated_sequences_make_the_step_of_one_batch(tmp_path: Path) -> None:
    large = run_training(lines(tmp_path, 40, 1), folder=tmp_path / "large", epochs=3)
    small = run_training(lines(tmp_path, 10, 4), folder=tmp_path / "small", epochs=3)
    assert large.result.step == small.result.step == 3
    for name, tensor in large.model.state_dict().items():
        assert torch.allclose(tensor, small.model.state_dict()[name], rtol=1e-4, atol=1e-6), name
    ours, theirs = (json.loads((tmp_path / n / "log.jsonl").read_text().splitlines()[0]) for n in ("small", "large"))
    for part in ("train", "validation"):
        assert ours[part]["loss"] == pytest.approx(theirs[part]["loss"], rel=1e-5)


def test_the_loss_of_a_split_does_not_depend_on_batches(tmp_path: Path) -> None:
    run_training(lines(tmp_path, 40, 1), folder=tmp_path / "run", epochs=1)
    document = json.loads((tmp_path / "run" / "run.json").read_text())
    found = set()
    for size in (1, 7, 40):
        document["spec"]["train"]["batch_size"] = size
        (tmp_path / "run" / "run.json").write_text(json.dumps(document))
        found.add(round(run_evaluation(tmp_path / "run", split="train", device="cpu").quantities["loss"], 5))
    assert len(found) == 1
