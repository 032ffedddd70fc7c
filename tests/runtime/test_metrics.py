"""Metrics against torchmetrics called by hand with the task said: what is read off the tensors is read right."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torchmetrics.classification as classification
import torchmetrics.image as image
import torchmetrics.regression as regression
from torch import Tensor

from nnc.compiler.training.config import MetricConfig
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.evaluation.metrics import Metrics
from nnc.runtime.failure import Failure
from tests.runtime.helpers import IMAGES
from tests.runtime.test_parts import bound

CPU = torch.device("cpu")
CLASSES = [n for n, d in VOCABULARY["metric"].items() if "classes" in d.traits and n != "Perplexity"]
NUMBERS = [n for n in VOCABULARY["metric"] if hasattr(regression, n)]


def measured(
    name: str, batches: list[tuple[Tensor, Tensor]], scores: str = "", ignored: int | None = None, **arguments: Any
) -> float:
    config = MetricConfig("m", bound("metric", name, **arguments), ("output", "label"), "max", scores, ignored)
    metrics = Metrics((config,), IMAGES, CPU)
    for output, label in batches:
        metrics.update(output, {"label": label})
    return metrics.compute()["m"]


def expected(metric: Any, batches: list[tuple[Tensor, Tensor]]) -> float:
    for output, label in batches:
        metric.update(output, label)
    return float(metric.compute())


def split(output: Tensor, label: Tensor) -> list[tuple[Tensor, Tensor]]:
    return list(zip(output.split(7), label.split(7), strict=True))  # type: ignore[no-untyped-call]  # torch's own


@pytest.mark.parametrize("name", [n for n in CLASSES if n != "ExactMatch"])
def test_logits_of_classes(name: str) -> None:
    torch.manual_seed(0)
    logits, label = (
        torch.rand(40, 5),
        torch.randint(5, (40,)),
    )  # all in [0, 1]: torchmetrics would take them as they are
    label[3:6] = -100
    metric = getattr(classification, name)(task="multiclass", num_classes=5, ignore_index=-100)
    found = measured(name, split(logits, label), "logits", -100)
    assert found == pytest.approx(expected(metric, split(logits.softmax(1), label)), abs=1e-6)


@pytest.mark.parametrize("shape", [(40,), (40, 1)])
@pytest.mark.parametrize("name", [n for n in CLASSES if n != "ExactMatch"])
def test_logits_of_two_classes(name: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    logits, label = torch.rand(shape) - 0.3, torch.randint(2, shape).float()
    metric = getattr(classification, name)(task="binary")
    found = measured(name, split(logits, label), "binary_logits")
    assert found == pytest.approx(
        expected(metric, split(logits.sigmoid().reshape(-1), label.reshape(-1).long())), abs=1e-6
    )


@pytest.mark.parametrize("name", [n for n in CLASSES if n not in ("CohenKappa", "CalibrationError")])
def test_logits_of_several_labels(name: str) -> None:
    torch.manual_seed(0)
    logits, label = torch.rand(40, 4) - 0.3, torch.randint(2, (40, 4)).float()
    metric = getattr(classification, name)(task="multilabel", num_labels=4)
    found = measured(name, split(logits, label), "binary_logits")
    assert found == pytest.approx(expected(metric, split(logits.sigmoid(), label.long())), abs=1e-6)


@pytest.mark.filterwarnings("ignore:Metric `SpearmanCorrcoef` will save:UserWarning")
@pytest.mark.parametrize(
    ("name", "columns"),
    [(n, c) for n in NUMBERS for c in (0, 3) if c or n != "CosineSimilarity"],  # angles are of vectors
)
def test_numbers(name: str, columns: int) -> None:
    torch.manual_seed(0)
    shape = (40, columns) if columns else (40,)
    output, target = torch.rand(shape), torch.rand(shape)
    arguments: dict[str, Any] = {"p": 3} if name == "MinkowskiDistance" else {}
    several = name in ("PearsonCorrCoef", "SpearmanCorrCoef", "ConcordanceCorrCoef", "LogCoshError") and columns
    more = {"num_outputs": columns} if several else {"reduction": "mean"} if name == "CosineSimilarity" else {}
    metric = getattr(regression, name)(**arguments, **more)
    for a, b in split(output, target):
        metric.update(a, b)
    found = measured(name, split(output, target), **arguments)
    assert found == pytest.approx(float(metric.compute().mean()), abs=1e-5)


def test_images() -> None:
    torch.manual_seed(0)
    a, b = torch.rand(20, 1, 16, 16), torch.rand(20, 1, 16, 16)
    for name in ("PeakSignalNoiseRatio", "StructuralSimilarityIndexMeasure"):
        theirs = expected(getattr(image, name)(data_range=1.0), split(a, b))
        assert measured(name, split(a, b), data_range=1.0) == pytest.approx(theirs, abs=1e-5)


def test_perplexity_is_the_exponential_of_the_cross_entropy() -> None:
    torch.manual_seed(0)
    logits, tokens = torch.randn(6, 9, 5), torch.randint(9, (6, 5))  # (N, C, T), (N, T)
    tokens[0, :2] = -100
    loss = torch.nn.functional.cross_entropy(logits, tokens)
    assert measured("Perplexity", split(logits, tokens), "logits", -100) == pytest.approx(math.exp(loss), rel=1e-5)


def test_the_task_can_be_said() -> None:
    """Two numbers for each sample are two labels, unless someone says what they are."""
    torch.manual_seed(0)
    scores, target = torch.rand(9, 4, 4), torch.randint(2, (9, 4, 4))
    whole = measured("Accuracy", [(scores, target)], task="binary")
    assert whole == pytest.approx(float(((scores > 0.5) == target).float().mean()), abs=1e-6)


def test_another_task_than_the_tensors_have() -> None:
    with pytest.raises(Failure, match="Accuracy cannot take"):
        measured("Accuracy", [(torch.rand(4), torch.zeros(4, dtype=torch.long))], task="multiclass")


def test_the_comparison_can_fail() -> None:
    torch.manual_seed(0)
    logits, label = torch.rand(40, 5), torch.randint(5, (40,))
    raw = measured("AUROC", [(logits, label)], "")
    assert raw != pytest.approx(measured("AUROC", [(logits, label)], "logits"), abs=1e-4)
