"""`scheduler:` as a `SchedulerConfig`: when it steps, and what it watches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from nnc.compiler.diagnostics import Fix
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.training.config import BoundCall, LossConfig, MetricConfig, OptimizerConfig, SchedulerConfig
from nnc.compiler.training.groups import group_names
from nnc.compiler.training.read.binding import Binder
from nnc.compiler.training.read.metrics import read_monitor
from nnc.compiler.training.read.reading import Reading
from nnc.compiler.training.read.sections import read_value

__all__ = ["check_groups", "read_scheduler"]

NOT_BY_GROUP = ("milestones", "schedulers")  # lists that are not one value for each group of parameters


def read_scheduler(
    reading: Reading, metrics: tuple[MetricConfig, ...], loss: LossConfig | None = None
) -> SchedulerConfig | None:
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
    monitor, goal = read_monitor(reading, metrics, watched or section.values.get("monitor"), loss)
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


def check_groups(
    reading: Reading, optimizer: OptimizerConfig, scheduler: SchedulerConfig | None, trained: Sequence[str]
) -> None:
    """A list in a scheduler has a value for each group of the parameters that are trained; momentum is cycled where there
    is one."""
    if scheduler is not None and reading.network is not None and reading.network.parameters is not None:
        _check_call(reading, scheduler.call, optimizer, len(group_names(optimizer, trained)))


def _check_call(reading: Reading, call: BoundCall, optimizer: OptimizerConfig, groups: int) -> None:
    for name, value in call.arguments.items():
        if isinstance(value, tuple) and name not in NOT_BY_GROUP and len(value) != groups:
            many = "1 group" if groups == 1 else f"{groups} groups"
            message = f"`{name}` has {len(value)} values, and the optimizer {many} of parameters"
            notes = ("a number stands for the optimizer's own rate, and the groups keep their ratio to it",)
            reading.section.error("NNC0811", call.spans[name], message, notes=notes)
    cycles = call.name in ("CyclicLR", "OneCycleLR") and call.arguments.get("cycle_momentum", True)
    table = reading.binder.vocabularies["optimizer"]
    kinds = [{a.name for a in table[one.call.name].arguments} & {"momentum", "betas"} for one in optimizer.all]
    if cycles and (not all(kinds) or any(k != kinds[0] for k in kinds)):
        at = call.spans.get("cycle_momentum", call.span)
        names = " and ".join(one.call.name for one in optimizer.all)
        message = f"{names} {'have no momentum of one kind' if len(kinds) > 1 else 'has no momentum'} to cycle"
        reading.section.error("NNC0811", at, message, fix=Fix("write `cycle_momentum=False`"))
    for nested in call.arguments.get("schedulers", ()):
        _check_call(reading, nested, optimizer, groups)
