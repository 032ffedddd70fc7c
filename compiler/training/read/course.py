"""What changes the course of training: averages of the weights, and an early end. Each is a number, or a mapping."""

from __future__ import annotations

from nnc.compiler.diagnostics import Fix
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.training.config import AveragingConfig, EarlyStopping
from nnc.compiler.training.read.sections import Section

__all__ = ["read_averaging", "read_early_stopping"]


def read_averaging(section: Section, epochs: int) -> AveragingConfig | None:
    """`ema: 0.999`, `ema: {decay: 0.999, start: 100}`, `swa: 10` or `swa: {start: 10, lr: 0.05}`; one of the two."""
    if "ema" in section.values and "swa" in section.values:
        section.error("NNC0811", section.spans["swa"], "the weights are averaged in one way: `ema` or `swa`")
        return None
    if "ema" in section.values:
        return _ema(section)
    return _swa(section, epochs) if "swa" in section.values else None


def _ema(section: Section) -> AveragingConfig | None:
    if not isinstance(section.values["ema"], TreeMapping):
        decay = section.value("ema", "BelowOne", None)
        return None if decay is None else AveragingConfig("ema", 0, decay)
    part = Section("ema", section.values["ema"], ("decay", "start", "every"), section.problems, section.names)
    found = AveragingConfig(
        "ema",
        start=part.value("start", "NonNegative", 0),
        decay=part.value("decay", "BelowOne", 0.999),
        every=part.value("every", "Positive", 1),
    )
    section.ok = section.ok and part.ok
    return found


def _swa(section: Section, epochs: int) -> AveragingConfig | None:
    tree = section.values["swa"]
    if not isinstance(tree, TreeMapping):
        start, lr = section.value("swa", "Positive", None), None
        span, rest = tree.span, {}
    else:
        keys = ("start", "lr", "anneal_epochs", "anneal_strategy")
        part = Section("swa", tree, keys, section.problems, section.names)
        part.need("start", "10")
        start, lr = part.value("start", "Positive", None), part.value("lr", "Above0 | None", None)
        rest = {
            "anneal_epochs": part.value("anneal_epochs", "NonNegative", 10),
            "anneal_strategy": part.value("anneal_strategy", "Literal['cos', 'linear']", "cos"),
        }
        span = part.spans.get("start", part.span)
        if lr is None and part.ok and len(part.values) > 1:
            part.error("NNC0807", part.span, "annealing goes to a learning rate", fix=Fix("add `lr: 0.05`"))
        section.ok = section.ok and part.ok
    if start is None:
        return None
    if start > epochs:
        section.error("NNC0811", span, f"averaging begins with epoch {start}, and there are {epochs}")
    return AveragingConfig("swa", start, lr=lr, **rest)


def read_early_stopping(section: Section) -> EarlyStopping | None:
    """`early_stopping: 5`, or `{patience: 5, min_delta: 0.001}`."""
    tree = section.values.get("early_stopping")
    if not isinstance(tree, TreeMapping):
        patience = section.value("early_stopping", "Positive | None", None)
        return None if patience is None else EarlyStopping(patience)
    part = Section("early_stopping", tree, ("patience", "min_delta"), section.problems, section.names)
    part.need("patience", "5")
    patience, delta = part.value("patience", "Positive", None), part.value("min_delta", "AtLeast0", 0.0)
    section.ok = section.ok and part.ok
    return None if patience is None else EarlyStopping(patience, delta)
