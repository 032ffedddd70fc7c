"""Several steps for each batch: a GAN in one file, step by step against the loop of the DCGAN tutorial
(https://docs.pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html)."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nnc.compiler.driver import compile_text
from nnc.runtime.commands import run_evaluation, run_training
from nnc.runtime.data.splits import order_of
from nnc.runtime.evaluation.metrics import LossAverage
from nnc.runtime.project import read_project
from tests.expectations import compare
from tests.runtime.helpers import StopAfter, same_state

NETWORK = """\
nnc: 1
name: dcgan
inputs: {image: [B, 1, 8, 8]}
layers:
  noise: randn(B, 16, 1, 1)
  generator:
    from: noise
    layers:
      - ConvTranspose2d(8, 4, 1, 0, bias=False)
      - BatchNorm2d
      - ReLU
      - ConvTranspose2d(1, 4, 2, 1, bias=False)
      - Tanh
  detached: detach(generator)
  discriminator:
    from: image
    layers:
      - Conv2d(8, 4, 2, 1, bias=False)
      - BatchNorm2d
      - LeakyReLU(0.2)
      - Conv2d(1, 4, 1, 0, bias=False)
      - Sigmoid
      - Flatten
  judged: {use: discriminator, from: detached}
  fooled: {use: discriminator, from: generator}
outputs: {sample: generator, real: discriminator, judged: judged, fooled: fooled}
init:
  - {match: [Conv2d, ConvTranspose2d], weight: "normal_(0.0, 0.02)"}
  - {match: BatchNorm2d, weight: "normal_(1.0, 0.02)", bias: zeros_}
"""
DATA = """\
data:
  fields: [image]
  train: Npz("train.npz")
"""
TRAIN = """\
train:
  epochs: 2
  batch_size: 16
  seed: 3
  steps:
    discriminator:
      parameters: discriminator
      loss:
        layers:
          loss: binary_cross_entropy(real, ones_like(real)) + binary_cross_entropy(judged, zeros_like(judged))
      optimizer: Adam(lr=2e-3, betas=[0.5, 0.999])
    generator:
      parameters: generator
      reuse: sample
      loss:
        layers:
          loss: binary_cross_entropy(fooled, ones_like(fooled))
      optimizer: Adam(lr=2e-3, betas=[0.5, 0.999])
"""
GAN = NETWORK + DATA + TRAIN


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    np.savez(tmp_path / "train.npz", image=random.normal(size=(76, 1, 8, 8)).astype(np.float32))
    return tmp_path


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """The terms of every loss, in the order in which they are computed in training."""
    found: list[dict[str, float]] = []
    plain = LossAverage.add

    def add(self: LossAverage, values: Any, count: int, *more: Any) -> None:
        found.append({name: float(value) for name, value in values.items()})
        plain(self, values, count, *more)

    monkeypatch.setattr(LossAverage, "add", add)
    return found


def train(folder: Path, text: str, name: str = "run", **options: Any) -> Any:
    (folder / "spec.yaml").write_text(text)
    return run_training(folder / "spec.yaml", folder=folder / name, device="cpu", **options)


def beginning(folder: Path, text: str) -> tuple[Any, Iterator[torch.Tensor]]:
    """The network as a run begins with it, and the batches of two epochs."""
    (folder / "spec.yaml").write_text(text)
    torch.manual_seed(3)
    model: Any = read_project(folder / "spec.yaml", {}, {}).module()
    images = torch.from_numpy(np.load(folder / "train.npz")["image"])

    def batches() -> Iterator[torch.Tensor]:
        for epoch in (1, 2):
            yield from (images[part] for part in torch.split(order_of(76, 3, epoch, shuffle=True), 16))

    torch.manual_seed(3)
    return model.train(), batches()


def tutorial(model: Any, batches: Iterator[torch.Tensor], every: int = 1) -> list[dict[str, float]]:
    """The tutorial's loop; with `every` the generator follows after so many steps of the discriminator."""
    generator, discriminator, criterion = model.generator, model.discriminator, nn.BCELoss()
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    found: list[dict[str, float]] = []
    for number, image in enumerate(batches, 1):
        noise = torch.randn(len(image), 16, 1, 1)
        fake = generator(noise)
        discriminator.zero_grad()
        output = discriminator(image)
        error_real = criterion(output, torch.ones_like(output))
        error_real.backward()
        output = discriminator(fake.detach())
        error_fake = criterion(output, torch.zeros_like(output))
        error_fake.backward()
        optimizer_d.step()
        found.append({"discriminator_loss": (error_real + error_fake).item()})
        if number % every == 0:
            generator.zero_grad()
            output = discriminator(fake)
            error = criterion(output, torch.ones_like(output))
            error.backward()
            optimizer_g.step()
            found.append({"generator_loss": error.item()})
    return found


# -- the same as by hand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [1, pytest.param(2, marks=pytest.mark.nightly), 3])
def test_dcgan_as_in_the_tutorial(folder: Path, seen: list[dict[str, float]], every: int) -> None:
    """Every loss and, at the end, every weight and statistic, to the last bit."""
    text = GAN.replace("reuse: sample\n", f"reuse: sample\n      every: {every}\n")
    model, batches = beginning(folder, text)
    expected = tutorial(model, batches, every)
    done = train(folder, text)
    assert seen == expected
    assert same_state(done.model.state_dict(), model.state_dict())
    log = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["train"].keys() == {"loss", "discriminator_loss", "generator_loss"}
    assert log[-1]["train"]["loss"] == log[-1]["train"]["discriminator_loss"] + log[-1]["train"]["generator_loss"]


def test_without_reuse_each_step_has_a_forward_pass_of_its_own(folder: Path, seen: list[dict[str, float]]) -> None:
    """Another noise for the generator's step."""
    text = GAN.replace("      reuse: sample\n", "")
    model, batches = beginning(folder, text)
    generator, discriminator, criterion = model.generator, model.discriminator, nn.BCELoss()
    optimizers = [torch.optim.Adam(m.parameters(), lr=2e-3, betas=(0.5, 0.999)) for m in (discriminator, generator)]
    expected = []
    for image in batches:
        fake = generator(torch.randn(len(image), 16, 1, 1))
        real, judged = discriminator(image), discriminator(fake.detach())
        loss = criterion(real, torch.ones_like(real)) + criterion(judged, torch.zeros_like(judged))
        discriminator.zero_grad()
        loss.backward()
        optimizers[0].step()
        expected.append({"discriminator_loss": loss.item()})
        fooled = discriminator(generator(torch.randn(len(image), 16, 1, 1)))
        loss = criterion(fooled, torch.ones_like(fooled))
        generator.zero_grad()
        loss.backward()
        optimizers[1].step()
        expected.append({"generator_loss": loss.item()})
    done = train(folder, text)
    assert seen == expected
    assert same_state(done.model.state_dict(), model.state_dict())


def test_the_gradient_stops_at_what_a_step_trains(folder: Path, seen: list[dict[str, float]]) -> None:
    """Also where the file forgets to detach: the discriminator's step leaves the generator alone."""
    forgotten = GAN.replace("from: detached}", "from: generator}")
    done, other = train(folder, forgotten, "a"), train(folder, GAN, "b")
    assert seen[: len(seen) // 2] == seen[len(seen) // 2 :]
    assert same_state(done.model.state_dict(), other.model.state_dict())


# -- its own schedule, averages, interruptions ---------------------------------------------------------------------------

EVERY = "      reuse: sample\n      every: 2\n"
COURSES: dict[str, Callable[[str], str]] = {
    "schedulers": lambda text: text.replace(
        "      reuse: sample\n", EVERY + "      scheduler: OneCycleLR(0.01, total_steps=steps)\n"
    ).replace("      parameters: discriminator\n", "      parameters: discriminator\n      scheduler: StepLR(1, 0.5)\n"),
    "averages": lambda text: text.replace("  seed: 3\n", "  seed: 3\n  ema: 0.9\n  accumulate: 2\n  clip_grad_norm: 0.1\n"),
    "stochastic averages": lambda text: text.replace("  seed: 3\n", "  seed: 3\n  swa: {start: 1, lr: 0.001}\n"),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", ["schedulers", "averages", pytest.param("stochastic averages", marks=pytest.mark.nightly)]
)
def test_resumed_equals_uninterrupted(folder: Path, name: str) -> None:
    """Interrupted in both epochs."""
    text = COURSES[name](GAN)
    whole = train(folder, text, "whole")
    train(folder, text, reporter=StopAfter(2 if name == "averages" else 3, signal.SIGTERM))
    train(folder, text, resume=True, reporter=StopAfter(2 if name == "averages" else 5, signal.SIGTERM))
    done = train(folder, text, resume=True)
    assert done.result.status == "finished"
    assert done.result.quantities == whole.result.quantities
    assert same_state(done.model.state_dict(), whole.model.state_dict())


def test_other_steps_are_another_run(folder: Path) -> None:
    from nnc.runtime.failure import Failure

    train(folder, GAN, reporter=StopAfter(2, signal.SIGTERM))
    with pytest.raises(Failure, match="steps was"):
        train(folder, GAN.replace("lr=2e-3", "lr=1e-3"), resume=True)


def test_each_step_has_its_rate(folder: Path) -> None:
    train(folder, COURSES["schedulers"](GAN))
    rates = [json.loads(line)["lr"] for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
    assert [r[0] for r in rates] == pytest.approx([2e-3, 1e-3])
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=2e-3, betas=(0.5, 0.999))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=6)
    expected = []
    for step in range(1, 11):
        if step % 2 == 0:
            optimizer.step()
            schedule.step()
        expected += [optimizer.param_groups[0]["lr"]] if step % 5 == 0 else []
    assert [r[1] for r in rates] == pytest.approx(expected)


def test_validation_and_what_is_monitored(folder: Path) -> None:
    text = GAN.replace('train: Npz("train.npz")\n', 'train: Npz("train.npz")\n  validation: 12\n')
    text = text.replace("  seed: 3\n", "  seed: 3\n  monitor: validation.generator_loss\n")
    done = train(folder, text)
    assert done.result.best.quantity == "validation.generator_loss"
    found = run_evaluation(folder / "run", split="validation", device="cpu").quantities
    assert found.keys() == {"loss", "discriminator_loss", "generator_loss"}


def test_a_step_that_goes_wrong_is_left_out(folder: Path) -> None:
    images = np.load(folder / "train.npz")["image"]
    images[5] = np.nan
    np.savez(folder / "train.npz", image=images)
    text = GAN.replace("  seed: 3\n", "  seed: 3\n  non_finite: skip\n")
    text = text.replace("binary_cross_entropy(real, ones_like(real))", "mean((real - 1) ** 2)")
    done = train(folder, text)
    events = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
    assert sum(e.get("event") == "left out" for e in events) == 2
    assert all(p.isfinite().all() for p in done.model.parameters())


# -- other uses --------------------------------------------------------------------------------------------------------

ACTOR_CRITIC = """\
nnc: 1
name: actor and critic
inputs: {state: [B, 4]}
layers:
  trunk: [Linear(8), Tanh]
  policy: {from: trunk, layers: [Linear(3)]}
  value: {from: trunk, layers: [Linear(1)]}
outputs: {logits: policy, value: value}
data:
  fields: [state, action, gain]
  train: Npz("steps.npz")
train:
  epochs: 2
  batch_size: 10
  seed: 3
  steps:
    critic:
      parameters: [trunk, value]
      loss: {type: MSELoss, from: [value, gain]}
      optimizer: SGD(lr=0.1)
    actor:
      parameters: policy
      reuse: value
      loss:
        layers:
          chosen: {type: cross_entropy, from: [logits, action], reduction: none}
          advantage: squeeze(gain - detach(value), 1)
          loss: mean(chosen * advantage)
      optimizer: AdamW(lr=0.01)
"""


def test_actor_and_critic(tmp_path: Path, seen: list[dict[str, float]]) -> None:
    random = np.random.default_rng(0)
    state = random.normal(size=(40, 4)).astype(np.float32)
    action, gain = random.integers(0, 3, 40), random.normal(size=(40, 1)).astype(np.float32)
    np.savez(tmp_path / "steps.npz", state=state, action=action, gain=gain)
    (tmp_path / "spec.yaml").write_text(ACTOR_CRITIC)
    torch.manual_seed(3)
    model: Any = read_project(tmp_path / "spec.yaml", {}, {}).module()
    critic = torch.optim.SGD([*model.trunk.parameters(), *model.value.parameters()], lr=0.1)
    actor = torch.optim.AdamW(model.policy.parameters(), lr=0.01)
    expected = []
    for epoch in (1, 2):
        for part in torch.split(order_of(40, 3, epoch, shuffle=True), 10):
            s, a, g = (torch.from_numpy(x)[part] for x in (state, action, gain))
            value = model.value(model.trunk(s))
            loss = nn.functional.mse_loss(value, g)
            critic.zero_grad()
            loss.backward()
            critic.step()
            expected.append({"critic_loss": loss.item()})
            chosen = nn.functional.cross_entropy(model.policy(model.trunk(s)), a, reduction="none")
            loss = (chosen * (g - value.detach()).squeeze(1)).mean()
            actor.zero_grad()
            loss.backward()
            actor.step()
            expected.append({"actor_loss": loss.item()})
    done = train(tmp_path, ACTOR_CRITIC)
    assert seen == expected
    assert same_state(done.model.state_dict(), model.state_dict())


# -- faults ------------------------------------------------------------------------------------------------------------

STEP = """\
    discriminator:
      parameters: discriminator
      loss: {type: MSELoss, from: [real, judged]}
      optimizer: Adam
"""
FAULTS = {
    "a loss beside the steps": """
      loss: MSELoss  # error: [conflicting-settings] "each of the steps has its own `loss`"
      steps:
    """
    + STEP,
    "no such part": """
      steps:
        discriminator:
          parameters: discriminatr  # error: [unknown-quantity] "did you mean `discriminator`"
          loss: {type: MSELoss, from: [real, judged]}
          optimizer: Adam
    """,
    "a loss that has nothing to do with it": """
      steps:
        critic:
          parameters: generator  # error: [conflicting-settings] "the loss of `critic` does not depend on what it trains"
          loss: {type: MSELoss, from: [real, image]}
          optimizer: Adam
    """,
    "reused before it is there": """
      steps:
        generator:
          parameters: generator
          reuse: sample  # error: [conflicting-settings] "no step before `generator` computes `sample`"
          loss: {type: MSELoss, from: [sample, image]}
          optimizer: Adam
    """,
    "reused what there is not": """
      steps:
        generator:
          parameters: generator
          reuse: smple  # error: [unknown-quantity] "did you mean `sample`"
          loss: {type: MSELoss, from: [sample, image]}
          optimizer: Adam
    """,
    "reused from a step that is not taken": """
      steps:
        discriminator:
          parameters: discriminator
          loss: {type: MSELoss, from: [real, judged]}
          optimizer: Adam
          every: 2
        generator:
          parameters: generator
          reuse: sample  # error: [conflicting-settings] "in every 2 batches"
          loss: {type: MSELoss, from: [fooled, real]}
          optimizer: Adam
    """,
    "no step at all": """
      steps:  # error: [conflicting-settings] "takes one of the steps at least"
        generator:
          parameters: generator
          loss: {type: MSELoss, from: [sample, image]}
          optimizer: Adam
          every: 3
    """,
    "an optimizer that evaluates several times": """
      steps:
        generator:
          parameters: generator
          loss: {type: MSELoss, from: [sample, image]}
          optimizer: LBFGS  # error: [conflicting-settings] "LBFGS evaluates a batch several times"
    """,
    "a step without an optimizer": """
      steps:
        generator: {parameters: generator, loss: {type: MSELoss, from: [sample, image]}}  # error: [missing-key] "optimizer"
    """,
    "a key that a step has not": """
      steps:
        generator:
          parameters: generator
          loss: {type: MSELoss, from: [sample, image]}
          optimizer: Adam
          evry: 2  # error: [unknown-key] "every"
    """,
    "unfrozen in several steps": """
      unfreeze: {match: generator, epoch: 2}  # error: [conflicting-settings] "does not go together with several steps"
      steps:
    """
    + STEP,
    "one step recorded": """
      speed: {cuda_graphs: true}  # error: [conflicting-settings] "CUDA graphs record one step"
      steps:
    """
    + STEP,
    "what nobody trains": """
      steps:  # warning: [group-matches-nothing] "no step trains `generator.0.weight`, `generator.1.weight`"
    """
    + STEP,
    "a scheduler's list in a step": """
      steps:
        generator:
          parameters: generator
          loss: {type: MSELoss, from: [sample, image]}
          optimizer: Adam
          scheduler: LambdaLR(["1", "2"])  # error: [conflicting-settings] "2 values, and the optimizer 1 group"
    """,
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(name: str) -> None:
    import textwrap

    written = FAULTS[name]
    head, tail = (written.removesuffix(STEP), STEP) if written.endswith(STEP) else (written, "")
    text = NETWORK + DATA + "train:\n  epochs: 2\n" + textwrap.indent(textwrap.dedent(head), "  ") + tail
    found = [d for d in compile_text(text).problems.sorted() if d.severity == "error" or "warning:" in written]
    assert compare(text, found) == []
