"""Small parts: losses, metrics, seeds, devices, signals."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from nnc.compiler.diagnostics import Problems, Source, Span
from nnc.compiler.training.config import BoundCall, LossConfig, LossTerm, MetricConfig
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime import device
from nnc.runtime.data.checks import check_labels, feed
from nnc.runtime.evaluation.metrics import Metrics
from nnc.runtime.failure import Failure, raise_errors, reason_of
from nnc.runtime.report import finite
from nnc.runtime.signature import Signature
from nnc.runtime.training import seed
from nnc.runtime.training.interrupt import Interrupts
from nnc.runtime.training.loss import Loss, build_loss, named_outputs
from tests.runtime.helpers import IMAGES

CPU = torch.device("cpu")
SPAN = Span(Source("spec.yaml", ""), 0, 0)


def bound(group: str, name: str, **arguments: Any) -> BoundCall:
    return BoundCall(group, name, arguments, SPAN)


# -- losses ------------------------------------------------------------------------------------------------------------

GIVEN: dict[str, tuple[torch.Tensor, ...]] = {
    "CrossEntropyLoss": (torch.randn(4, 3), torch.tensor([0, 1, 2, 1])),
    "NLLLoss": (torch.randn(4, 3).log_softmax(1), torch.tensor([0, 1, 2, 1])),
    "MultiMarginLoss": (torch.randn(4, 3), torch.tensor([0, 1, 2, 1])),
    "BCELoss": (torch.rand(4, 3), torch.ones(4, 3)),
    "BCEWithLogitsLoss": (torch.randn(4, 3), torch.ones(4, 3)),
    "MultiLabelSoftMarginLoss": (torch.randn(4, 3), torch.ones(4, 3)),
    "MultiLabelMarginLoss": (torch.randn(4, 3), torch.tensor([[0, -1, -1]] * 4)),
    "CosineEmbeddingLoss": (torch.randn(4, 3), torch.randn(4, 3), torch.ones(4)),
    "MarginRankingLoss": (torch.randn(4), torch.randn(4), torch.ones(4)),
    "TripletMarginLoss": (torch.randn(4, 3), torch.randn(4, 3), torch.randn(4, 3)),
    "GaussianNLLLoss": (torch.randn(4, 3), torch.randn(4, 3), torch.rand(4, 3)),
    "CTCLoss": (
        torch.randn(9, 2, 5).log_softmax(2),
        torch.ones(2, 3, dtype=torch.long),
        torch.full((2,), 9),
        torch.full((2,), 3),
    ),
    "KLDivLoss": (torch.randn(4, 3).log_softmax(1), torch.rand(4, 3)),
}
ALIKE = (torch.randn(4, 3), torch.ones(4, 3))


@pytest.mark.filterwarnings("ignore:reduction:UserWarning")  # KLDivLoss recommends "batchmean"
@pytest.mark.parametrize("name", VOCABULARY["loss"])
def test_every_loss_is_torch_s(name: str) -> None:
    tensors = GIVEN.get(name, ALIKE)
    inputs = VOCABULARY["loss"][name].inputs
    assert len(tensors) == len(inputs)
    names = tuple(f"t{i}" for i in range(len(tensors)))
    loss = Loss(LossConfig((LossTerm(bound("loss", name), names),), SPAN), Signature(IMAGES.inputs, names[:1]), CPU)
    value, _ = loss.checked(tensors[0], dict(zip(names, tensors, strict=True)))
    assert value.ndim == 0
    assert torch.equal(value, getattr(nn, name)()(*tensors))


def test_lists_of_numbers_become_tensors() -> None:
    logits, target = torch.randn(4, 3), torch.tensor([0, 1, 2, 1])
    ours = build_loss(bound("loss", "CrossEntropyLoss", weight=(1, 2.5, 3), label_smoothing=0.1))
    theirs = nn.CrossEntropyLoss(weight=torch.tensor([1, 2.5, 3]), label_smoothing=0.1)
    assert torch.equal(ours(logits, target), theirs(logits, target))
    assert list(ours.state_dict()) == ["weight"]


def test_outputs_in_every_form() -> None:
    a, b = torch.zeros(1), torch.ones(1)
    assert named_outputs(a, ("x",)) == {"x": a}
    assert named_outputs({"x": a, "y": b}, ("x", "y")) == {"x": a, "y": b}
    assert named_outputs((a, b), ("x", "y")) == {"x": a, "y": b}


# -- metrics -----------------------------------------------------------------------------------------------------------


def measured(name: str, batches: list[tuple[torch.Tensor, torch.Tensor]], **arguments: Any) -> float:
    config = MetricConfig("m", bound("metric", name, **arguments), ("output", "label"), "max")
    metrics = Metrics((config,), IMAGES, CPU)
    for output, label in batches:
        metrics.update(output, {"label": label})
    return metrics.compute()["m"]


@given(st.integers(1, 30), st.integers(1, 8), st.integers(1, 10), st.integers(0, 1000))
def test_accuracy_counts(count: int, classes: int, top_k: int, number: int) -> None:
    generator = torch.Generator().manual_seed(number)
    scores = torch.randn(count, classes, generator=generator)
    labels = torch.randint(classes, (count,), generator=generator)
    expected = sum(int((row > row[y]).sum() < top_k) for row, y in zip(scores, labels, strict=True)) / count
    parts = list(zip(scores.split(4), labels.split(4), strict=True))  # type: ignore[no-untyped-call]  # torch's own
    assert measured("Accuracy", parts, top_k=top_k) == pytest.approx(expected)


def test_accuracy_of_pixels() -> None:
    scores = torch.tensor([[[0.9, 0.1], [0.2, 0.3]], [[0.1, 0.9], [0.8, 0.7]]]).permute(1, 0, 2)[
        None
    ]  # (1, C=2, H=2, W=2)
    assert scores.shape == (1, 2, 2, 2)
    labels = scores.argmax(1)
    labels[0, 0, 0] = 1 - labels[0, 0, 0]
    assert measured("Accuracy", [(scores, labels)]) == 0.75


def test_errors_are_means_over_all_elements() -> None:
    batches = [
        (torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 0.0]])),
        (torch.tensor([[3.0, 3.0]] * 2), torch.zeros(2, 2)),
    ]
    assert measured("MeanAbsoluteError", batches) == pytest.approx((1 + 2 + 3 * 4) / 6)
    assert measured("MeanSquaredError", batches) == pytest.approx((1 + 4 + 9 * 4) / 6)


def test_an_error_that_says_nothing_is_called_by_its_kind() -> None:
    assert reason_of(ValueError()) == "ValueError"
    assert reason_of(RuntimeError("  \n")) == "RuntimeError"
    assert reason_of(RuntimeError("shapes differ\nat line 3")) == "shapes differ"


@pytest.mark.parametrize("shapes", [((4,), (5,)), ((4, 3), (4, 2)), ((4, 3), (5,)), ((4, 3), ())])
def test_a_metric_says_what_it_cannot_take(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(Failure, match="Accuracy cannot take"):
        measured("Accuracy", [(torch.zeros(shapes[0]), torch.zeros(shapes[1], dtype=torch.long))])


# -- data against network ----------------------------------------------------------------------------------------------


def test_which_field_feeds_which_input() -> None:
    kind = IMAGES.inputs["x"]
    assert feed(Signature({"x": kind}), ("image", "label")) == {"x": "image"}
    assert feed(Signature({"b": kind, "a": kind}), ("a", "b", "label")) == {"b": "b", "a": "a"}
    assert feed(Signature({"x": kind, "y": kind}), ("a", "b", "label")) == {"x": "a", "y": "b"}
    for fields in (("x", "label"), ("a",)):
        with pytest.raises(Failure, match="cannot be told"):
            feed(Signature({"x": kind, "y": kind}), fields)


@pytest.mark.parametrize(
    ("labels", "fits"),
    [([0, 2], True), ([0, 3], False), ([-1, 0], False), ([-100, 0], True), ([], True), ([-100], True)],
)
def test_labels(labels: list[int], fits: bool) -> None:
    problems = Problems()
    check_labels(torch.tensor(labels, dtype=torch.long), 3, -100, "label", SPAN, problems)
    assert (not problems.found) == fits


# -- seeds, devices, signals -------------------------------------------------------------------------------------------


def test_streams_are_functions_of_their_names() -> None:
    assert seed.derive(1, "order", 2) == seed.derive(1, "order", 2)
    streams = {
        seed.derive(s, *path) for s in (0, 1) for path in (("order", 1), ("order", 2), ("order/1",), ("augment", 1), ())
    }
    assert len(streams) == 10
    assert all(0 <= s < 2**63 for s in streams)


def test_every_generator_is_captured() -> None:
    import random

    import numpy as np

    seed.seed_everything(3)
    np.random.normal()
    random.gauss(0, 1)
    state = seed.capture(CPU)
    first = (torch.rand(3).tolist(), np.random.normal(), random.gauss(0, 1))
    seed.seed_everything(4)
    seed.restore(state, CPU)
    assert (torch.rand(3).tolist(), np.random.normal(), random.gauss(0, 1)) == first


def test_devices() -> None:
    assert device.resolve("cpu") == CPU
    assert device.resolve("auto").type in ("cpu", "cuda", "mps")
    assert device.describe(CPU).startswith("cpu (")
    for name in ("gpu", "cuda:x", "cpu:1", "cuda:99", "", "cuda:-1", "mps:0"):
        with pytest.raises(Failure) as caught:
            device.resolve(name)
        assert caught.value.code == "NNC0818"


def test_auto_prefers_cuda_then_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    for cuda, mps, expected in ((True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda mps=mps: mps)
        assert device.resolve("auto").type == expected


def test_a_signal_is_a_wish_and_a_second_one_an_order() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        assert interrupts.requested is None
        signal.raise_signal(signal.SIGINT)
        requested: signal.Signals | None = interrupts.requested
        assert requested is signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_no_signal_is_caught() -> None:
    found: list[Any] = []

    def work() -> None:
        with Interrupts() as interrupts:
            found.append(interrupts.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [None]


def test_failures_are_data() -> None:
    problems = Problems()
    problems.warning("NNC0816", SPAN, "only a warning")
    raise_errors(problems)
    problems.error("NNC0813", SPAN, "first", notes=("advice",))
    problems.error("NNC0815", SPAN, "second")
    with pytest.raises(Failure) as caught:
        raise_errors(problems)
    assert [d.code for d in caught.value.diagnostics] == ["NNC0813", "NNC0815"]
    assert "advice" in str(caught.value)
    assert str(Failure("NNC0903", "a/b.c", "cannot be written")) == "a/b.c:1:1: error: [NNC0903] cannot be written"


def test_json_without_nan() -> None:
    assert finite({"a": [1.5, float("nan"), {"b": (float("inf"), None, "x")}]}) == {
        "a": [1.5, "nan", {"b": ["inf", None, "x"]}]
    }
