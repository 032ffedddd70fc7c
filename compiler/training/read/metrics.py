"""`metrics:` as `MetricConfig`s, and the quantity that is watched."""

from __future__ import annotations

import re
from typing import Literal

from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Sequence, Tree
from nnc.compiler.training.config import BoundCall, LossConfig, MetricConfig
from nnc.compiler.training.read.reading import Reading
from nnc.compiler.training.read.sections import read_value
from nnc.compiler.training.read.values import did_you_mean

__all__ = ["Goal", "read_metrics", "read_monitor"]

Goal = Literal["min", "max"]
SCORES = ("logits", "log_probabilities", "probabilities", "binary_logits")  # traits of losses


def read_metrics(reading: Reading, loss: LossConfig | None) -> tuple[MetricConfig, ...]:
    """A list, or a mapping that gives the metrics names of its own."""
    tree, section = reading.section.values.get("metrics"), reading.section
    match tree:
        case None:
            return ()
        case Sequence(items=items):
            named: list[tuple[str | None, Tree]] = [(None, item) for item in items]
        case TreeMapping(entries=entries):
            named = [(str(e.key.value), e.value) for e in entries]
        case _:
            section.error("NNC0808", tree.span, "`metrics:` is a list, such as [Accuracy]")
            return ()
    result: list[MetricConfig] = []
    for name, item in named:
        bound = reading.bind(item, "metric", ("from",))
        source = bound and reading.source(item, *bound)
        if bound is None or source is None:
            continue
        call, found = bound
        name = name or _metric_name(call)
        if name in {"loss", *(loss.quantities if loss else ())} or any(m.name == name for m in result):
            section.error("NNC0805", call.span, f"there is a quantity `{name}` already")
        goal: Goal = "max" if "max" in found.traits else "min"
        scores, ignored = _meaning(reading, loss, source) if "classes" in found.traits else ("", None)
        result.append(MetricConfig(name, call, source, goal, scores, ignored))
    return tuple(result)


def _meaning(reading: Reading, loss: LossConfig | None, source: tuple[str, ...]) -> tuple[str, int | None]:
    """What the scores of a metric are, and which class does not count: as for the loss of the same tensors."""
    if loss is None:
        return "", None
    term = next((t for t in loss.terms if t.source == source), None)
    if term is None:
        return "", None
    traits = reading.binder.vocabularies["loss"][term.call.name].traits
    scores = next((k for k in SCORES if k in traits), "")
    ignores = "classes" in traits and term.call.name != "MultiMarginLoss"
    return scores, term.call.arguments.get("ignore_index", -100) if ignores else None


def read_monitor(
    reading: Reading, metrics: tuple[MetricConfig, ...], tree: Tree | None, loss: LossConfig | None = None
) -> tuple[str, Goal]:
    """The quantity that chooses the best checkpoint, and which end of it is better."""
    section = reading.section
    validated = reading.data is None or reading.data.validation is not None
    goals: dict[str, Goal] = {}
    if validated:
        goals = {f"validation.{m.name}": m.goal for m in metrics} | {"validation.loss": "min"}
    goals["train.loss"] = "min"
    parts = loss.quantities if loss else {}
    for name, train_only in parts.items() if len(parts) > 1 else ():
        if validated and not train_only:
            goals.setdefault(f"validation.{name}", "min")
        goals.setdefault(f"train.{name}", "min")
    first = next(iter(goals))
    if tree is None:
        return first, goals[first]
    written = read_value("monitor", tree, "str", section.problems, reading.binder.names)
    if written is None or written not in goals:
        section.ok = False
        if written is not None:
            missing = written.startswith("validation.") and not validated
            notes = ("add `validation: 0.1` to `data:`",) if missing else (f"there are {', '.join(goals)}",)
            fix = None if missing else did_you_mean(written, tree.span, list(goals))
            section.error("NNC0810", tree.span, f"there is no quantity `{written}`", fix=fix, notes=notes)
        return first, goals[first]
    return written, goals[written]


def _metric_name(call: BoundCall) -> str:
    """`Accuracy` → accuracy, `Accuracy(top_k=5)` → top5_accuracy, `F1Score(average="macro")` → macro_f1_score, `AUROC` →
    auroc."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[0-9])(?=[A-Z][a-z])", "_", call.name).lower()
    top_k, average = call.arguments.get("top_k", 1), call.arguments.get("average")
    words = (f"top{top_k}" if top_k != 1 else "", average or "", name)
    return "_".join(word for word in words if word)
