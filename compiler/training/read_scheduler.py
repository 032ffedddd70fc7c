"""`scheduler:` as a `SchedulerConfig`: when it steps, and what it watches."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.training.binding import Binder
from nnc.compiler.training.config import BoundCall, MetricConfig, SchedulerConfig
from nnc.compiler.training.read_metrics import read_monitor
from nnc.compiler.training.reading import Reading
from nnc.compiler.training.sections import read_value

__all__ = ["read_scheduler"]


def read_scheduler(reading: Reading, metrics: tuple[MetricConfig, ...]) -> SchedulerConfig | None:
    """None where there is none, or after reporting a fault."""
    section = reading.section
    tree = section.values.get("scheduler")
    bound = tree and reading.bind(tree, "scheduler", ("every", "monitor"))
    if not tree or not bound:
        return None
    call, found = bound
    every: Literal["step", "epoch"] = "step" if _counts_steps(reading.binder, call) else "epoch"
    written = tree.get("every") if isinstance(tree, TreeMapping) else None
    if written is not None:
        chosen = read_value("every", written, "Literal['step', 'epoch']", section.problems, {})
        section.ok = section.ok and chosen is not None
        every = chosen or every
    watched = tree.get("monitor") if isinstance(tree, TreeMapping) else None
    if "plateau" not in found.traits:
        if watched is not None:
            section.error("NNC0811", watched.span, f"{call.name} follows a fixed plan and watches no quantity")
        return SchedulerConfig(call, every)
    if written is not None and every == "step":
        message = "ReduceLROnPlateau waits for a quantity of the epoch: every is epoch"
        section.error("NNC0811", written.span, message)
    monitor, goal = read_monitor(reading, metrics, watched or section.values.get("monitor"))
    if call.arguments.get("mode", goal) != goal:
        better = "higher" if goal == "max" else "lower"
        message = f'{monitor} is better when it is {better}: mode is "{goal}"'
        section.error("NNC0811", call.spans["mode"], message)
    return SchedulerConfig(call, "epoch", monitor, goal)


def _counts_steps(binder: Binder, call: BoundCall) -> bool:
    """Whether a scheduler steps with every batch: by its kind, or because an argument counts in `steps`."""
    nested = call.arguments.get("schedulers", ())
    if "step" in binder.vocabularies["scheduler"][call.name].traits or any(_counts_steps(binder, n) for n in nested):
        return True
    return call.deferred
