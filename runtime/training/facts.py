"""What a reader wants to know at the head of a run."""

from __future__ import annotations

from nnc.runtime import device as devices
from nnc.runtime.data import Data
from nnc.runtime.saving.checkpoint import Checkpoint
from nnc.runtime.training.training import Training

__all__ = ["facts"]


def facts(training: Training, data: Data, resumed: Checkpoint | None) -> dict[str, str]:
    """Device, size, data, optimizer …, by name. `resumed` is the checkpoint that the run goes on from."""
    assert data.train is not None, "training needs the train split"
    config, at = training.config, training.position
    parameters = sum(p.numel() for p in training.updater.parameters)
    found = {
        "device": devices.describe(training.device)
        + ("" if config.precision == "float32" else f", {config.precision}"),
        "parameters": f"{parameters:,}",
        "data": f"{len(data.train):,} samples in batches of {config.batch_size}"
        + (f", {config.accumulate} to a step" if config.accumulate > 1 else "")
        + (f", {len(data.validation):,} for validation" if data.validation is not None else ""),
        "optimizer": "; ".join(f"{s.name}: {s.optimizer.calls}" for s in config.steps) or config.optimizer.calls,
        "speed": str(training.speed.choices),
    }
    if len(rates := training.rates) > 1:
        found["groups"] = f"{len(rates)} of parameters, rates from {min(rates):.3g} to {max(rates):.3g}"
    if about := training.engine.about():
        found["processes"] = about
    if config.scheduler:
        found["scheduler"] = f"{config.scheduler.call}, every {config.scheduler.every}"
    if config.averaging:
        found["average"] = f"{config.averaging.kind.upper()} of the weights, validated and saved in their place"
    if config.mix:
        parts = [f"{m.call}" + ("" if m.p == 1 else f" {m.p:.0%}") for m in config.mix]
        found["mixed batches"] = ", ".join(parts)
    found["best by"] = f"{config.monitor} ({'highest' if config.goal == 'max' else 'lowest'})"
    if resumed is not None:
        found["resumed"] = f"from checkpoint {resumed.name}, epoch {at.epoch}, batch {at.done}"
    return found
