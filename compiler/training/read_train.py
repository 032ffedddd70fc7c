"""`train:` as a `TrainConfig`: the loss, the optimizer and its schedule, metrics, and how long."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from nnc.compiler.diagnostics import Fix, Problems, Span
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Sequence, Tree
from nnc.compiler.training.binding import STAND_IN, Binder
from nnc.compiler.training.config import (
    BoundCall,
    DataConfig,
    LossConfig,
    LossTerm,
    MetricConfig,
    Network,
    OptimizerConfig,
    ParameterGroup,
    SchedulerConfig,
    TrainConfig,
)
from nnc.compiler.training.read_block import read_loss_block
from nnc.compiler.training.read_course import read_averaging, read_early_stopping
from nnc.compiler.training.registry import CallDef
from nnc.compiler.training.sections import Broken, Section, read_names, read_value
from nnc.compiler.training.values import did_you_mean
from nnc.compiler.training.vocabulary import VOCABULARY, Vocabularies

__all__ = ["KEYS", "read_train"]

KEYS = (
    "loss", "optimizer", "scheduler", "metrics", "epochs", "batch_size", "accumulate", "drop_last", "shuffle", "seed",
    "monitor", "clip_grad_norm", "clip_grad_value", "ema", "swa", "early_stopping", "non_finite", "precision",
    "checkpoint_every", "device",
)  # fmt: skip

SCORES = ("logits", "log_probabilities", "probabilities", "binary_logits")  # traits of losses


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
    section.need("loss", "CrossEntropyLoss")
    section.need("optimizer", "AdamW(lr=1e-3)")
    section.need("epochs", "10")
    written = section.value("epochs", "Positive", 1)
    epochs = written if epochs is None else epochs
    batch_size = section.value("batch_size", "Positive", 64)
    known = {**(names or {}), "epochs": epochs, "batch_size": batch_size}
    later = {"steps_per_epoch": STAND_IN, "steps": STAND_IN * epochs}
    reader = _Reader(section, Binder(problems, known, later, vocabularies), data, network)
    loss, optimizer = reader.loss(), reader.optimizer()
    metrics = reader.metrics(loss)
    scheduler = reader.scheduler(metrics)
    monitor, goal = reader.monitor(metrics, section.values.get("monitor"))
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
        "precision": section.value("precision", "Literal['float32', 'bf16', 'fp16']", "float32"),
        "device": section.value("device", "Device", "auto"),
        "checkpoint_every": section.value("checkpoint_every", "Positive | None", None),
    }
    if settings["precision"] == "fp16" and optimizer and optimizer.call.name == "LBFGS":
        section.error("NNC0811", section.values["precision"].span, "LBFGS does not work with the loss scaling of fp16")
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


class _Reader:
    """The keys with calls in them."""

    def __init__(self, section: Section, binder: Binder, data: DataConfig | None, network: Network | None) -> None:
        self.section, self.binder, self.data, self.network = section, binder, data, network

    def bind(self, tree: Tree, group: Any, reserved: tuple[str, ...] = ()) -> tuple[BoundCall, CallDef] | None:
        call = self.binder.tree(tree, group, reserved)
        if call is None:
            self.section.ok = False
            return None
        return call, self.binder.vocabularies[call.group][call.name]  # type: ignore[index]  # a bound call's group

    # -- loss and metrics ----------------------------------------------------------------------------------------------

    def loss(self) -> LossConfig | None:
        tree = self.section.values.get("loss")
        if tree is None:
            return None
        if isinstance(tree, TreeMapping) and tree.get("layers") is not None:
            block = read_loss_block(self.section, tree, self.data, self.network, self.binder.names)
            return None if block is None else LossConfig((), tree.entries[0].key.span, block)
        if not isinstance(tree, Sequence):
            term = self.term(tree, listed=False)
            return None if term is None else LossConfig((term,), term.call.span)
        terms = [self.term(item, listed=True) for item in tree]
        names: set[str] = set()
        for term in terms:
            if term is not None and term.name in names:
                fix = Fix("give one of them a `name:`")
                self.section.error(
                    "NNC0805", term.call.span, f"two terms of the loss are called `{term.name}`", fix=fix
                )
            names |= {term.name} if term else set()
        found = tuple(t for t in terms if t is not None)
        if found and all(t.train_only for t in found):
            message = "every term takes an output that comes out in training mode only: validation has no loss"
            self.section.error("NNC0810", tree.span, message)
        return LossConfig(found, tree.span) if found and None not in terms else None

    def term(self, tree: Tree, *, listed: bool) -> LossTerm | None:
        """`{type: CrossEntropyLoss, from: [aux, label], factor: 0.4}`. Of several, each has a name of its own."""
        bound = self.bind(tree, "loss", ("from", "factor", "name"))
        source = bound and self.source(tree, *bound, training=listed)
        if not bound or source is None:
            return None
        extras = tree if isinstance(tree, TreeMapping) else None
        factor, name = extras and extras.get("factor"), extras and extras.get("name")
        weight = 1.0 if not factor else read_value("factor", factor, "Finite", self.section.problems, self.binder.names)
        written = name and read_value("name", name, "str", self.section.problems, self.binder.names)
        if weight is None or (name and written is None):
            self.section.ok = False
            return None
        hidden = self.network.train_only if self.network else frozenset()
        called = written or (f"{source[0]}_loss" if listed else "loss")
        return LossTerm(bound[0], source, called, weight, any(n in hidden for n in source))

    def metrics(self, loss: LossConfig | None) -> tuple[MetricConfig, ...]:
        """A list, or a mapping that gives the metrics names of its own."""
        tree = self.section.values.get("metrics")
        match tree:
            case None:
                return ()
            case Sequence(items=items):
                named: list[tuple[str | None, Tree]] = [(None, item) for item in items]
            case TreeMapping(entries=entries):
                named = [(str(e.key.value), e.value) for e in entries]
            case _:
                self.section.error("NNC0808", tree.span, "`metrics:` is a list, such as [Accuracy]")
                return ()
        result: list[MetricConfig] = []
        for name, item in named:
            bound = self.bind(item, "metric", ("from",))
            source = bound and self.source(item, *bound)
            if bound is None or source is None:
                continue
            call, found = bound
            name = name or _metric_name(call)
            if name in {"loss", *(t.name for t in (loss.terms if loss else ()))} or any(m.name == name for m in result):
                self.section.error("NNC0805", call.span, f"there is a quantity `{name}` already")
            goal: Literal["min", "max"] = "max" if "max" in found.traits else "min"
            scores, ignored = self.meaning(loss, source) if "classes" in found.traits else ("", None)
            result.append(MetricConfig(name, call, source, goal, scores, ignored))
        return tuple(result)

    def meaning(self, loss: LossConfig | None, source: tuple[str, ...]) -> tuple[str, int | None]:
        """What the scores of a metric are, and which class does not count: as for the loss of the same tensors."""
        if loss is None:
            return "", None
        term = next((t for t in loss.terms if t.source == source), None)
        if term is None:
            return "", None
        traits = self.binder.vocabularies["loss"][term.call.name].traits
        scores = next((k for k in SCORES if k in traits), "")
        ignores = "classes" in traits and term.call.name != "MultiMarginLoss"
        return scores, term.call.arguments.get("ignore_index", -100) if ignores else None

    def source(self, tree: Tree, call: BoundCall, found: CallDef, *, training: bool = False) -> tuple[str, ...] | None:
        """`from:`, or the first output and the last field. `training`: it is wanted in training only."""
        outputs = self.network.outputs if self.network else ()
        fields = self.data.fields if self.data else ()
        written = tree.get("from") if isinstance(tree, TreeMapping) else None
        if written is None:
            if len(found.inputs) != 2:
                self.section.error(
                    "NNC0807", call.span, f"{call.name} takes {len(found.inputs)} tensors: say which with `from:`",
                    notes=(f"they are {', '.join(found.inputs)}",),
                    fix=Fix(f"write `from: [{', '.join(found.inputs)}]`"),
                )  # fmt: skip
                return None
            return (outputs[0] if outputs else "output", fields[-1] if fields else "label")
        names = read_names("from", written, self.section.problems)
        if names is None:
            self.section.ok = False
            return None
        if len(names) != len(found.inputs):
            self.section.error(
                "NNC0810", written.span, f"{call.name} takes {len(found.inputs)} tensors, {len(names)} are named",
                notes=(f"they are {', '.join(found.inputs)}",),
            )  # fmt: skip
            return None
        if not self.network or not self.data:
            return tuple(name for name, _ in names)
        known = [*outputs, *fields]
        for name, span in names:
            if name not in known:
                fix = did_you_mean(name, span, known)
                notes = (f"outputs of the network: {', '.join(outputs)}", f"fields of the data: {', '.join(fields)}")
                self.section.error("NNC0810", span, f"there is no output or field `{name}`", fix=fix, notes=notes)
            elif name in self.network.train_only and not training:
                self.section.error(
                    "NNC0810", span, f"`{name}` comes out in training mode only, and is missing in validation"
                )
        return tuple(name for name, _ in names)

    # -- optimizer and scheduler ---------------------------------------------------------------------------------------

    def optimizer(self) -> OptimizerConfig | None:
        tree = self.section.values.get("optimizer")
        bound = tree and self.bind(tree, "optimizer", ("groups",))
        if not tree or not bound:
            return None
        call, found = bound
        written = tree.get("groups") if isinstance(tree, TreeMapping) else None
        if written is None:
            return OptimizerConfig(call)
        if not isinstance(written, Sequence):
            self.section.error("NNC0808", written.span, "`groups:` is a list of mappings with `match` and settings")
            return None
        if found.name == "LBFGS":
            self.section.error("NNC0811", written.span, "LBFGS has one group of parameters only")
            return None
        groups = [self.group(item, found) for item in written]
        return OptimizerConfig(call, tuple(g for g in groups if g is not None))

    def group(self, tree: Tree, found: CallDef) -> ParameterGroup | None:
        """`{match: ["*.bias", "*bn*"], weight_decay: 0}`: the settings are arguments of the optimizer."""
        keys = ("match", *(a.name for a in found.arguments if a.name not in ("foreach", "fused", "maximize")))
        part = Section("groups", tree, keys, self.section.problems, self.binder.names)
        part.need("match", '"*.bias"')
        patterns = part.texts("match") or ()
        annotations = found.check.__annotations__
        settings = {k: part.value(k, annotations[k], None) for k in part.values if k != "match"}
        if part.ok and not settings:
            part.error(
                "NNC0807",
                part.span,
                "a group without settings changes nothing",
                fix=Fix("add one, such as `weight_decay: 0`"),
            )
        for pattern, span in patterns:
            self.warn_unmatched(pattern, span)
        self.section.ok = self.section.ok and part.ok
        if not part.ok:
            return None
        return ParameterGroup(tuple(p for p, _ in patterns), settings, part.span, tuple(s for _, s in patterns))

    def warn_unmatched(self, pattern: str, span: Span) -> None:
        names = self.network.parameters if self.network else None
        if names is not None and not any(fnmatchcase(n, pattern) for n in names):
            near = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
            self.section.problems.warning(
                "NNC0816", span, f"no parameter is called `{pattern}`", notes=(f"there are {near}",)
            )

    def scheduler(self, metrics: tuple[MetricConfig, ...]) -> SchedulerConfig | None:
        tree = self.section.values.get("scheduler")
        bound = tree and self.bind(tree, "scheduler", ("every", "monitor"))
        if not tree or not bound:
            return None
        call, found = bound
        every: Literal["step", "epoch"] = "step" if self.counts_steps(call) else "epoch"
        written = tree.get("every") if isinstance(tree, TreeMapping) else None
        if written is not None:
            chosen = read_value("every", written, "Literal['step', 'epoch']", self.section.problems, {})
            self.section.ok = self.section.ok and chosen is not None
            every = chosen or every
        watched = tree.get("monitor") if isinstance(tree, TreeMapping) else None
        if "plateau" not in found.traits:
            if watched is not None:
                self.section.error("NNC0811", watched.span, f"{call.name} follows a fixed plan and watches no quantity")
            return SchedulerConfig(call, every)
        if written is not None and every == "step":
            message = "ReduceLROnPlateau waits for a quantity of the epoch: every is epoch"
            self.section.error("NNC0811", written.span, message)
        monitor, goal = self.monitor(metrics, watched or self.section.values.get("monitor"))
        if call.arguments.get("mode", goal) != goal:
            better = "higher" if goal == "max" else "lower"
            message = f'{monitor} is better when it is {better}: mode is "{goal}"'
            self.section.error("NNC0811", call.spans["mode"], message)
        return SchedulerConfig(call, "epoch", monitor, goal)

    def counts_steps(self, call: BoundCall) -> bool:
        """Whether a scheduler steps with every batch: by its kind, or because an argument counts in `steps`."""
        nested = call.arguments.get("schedulers", ())
        if "step" in self.binder.vocabularies["scheduler"][call.name].traits or any(map(self.counts_steps, nested)):
            return True
        return call.deferred

    def monitor(self, metrics: tuple[MetricConfig, ...], tree: Tree | None) -> tuple[str, Literal["min", "max"]]:
        """The quantity that chooses the best checkpoint, and which end of it is better."""
        validated = self.data is None or self.data.validation is not None
        goals: dict[str, Literal["min", "max"]] = {}
        if validated:
            goals = {f"validation.{m.name}": m.goal for m in metrics} | {"validation.loss": "min"}
        goals["train.loss"] = "min"
        first = next(iter(goals))
        if tree is None:
            return first, goals[first]
        written = read_value("monitor", tree, "str", self.section.problems, self.binder.names)
        if written is None or written not in goals:
            self.section.ok = False
            if written is not None:
                missing = written.startswith("validation.") and not validated
                notes = ("add `validation: 0.1` to `data:`",) if missing else (f"there are {', '.join(goals)}",)
                fix = None if missing else did_you_mean(written, tree.span, list(goals))
                self.section.error("NNC0810", tree.span, f"there is no quantity `{written}`", fix=fix, notes=notes)
            return first, goals[first]
        return written, goals[written]


def _metric_name(call: BoundCall) -> str:
    """`Accuracy` → accuracy, `Accuracy(top_k=5)` → top5_accuracy, `F1Score(average="macro")` → macro_f1_score, `AUROC` →
    auroc."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[0-9])(?=[A-Z][a-z])", "_", call.name).lower()
    top_k, average = call.arguments.get("top_k", 1), call.arguments.get("average")
    words = (f"top{top_k}" if top_k != 1 else "", average or "", name)
    return "_".join(word for word in words if word)
