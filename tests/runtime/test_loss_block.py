"""Losses written as blocks: the variational autoencoder of the tutorials, and what the first batch decides."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from nnc.compiler.diagnostics import Severity
from nnc.compiler.driver import compile_text
from nnc.runtime.commands import run_evaluation, run_training
from nnc.runtime.failure import Failure
from tests.runtime.helpers import StopAfter, same_state, write_images

VAE = """\
nnc: 1
name: vae
inputs: {image: [B, 1, 8, 8]}
args: {hidden: 20, latent: 3, beta: 1.0}
layers:
  encoder: {from: image, layers: [flatten(1), Linear(hidden), ReLU]}
  mu: {type: Linear(latent), from: encoder}
  logvar: {type: Linear(latent), from: encoder}
  z: mu + exp(0.5 * logvar) * randn_like(mu)
  decoder: {from: z, layers: [Linear(hidden), ReLU, Linear(64), Sigmoid]}
outputs: {reconstruction: decoder, mu: mu, logvar: logvar}
data:
  train: Npz("train.npz")
  validation: 12
  transforms:
    image: [ToImage, "ToDtype(float32, scale=True)"]
train:
  loss:
    reduction: sum
    layers:
      pixels: flatten(image, 1)
      rec: {type: BCELoss(reduction="sum"), from: [reconstruction, pixels]}
      kl: -0.5 * sum(1 + logvar - mu**2 - exp(logvar))
      total: rec + beta * kl
    outputs: {loss: total, divergence: kl}
  optimizer: Adam(lr=1e-2)
  epochs: 3
  batch_size: 16
"""


def spec(tmp_path: Path, text: str) -> Path:
    write_images(tmp_path / "train.npz")
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_variational_autoencoder(tmp_path: Path) -> None:
    """The loss of an epoch is the sum over all samples, divided by their number, as the tutorial prints it."""
    trained = run_training(
        spec(tmp_path, VAE.replace("lr=1e-2", "lr=1e-30").replace("epochs: 3", "epochs: 1")), folder=tmp_path / "run"
    )
    (line,) = map(json.loads, (tmp_path / "run" / "log.jsonl").read_text().splitlines())
    from nnc.runtime.data import open_data
    from tests.runtime.helpers import read

    config, _ = read(
        VAE[VAE.index("data:") :].split("train:\n  loss")[0] + "train: {loss: MSELoss, optimizer: Adam, epochs: 1}\n"
    )
    split = open_data(config, tmp_path).validation
    assert split is not None
    image = next(iter(split.batches(torch.arange(12), 12, torch.device("cpu"))))["image"]
    model = trained.model.eval()
    out = model(image)
    kl = -0.5 * torch.sum(1 + out["logvar"] - out["mu"].pow(2) - out["logvar"].exp())
    assert line["validation"]["divergence"] == pytest.approx(kl.item() / 12, rel=1e-5)
    assert line["validation"]["loss"] > line["validation"]["divergence"]


def test_it_learns_and_resumes(tmp_path: Path) -> None:
    path = spec(tmp_path, VAE)
    whole = run_training(path, folder=tmp_path / "whole")
    losses = [json.loads(line)["train"]["loss"] for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.9 * losses[0]
    run_training(path, folder=tmp_path / "run", reporter=StopAfter(5, signal.SIGTERM))
    resumed = run_training(path, folder=tmp_path / "run", resume=True)
    assert same_state(resumed.model.state_dict(), whole.model.state_dict())
    assert whole.artifact is not None
    assert whole.result.best is not None
    assert run_evaluation(whole.artifact, device="cpu").samples == 12


def test_another_loss_is_another_run(tmp_path: Path) -> None:
    path = spec(tmp_path, VAE)
    run_training(path, folder=tmp_path / "run", reporter=StopAfter(5, signal.SIGTERM))
    path.write_text(VAE.replace("rec + beta * kl", "rec + 2 * kl"))
    with pytest.raises(Failure, match="the run was begun with other settings"):
        run_training(path, folder=tmp_path / "run", resume=True)


CLASSIFIER = """\
nnc: 1
name: classifier
inputs: {image: [B, 1, 8, 8]}
blocks:
  Focal:
    inputs: {logits: [B, C], label: {shape: [B], dtype: int64}}
    args: {gamma: 2.0}
    layers:
      ce: {type: 'CrossEntropyLoss(reduction="none")', from: [logits, label]}
      out: mean((1 - exp(-ce)) ** gamma * ce)
layers: [flatten(1), Linear(3)]
data:
  train: Npz("train.npz")
  transforms:
    image: [ToImage, "ToDtype(float32, scale=True)"]
train:
  loss:
    layers:
      focal: {type: Focal, from: [output, label]}
  optimizer: SGD(lr=0.1)
  epochs: 2
  batch_size: 64
  shuffle: false
"""


def test_a_loss_uses_the_blocks_of_its_file(tmp_path: Path) -> None:
    """The focal loss of Lin et al., 2017, beside the same by hand: `label` is known when the first batch is there."""
    trained = run_training(spec(tmp_path, CLASSIFIER), folder=tmp_path / "run")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    with np.load(tmp_path / "train.npz") as arrays:
        image = torch.from_numpy(arrays["image"])[:, None].float() / 255
        label = torch.from_numpy(arrays["label"]).long()
    for _ in range(2):
        for x, y in zip(image.split(64), label.split(64), strict=True):
            ce = nn.functional.cross_entropy(model(x), y, reduction="none")
            model.zero_grad()
            ((1 - torch.exp(-ce)) ** 2.0 * ce).mean().backward()
            with torch.no_grad():
                for p in model.parameters():
                    assert p.grad is not None
                    p -= 0.1 * p.grad
    for ours, theirs in zip(trained.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


def test_what_the_first_batch_refuses(tmp_path: Path) -> None:
    """An Npz's `label` has a type only when it is read: whole numbers, and the loss takes floating ones."""
    text = CLASSIFIER.replace("{type: Focal, from: [output, label]}", "mse_loss(output, label)")
    assert [p for p in compile_text(text).problems if p.severity is Severity.ERROR] == []
    with pytest.raises(Failure) as caught:
        run_training(spec(tmp_path, text), folder=tmp_path / "run")
    assert caught.value.diagnostics[0].span.line == text[: text.index("mse_loss")].count("\n") + 1
    assert not (tmp_path / "run" / "log.jsonl").exists()
