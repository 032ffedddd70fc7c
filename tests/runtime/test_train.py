"""The loop: it learns, it says what does not fit before it begins, and it computes what a hand-written one does."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nnc.compiler.types.demands import Demand, Relation
from nnc.compiler.types.dim import size
from nnc.compiler.types.tensor import TensorType
from nnc.runtime.data import open_data
from nnc.runtime.data.splits import order_of
from nnc.runtime.evaluation.evaluate import evaluate
from nnc.runtime.failure import Failure
from nnc.runtime.report import Lines, Live, Reporter, reporter_for
from nnc.runtime.signature import Signature
from nnc.runtime.training.optimize import build_optimizer
from nnc.runtime.training.state import Best
from nnc.runtime.training.unfreezing import trained
from tests.runtime.helpers import DATA, DIGITS, IMAGES, MNIST, TRAIN, network, read, run, same_state, write_images

CPU = torch.device("cpu")


def convolutional(channels: int = 32) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(channels, 2 * channels, 3, padding=1), nn.BatchNorm2d(2 * channels), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
        nn.Flatten(), nn.Linear(8 * channels, 10),
    )  # fmt: skip


def lenet() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


# -- it learns ---------------------------------------------------------------------------------------------------------


def test_digits_are_told_apart(tmp_path: Path) -> None:
    """At least 0.98 of the test images, which training has not seen, in seconds."""
    text = f"""
    data:
      train: Npz("{DIGITS}", ["train_images", "train_labels"])
      test: Npz("{DIGITS}", ["test_images", "test_labels"])
      validation: 0.1
      transforms:
        image: [ToImage, ToDtype(float32), "Normalize([4.9], [6.0])"]
    train:
      loss: CrossEntropyLoss
      optimizer: AdamW(lr=3e-3)
      scheduler: OneCycleLR(1e-2, total_steps=steps)
      metrics: [Accuracy]
      epochs: 12
      batch_size: 64
    """
    result, model = run(tmp_path / "run", text, module=convolutional())
    data_config, config = read(text)
    test = open_data(data_config, tmp_path, ("test",)).test
    assert test is not None
    found = evaluate(model, test, config, signature=IMAGES, feeding={"x": "image"}, device=CPU)
    assert found is not None
    assert found["accuracy"] >= 0.98
    assert result.elapsed < 60
    assert result.best is not None
    assert result.best.quantity == "validation.accuracy"


@pytest.mark.skipif(not MNIST.exists(), reason="needs ../shared/data/mnist-10k")
def test_mnist(tmp_path: Path) -> None:
    text = f"""
    data:
      train: MNIST("{MNIST}")
      test: MNIST("{MNIST}", train=False)
      transforms:
        image: [ToImage, "ToDtype(float32, scale=True)", "Normalize([0.1307], [0.3081])"]
    train: {{loss: CrossEntropyLoss, optimizer: "SGD(0.05, momentum=0.9)", metrics: [Accuracy], epochs: 2}}
    """
    signature = Signature({"x": TensorType((size("B"), 1, 28, 28))})
    _, model = run(tmp_path / "run", text, module=lenet(), signature=signature)
    data_config, config = read(text)
    test = open_data(data_config, tmp_path, ("test",)).test
    assert test is not None
    found = evaluate(model, test, config, signature=signature, feeding={"x": "image"}, device=CPU)
    assert found is not None
    assert found["accuracy"] > 0.95


def test_it_computes_what_a_hand_written_loop_does(tmp_path: Path) -> None:
    """Bit-equal weights after three epochs, with clipping, groups, schedule, and a last batch that is smaller."""
    text = (
        DATA
        + TRAIN.replace(
            "optimizer: AdamW(lr=1e-2)",
            "optimizer: {type: 'SGD(0.1, momentum=0.9)', groups: [{match: '*.bias', weight_decay: 0.1}]}",
        )
        + "      clip_grad_norm: 0.5\n      scheduler: StepLR(1, gamma=0.5)\n"
    )
    _, ours = run(tmp_path / "run", text)
    data_config, _ = read(text)
    data = open_data(data_config, tmp_path)
    assert data.train is not None
    theirs, lossf = network(), nn.CrossEntropyLoss()
    weights = [p for n, p in theirs.named_parameters() if not n.endswith(".bias")]
    biases = [p for n, p in theirs.named_parameters() if n.endswith(".bias")]
    groups: list[dict[str, Any]] = [{"params": weights}, {"params": biases, "weight_decay": 0.1}]
    optimizer = torch.optim.SGD(groups, 0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    from nnc.runtime.training import seed

    seed.seed_everything(7)
    for epoch in (1, 2, 3):
        for batch in data.train.batches(order_of(64, 7, epoch, shuffle=True), 16, CPU):
            optimizer.zero_grad()
            lossf(theirs(batch["image"]), batch["label"]).backward()
            nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
            optimizer.step()
        scheduler.step()
    assert same_state(ours.state_dict(), theirs.state_dict())


def test_the_losses_are_averages_over_samples(tmp_path: Path) -> None:
    """With a last batch that is smaller: 64 samples in batches of 24."""
    text = DATA + TRAIN.replace("batch_size: 16", "batch_size: 24").replace("AdamW(lr=1e-2)", "SGD(0.0)")
    still = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    result, _ = run(tmp_path / "run", text, module=still)
    data = open_data(read(text)[0], tmp_path)
    assert data.train is not None
    batch = next(iter(data.train.batches(torch.arange(64), 64, CPU)))
    expected = nn.functional.cross_entropy(still(batch["image"]), batch["label"])
    assert result.quantities["train.loss"] == pytest.approx(expected.item(), rel=1e-6)
    summed, _ = run(
        tmp_path / "sum", text.replace("CrossEntropyLoss", 'CrossEntropyLoss(reduction="sum")'), module=still
    )
    assert summed.quantities["train.loss"] == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision(tmp_path: Path, precision: str) -> None:
    result, model = run(tmp_path / "run", DATA + TRAIN + f"      precision: {precision}\n")
    assert math.isfinite(result.quantities["train.loss"])
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert not same_state(model.state_dict(), run(tmp_path / "whole")[1].state_dict())


def test_several_outputs_and_a_loss_of_named_tensors(tmp_path: Path) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(64, 3)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"features": x.flatten(1), "logits": self.fc(x.flatten(1))}

    text = DATA + TRAIN.replace(
        "loss: CrossEntropyLoss", "loss: {type: CrossEntropyLoss, from: [logits, label]}"
    ).replace("metrics: [Accuracy]", "metrics: {right: {type: Accuracy, from: [logits, label]}}")
    from nnc.runtime.training.loop import train

    write_images(tmp_path / "train.npz")
    data_config, config = read(text, outputs=("features", "logits"))
    signature = Signature(IMAGES.inputs, ("features", "logits"))
    result = train(
        Two(),
        config,
        open_data(data_config, tmp_path),
        tmp_path / "run",
        signature=signature,
        data_config=data_config,
        device="cpu",
    )
    assert result.quantities["validation.right"] > 0.5


# -- the best one ------------------------------------------------------------------------------------------------------


def test_which_is_better() -> None:
    best = Best("validation.accuracy", 0.9, 0.5, 3)
    assert best.beaten_by(0.91, 9.0, "max")
    assert not best.beaten_by(0.89, 0.1, "max")
    assert best.beaten_by(0.9, 0.4, "max"), "of equal accuracies, the lower loss"
    assert not best.beaten_by(0.9, 0.5, "max")
    assert best.beaten_by(0.89, 9.0, "min")
    nan = float("nan")
    assert not best.beaten_by(nan, nan, "max")
    assert Best("train.loss", nan, nan, 1).beaten_by(5.0, 5.0, "min")


def test_the_best_checkpoint_has_the_best_weights(tmp_path: Path) -> None:
    from nnc.runtime.saving.checkpoint import CheckpointFolder

    text = DATA + TRAIN.replace("epochs: 3", "epochs: 6").replace("AdamW(lr=1e-2)", "SGD(0.1)")
    result, model = run(tmp_path / "run", text)
    assert result.best is not None
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    accuracies = [r["validation"]["accuracy"] for r in log]
    assert result.best.value == max(accuracies)
    assert accuracies[result.best.epoch - 1] == max(accuracies)
    saved = CheckpointFolder(tmp_path / "run" / "checkpoints").load(result.best.checkpoint)
    model.load_state_dict(dict(saved.model))
    data_config, config = read(text)
    validation = open_data(data_config, tmp_path).validation
    assert validation is not None
    found = evaluate(model, validation, config, signature=IMAGES, feeding={"x": "image"}, device=CPU)
    assert found is not None
    assert found["accuracy"] == result.best.value


def test_what_is_not_finite_is_in_the_log(tmp_path: Path) -> None:
    run(tmp_path / "run", DATA + TRAIN.replace("AdamW(lr=1e-2)", "SGD(1e38)") + "      non_finite: ignore\n")
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert "NaN" not in "".join(lines)
    assert json.loads(lines[-1])["train"]["loss"] in ("nan", "inf")


# -- what does not fit, before the first step --------------------------------------------------------------------------


def failure(tmp_path: Path, text: str = DATA + TRAIN, **options: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        run(tmp_path / "run", text, **options)
    assert not (tmp_path / "run" / "log.jsonl").exists()
    return caught.value


def test_missing_channels(tmp_path: Path) -> None:
    found = failure(tmp_path, DATA.replace("- ToImage\n", "- Identity\n") + TRAIN)
    (only,) = found.diagnostics
    assert only.code == "NNC0813"
    assert only.span.line == 5  # `transforms:`
    assert only.message == "`image` is 3-D [16, 8, 8], and the input `x` takes 4-D [B, 1, 8, 8]"
    assert only.notes == ("ToImage gives an image its channels",)


def test_a_wrong_size(tmp_path: Path) -> None:
    found = failure(tmp_path, signature=Signature({"x": TensorType((size("B"), 1, 8, 9))}))
    assert "dimension 3 is 8, not 9" in str(found)


def test_a_wrong_dtype(tmp_path: Path) -> None:
    text = DATA.replace("- ToDtype(float32)\n          - Normalize([8.0], [6.0])", "- Identity")
    (only,) = failure(tmp_path, text + TRAIN).diagnostics
    assert only.message == "`image` is uint8, and the input `x` takes float32"
    assert only.notes == ("add ToDtype(float32, scale=True) to its transforms",)


def test_sizes_that_must_be_equal(tmp_path: Path) -> None:
    side = size("S")
    write_images(tmp_path / "train.npz")
    arrays = dict(np.load(tmp_path / "train.npz"))
    np.savez(tmp_path / "train.npz", image=arrays["image"][:, :, :6], label=arrays["label"])
    found = failure(tmp_path, signature=Signature({"x": TensorType((size("B"), 1, side, side))}))
    assert "dimension 3 is 6, not S = 8" in str(found)


def test_what_the_network_requires(tmp_path: Path) -> None:
    height = size("H")
    demand = Demand(Relation.MULTIPLE, height, 16, "H must be a multiple of 16")
    signature = Signature({"x": TensorType((size("B"), 1, height, size("W")))}, demands=(demand,))
    assert "the data does not fit the network: H must be a multiple of 16" in str(
        failure(tmp_path, signature=signature)
    )


def test_labels_outside_the_classes(tmp_path: Path) -> None:
    (only,) = failure(tmp_path, module=network(2)).diagnostics
    assert only.code == "NNC0815"
    assert only.message == "`label` has the class number 2, and the network has 2 classes: 0 … 1"


def test_labels_that_count_from_one(tmp_path: Path) -> None:
    write_images(tmp_path / "train.npz")
    arrays = dict(np.load(tmp_path / "train.npz"))
    np.savez(tmp_path / "train.npz", image=arrays["image"], label=arrays["label"] + 1)
    assert "class numbers count from 0" in str(failure(tmp_path))


def test_a_loss_that_cannot_take_the_output(tmp_path: Path) -> None:
    found = failure(tmp_path, DATA + TRAIN.replace("CrossEntropyLoss", "BCELoss"))
    assert "BCELoss cannot take `output` [16, 3] float32, `label` [16] int64" in str(found)


def test_a_metric_that_cannot_take_the_output(tmp_path: Path) -> None:
    text = DATA + TRAIN.replace("metrics: [Accuracy]", "metrics: [MeanSquaredError]")
    assert "MeanSquaredError cannot take [16, 3] and [16]: tensors of the same shape are wanted" in str(
        failure(tmp_path, text)
    )


def test_inputs_that_cannot_be_told_from_the_fields(tmp_path: Path) -> None:
    kind = TensorType((size("B"), 1, 8, 8))
    found = failure(tmp_path, signature=Signature({"image": kind, "other": kind}))
    assert "the network's inputs `image`, `other` cannot be told from the fields `image`, `label`" in str(found)


def test_a_last_batch_of_one(tmp_path: Path) -> None:
    """65 samples in batches of 16 leave one, which a normalization over the batch cannot take."""
    write_images(tmp_path / "train.npz", 77)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.BatchNorm1d(3))
    found = failure(tmp_path, module=flat)
    assert "65 samples in batches of 16 leave one over" in str(found)
    assert "`drop_last: true` leaves that batch out" in found.diagnostics[0].notes
    result, _ = run(tmp_path / "run2", DATA + TRAIN + "      drop_last: true\n", base=tmp_path, module=flat)
    assert result.step == 3 * 4
    convolution = network()
    assert run(tmp_path / "run3", base=tmp_path, module=convolution)[0].step == 3 * 5, "where it does no harm, it stays"


def test_too_few_samples_for_a_batch(tmp_path: Path) -> None:
    found = failure(tmp_path, DATA + TRAIN.replace("batch_size: 16", "batch_size: 65") + "      drop_last: true\n")
    assert "64 samples make no batch of 65" in str(found)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ("Muon", "torch refuses Muon: Muon only supports 2D parameters"),
        ("SGD(0.1)\n      scheduler: OneCycleLR([0.1, 0.2], total_steps=steps)", "torch refuses OneCycleLR"),
        ("Adadelta\n      scheduler: OneCycleLR(0.1, total_steps=steps)", "optimizer must support momentum or beta1"),
        (
            "SGD(0.1)\n      scheduler: OneCycleLR(0.1, total_steps=steps - 12)",
            "`total_steps` must be an integer ≥ 1 or null, not the number 0",
        ),
    ],
)
def test_what_torch_refuses(tmp_path: Path, optimizer: str, message: str) -> None:
    text = DATA + TRAIN.replace("optimizer: AdamW(lr=1e-2)", f"optimizer: {optimizer}")
    found = failure(tmp_path, text)
    assert message in str(found)
    assert found.diagnostics[0].span.source.name == "spec.yaml"


def test_what_torch_says_in_the_middle_of_a_step(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        run(tmp_path / "run", DATA + TRAIN.replace("AdamW(lr=1e-2)", "SparseAdam"))
    assert caught.value.code == "NNC0822"
    assert "torch stopped in step 1: SparseAdam does not support dense gradients" in str(caught.value)

    class Late(nn.Module):
        """Runs out of memory in the second epoch."""

        def __init__(self, at: int) -> None:
            super().__init__()
            self.inner, self.seen, self.at = network(), 0, at

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen += self.training
            if self.seen == self.at:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            scores: torch.Tensor = self.inner(x)
            return scores

    with pytest.raises(Failure) as caught:
        run(tmp_path / "late", base=tmp_path, module=Late(6))
    assert "step 6 ran out of memory in the forward pass of the network, with batches of 16" in str(caught.value)
    assert caught.value.diagnostics[0].notes[0] == "the last checkpoint is intact"
    assert caught.value.diagnostics[0].notes[1] == "torch says: CUDA out of memory. Tried to allocate 2.00 GiB."
    _, expected = run(tmp_path / "whole", base=tmp_path, module=Late(-1))
    _, resumed = run(tmp_path / "late", base=tmp_path, module=Late(-1), resume=True)
    assert same_state(resumed.state_dict(), expected.state_dict())


def test_a_network_without_parameters(tmp_path: Path) -> None:
    assert "has no parameters to train" in str(failure(tmp_path, module=nn.Flatten()))


# -- parameter groups --------------------------------------------------------------------------------------------------


def test_settings_of_all_groups_that_fit_add_up() -> None:
    text = DATA + TRAIN.replace(
        "optimizer: AdamW(lr=1e-2)",
        "optimizer: {type: AdamW(lr=1e-2), groups: [{match: '*.bias', weight_decay: 0}, {match: ['5.*', none], lr: 0.5}]}",
    )
    model = network()
    model.get_submodule("1").weight.requires_grad_(False)
    optimizer = build_optimizer(read(text)[1].optimizer, trained(model, ()))
    names = {id(p): n for n, p in model.named_parameters()}
    found = [([names[id(p)] for p in g["params"]], g["lr"], g["weight_decay"]) for g in optimizer.param_groups]
    assert found == [
        (["0.weight"], 0.01, 0.01),
        (["0.bias", "1.bias"], 0.01, 0),
        (["5.weight"], 0.5, 0.01),
        (["5.bias"], 0.5, 0),
    ]


# -- what it tells -----------------------------------------------------------------------------------------------------


def test_lines_where_there_is_no_terminal(tmp_path: Path) -> None:
    import io

    stream = io.StringIO()
    reporter = reporter_for(stream)
    assert isinstance(reporter, Lines)
    run(tmp_path / "run", reporter=reporter)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("device: cpu (")
    assert "data: 64 samples in batches of 16, 12 for validation" in lines
    assert lines[-1].startswith("epoch 3/3  train loss 0.")
    assert "accuracy" in lines[-1]
    assert "\x1b" not in stream.getvalue()


def test_a_progress_bar_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    reporter = reporter_for(stream)
    assert isinstance(reporter, Live)
    run(tmp_path / "run", reporter=reporter)
    assert "epoch 1/3" in stream.getvalue()
    assert "loss" in stream.getvalue()
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(reporter_for(stream), Lines)


def test_reporters_say_the_same_things() -> None:
    calls = [n for n in vars(Reporter) if not n.startswith("_")]
    assert calls == ["watch", "begin", "note", "begin_epoch", "step", "end_epoch", "end"]
