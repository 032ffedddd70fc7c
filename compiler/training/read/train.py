"""`train:` as a `TrainConfig`: the loss, the optimizer and its schedule, metrics, and how long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from nnc.compiler.diagnostics import Fix, Problems
from nnc.compiler.source.tree import Tree
from nnc.compiler.training.config import DataConfig, Network, OptimizerConfig, TrainConfig
from nnc.compiler.training.read.binding import STAND_IN, Binder
from nnc.compiler.training.read.carry import fed, read_carry
from nnc.compiler.training.read.course import read_averaging, read_early_stopping
from nnc.compiler.training.read.loading import check_order
from nnc.compiler.training.read.log import read_log
from nnc.compiler.training.read.loss import read_loss
from nnc.compiler.training.read.metrics import read_metrics, read_monitor
from nnc.compiler.training.read.mix import read_mix
from nnc.compiler.training.read.optimizer import read_optimizer
from nnc.compiler.training.read.parallel import read_parallel
from nnc.compiler.training.read.reading import Reading
from nnc.compiler.training.read.scheduler import check_groups, read_scheduler
from nnc.compiler.training.read.sections import Broken, Section
from nnc.compiler.training.read.speed import read_speed
from nnc.compiler.training.read.steps import combined_loss, read_steps, with_schedulers
from nnc.compiler.training.read.unfreeze import read_unfreeze
from nnc.compiler.training.vocabulary import VOCABULARY, Vocabularies

__all__ = ["KEYS", "read_train"]

KEYS = (
    "loss", "optimizer", "scheduler", "metrics", "epochs", "batch_size", "accumulate", "drop_last", "shuffle", "seed",
    "monitor", "clip_grad_norm", "clip_grad_value", "ema", "swa", "early_stopping", "non_finite", "precision", "speed",
    "checkpoint_every", "parallel", "device", "unfreeze", "mix", "steps", "carry", "log",
)  # fmt: skip


def read_train(
    tree: Tree,
    problems: Problems,
    *,
    data: DataConfig | None = None,
    network: Network | None = None,
    names: Mapping[str, Any] | None = None,
    broken: Broken = frozenset(),
    epochs: int | None = None,
    vocabularies: Vocabularies = VOCABULARY,
) -> TrainConfig | None:
    """The section, or None after reporting its faults. `broken` is what the schema check refused already. Where `data`
    or `network` is not known (they had faults of their own), names of fields and outputs are not
    checked. `epochs` replaces the file's."""
    section = Section("train", tree, KEYS, problems, names, broken)
    if "steps" not in section.spans:
        section.need("loss", "CrossEntropyLoss")
        section.need("optimizer", "AdamW(lr=1e-3)")
    section.need("epochs", "10")
    written = section.value("epochs", "Positive", 1)
    epochs = written if epochs is None else epochs
    batch_size = section.value("batch_size", "Positive", 64)
    known = {**(names or {}), "epochs": epochs, "batch_size": batch_size}
    later = {"steps_per_epoch": STAND_IN, "steps": STAND_IN * epochs}
    reading = Reading(section, Binder(problems, known, later, vocabularies), data, network)
    carry = read_carry(reading)
    if network is not None:
        reading = replace(reading, network=fed(network, carry))
    steps = read_steps(reading)
    loss, optimizer = read_loss(reading), read_optimizer(reading)
    if steps:
        loss, optimizer = combined_loss([s for s, _ in steps], section.span), steps[0][0].optimizer
    optimizers = [o for s in steps for o in s[0].optimizer.all] or (optimizer.all if optimizer else ())
    metrics = read_metrics(reading, loss)
    scheduler = read_scheduler(reading, metrics, loss)
    monitor, goal = read_monitor(reading, metrics, section.values.get("monitor"), loss)
    settings: dict[str, Any] = {
        "drop_last": section.value("drop_last", "bool", False),
        "shuffle": section.value("shuffle", "bool", True),
        "seed": section.value("seed", "NonNegative", 0),
        "clip_grad_norm": section.value("clip_grad_norm", "Above0 | None", None),
        "clip_grad_value": section.value("clip_grad_value", "Above0 | None", None),
        "accumulate": section.value("accumulate", "Positive", 1),
        "averaging": read_averaging(section, epochs),
        "early_stopping": read_early_stopping(section),
        "non_finite": section.value("non_finite", "Literal['stop', 'skip', 'rollback', 'ignore']", "stop"),
        "precision": section.value("precision", "Literal['float32', 'tf32', 'bf16', 'fp16']", "float32"),
        "speed": read_speed(section, network, optimizers),
        "parallel": read_parallel(section, network, optimizers),
        "steps": with_schedulers(steps, metrics, loss),
        "carry": carry,
        "device": section.value("device", "Device", "auto"),
        "mix": read_mix(reading, loss),
        "log": read_log(section),
        "checkpoint_every": section.value("checkpoint_every", "Positive | None", None),
    }
    if data is not None:
        check_order(section, data, shuffle=settings["shuffle"], carried=bool(carry))
    _check_together(section, settings, optimizers, network)
    if optimizer is not None and not steps:
        settings["unfreeze"], optimizer = read_unfreeze(reading, optimizer, epochs)
        if section.ok and network is not None:
            waiting = {n for g in optimizer.groups if g.names is not None for n in g.names}
            trained = [p.name for p in network.parameters or () if not p.frozen or p.name in waiting]
            check_groups(reading, optimizer, scheduler, trained)
    section.ok = section.ok and all(r.section.ok for _, r in steps)
    if loss is None or optimizer is None or not section.ok:
        return None
    return TrainConfig(
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        scheduler=scheduler,
        metrics=metrics,
        monitor=monitor,
        goal=goal,
        names=known,
        span=section.span,
        spans=section.spans,
        **settings,
    )


def _check_together(
    section: Section, settings: Mapping[str, Any], optimizers: Iterable[OptimizerConfig], network: Network | None
) -> None:
    """What each part of the section allows, and two of them do not."""
    if settings["precision"] == "fp16" and any(o.call.name == "LBFGS" for o in optimizers):
        section.error("NNC0811", section.values["precision"].span, "LBFGS does not work with the loss scaling of fp16")
    parameters = (network.parameters if network is not None else None) or ()
    numbers = next((p.name for p in parameters if p.is_complex and not p.frozen), None)
    if settings["precision"] == "fp16" and numbers is not None:
        message = f"the loss scaling of fp16 takes no complex parameters, as `{numbers}` is"
        section.error("NNC0811", section.values["precision"].span, message, fix=Fix("write `precision: bf16`"))
    if settings["steps"] and settings["speed"].cuda_graphs:
        message = "CUDA graphs record one step, and there are several for each batch"
        section.error("NNC0811", section.values["speed"].span, message)
    averaging = settings["averaging"]
    if settings["carry"] and averaging is not None and averaging.kind == "swa":
        message = "`swa` goes through the data without a state that is carried along"
        section.error("NNC0811", section.values["swa"].span, message, fix=Fix("write `ema: 0.999`"))
