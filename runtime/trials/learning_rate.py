"""A learning rate by trying them all: it grows from step to step, from far too low to far too high, and the loss tells.

Smith, Cyclical Learning Rates for Training Neural Networks (2017), section 3.3. Suggested is the rate at which the smoothed
loss falls most steeply over the logarithm of the rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nnc.runtime.evaluation.metrics import LossAverage
from nnc.runtime.failure import Failure
from nnc.runtime.plots.figure import PALETTE, drawing, picture_kind, render
from nnc.runtime.saving.files import write_file
from nnc.runtime.training.update import NotFinite
from nnc.runtime.trials.trial import Trial

__all__ = ["Rates", "find_learning_rate", "steepest", "write_rates"]

SMOOTHING = 0.9  # the share of what came before
DIVERGED = 4.0  # times the lowest smoothed loss
SETTLING = 5  # steps before the smoothed loss says something


@dataclass(frozen=True)
class Rates:
    """The learning rate of each step, its loss and the smoothed loss; `suggested` and the rate `at_minimum`, where the
    smoothed loss was lowest; None for a loss that never fell."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggested: float | None
    at_minimum: float | None


def find_learning_rate(
    trial: Trial,
    say: Callable[[int, float, float], None] = lambda step, rate, loss: None,
    *,
    lowest: float = 1e-7,
    highest: float = 10.0,
    steps: int = 100,
) -> Rates:
    """`say` hears of every step: its number from 1, its rate and the smoothed loss. Groups of parameters with a rate of their
    own keep their ratio to the first one's. Raises `Failure` where a step cannot be taken."""
    training, loop = trial.loop.training, trial.loop
    groups = training.updater.optimizer.param_groups
    first = float(groups[0]["lr"])
    ratios = [float(g["lr"]) / first if first else 1.0 for g in groups]
    rates: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    average = 0.0
    for step, batches in zip(range(steps), trial.steps(), strict=False):
        rate = lowest * (highest / lowest) ** (step / max(1, steps - 1))
        for group, ratio in zip(groups, ratios, strict=True):
            group["lr"] = rate * ratio
        seen = LossAverage(loop.loss, loop.device)
        training.position.step += 1
        try:
            training.updater.step(batches, seen.add)
        except NotFinite:
            break
        except (RuntimeError, ValueError, NotImplementedError, MemoryError) as error:
            raise loop.stopped(error) from error
        loss = seen.compute()["loss"]
        if not math.isfinite(loss):
            break
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        rates.append(rate)
        losses.append(loss)
        smoothed.append(average / (1 - SMOOTHING ** (step + 1)))
        say(step + 1, rate, smoothed[-1])
        if step >= 2 * SETTLING and smoothed[-1] > DIVERGED * min(smoothed) > 0:
            break
    if len(rates) < 3:
        raise Failure("NNC0825", trial.config.span, f"the loss is no number from a learning rate of {lowest:g} on")
    suggested, at_minimum = steepest(rates, smoothed)
    return Rates(tuple(rates), tuple(losses), tuple(smoothed), suggested, at_minimum)


def steepest(rates: list[float], smoothed: list[float]) -> tuple[float | None, float | None]:
    """The rate at which the loss falls fastest on the way to its minimum, and the rate of the minimum."""
    lowest = min(range(len(smoothed)), key=smoothed.__getitem__)
    if lowest <= SETTLING:
        return None, None
    places = range(SETTLING, lowest)
    falls = {i: (smoothed[i + 1] - smoothed[i - 1]) / math.log(rates[i + 1] / rates[i - 1]) for i in places}
    if not falls:
        return None, rates[lowest]
    best = min(falls, key=falls.__getitem__)
    return (rates[best] if falls[best] < 0 else None), rates[lowest]


def write_rates(found: Rates, path: Path) -> None:
    """The sweep as a picture. Raises `Failure` where matplotlib is missing, or the file cannot be written."""
    kind = picture_kind(path)
    with drawing():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 3.6), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(found.rates, found.losses, color=PALETTE[5], linewidth=0.8, label="loss")
        axes.plot(found.rates, found.smoothed, color=PALETTE[0], label="smoothed")
        if found.suggested is not None:
            at = found.smoothed[found.rates.index(found.suggested)]
            axes.plot([found.suggested], [at], "o", color=PALETTE[1], label=f"suggested: {found.suggested:.2g}")
        top = max(found.smoothed[: 1 + SETTLING]) * 1.5
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(None, max(top, found.smoothed[0] * 1.2)))
        axes.legend()
        write_file(path, render(figure, kind))
