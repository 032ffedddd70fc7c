"""`steps:` as `StepConfig`s: a batch takes several steps, each with a loss and an optimizer for some of the parameters.

steps:
  discriminator: {parameters: discriminator, loss: …, optimizer: Adam(lr=2e-4)}
  generator: {parameters: generator, loss: …, optimizer: Adam(lr=2e-4), reuse: sample}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from nnc.compiler.diagnostics import Fix, Span
from nnc.compiler.graph.initial import fits
from nnc.compiler.graph.ir import Graph, Node, Value
from nnc.compiler.graph.part import needed
from nnc.compiler.source.tree import Entry
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.training.config import LossConfig, MetricConfig, StepConfig
from nnc.compiler.training.network import OUTPUT
from nnc.compiler.training.read.loss import read_loss
from nnc.compiler.training.read.optimizer import read_optimizer
from nnc.compiler.training.read.reading import Reading
from nnc.compiler.training.read.scheduler import check_groups, read_scheduler
from nnc.compiler.training.read.sections import Section
from nnc.compiler.training.read.values import did_you_mean
from nnc.compiler.training.vocabulary.losses import BALANCED

__all__ = ["combined_loss", "read_steps", "with_schedulers"]

KEYS = ("parameters", "loss", "optimizer", "scheduler", "every", "reuse")
INSTEAD = ("loss", "optimizer", "scheduler")  # what each step has for itself
APART = {
    "unfreeze": "each of them names what it trains",
    "carry": "each of them has a forward pass of its own",
}  # keys of `train:` that are for one step only, and why


def read_steps(reading: Reading) -> list[tuple[StepConfig, Reading]]:
    """The steps, without their schedulers, and what each is read with. Empty where there are none, or after reporting a
    fault."""
    section = reading.section
    tree = section.values.get("steps")
    if tree is None:
        return []
    for key in INSTEAD:
        if key in section.spans:
            message = f"each of the steps has its own `{key}`"
            section.error(
                "NNC0811", section.spans[key], message, notes=("write it into `steps:`, or leave `steps:` out",)
            )
    for key, why in APART.items():
        if key in section.values:
            section.error("NNC0811", section.spans[key], f"`{key}` does not go together with several steps: {why}")
    if not isinstance(tree, TreeMapping) or not tree.entries:
        section.error("NNC0808", tree.span, "`steps:` is a mapping from names to steps")
        return []
    found = [_step(reading, entry) for entry in tree]
    steps = [f for f in found if f is not None]
    if len(steps) < len(found):
        section.ok = False
        return []
    if all(step.every > 1 for step, _ in steps):
        section.error(
            "NNC0811",
            section.spans["steps"],
            "a batch takes one of the steps at least",
            fix=Fix("leave out one `every:`"),
        )
    graph = reading.network.graph if reading.network else None
    if graph is not None and section.ok:
        computed = [_check_step(graph, steps, i, r) for i, (_, r) in enumerate(steps)]
        steps = [(replace(s, outputs=outputs), r) for (s, r), outputs in zip(steps, computed, strict=True)]
        _warn_untrained(reading, [s for s, _ in steps], section.spans["steps"])
    section.ok = section.ok and all(r.section.ok for _, r in steps)
    return steps


def _step(reading: Reading, entry: Entry) -> tuple[StepConfig, Reading] | None:
    name = str(entry.key.value)
    part = Section(
        f"steps.{name}", entry.value, KEYS, reading.section.problems, reading.binder.names, reading.section.broken
    )
    for key, example in (("parameters", f"{name}.*"), ("loss", "MSELoss"), ("optimizer", "Adam(lr=2e-4)")):
        part.need(key, example)
    if not part.ok:
        return None
    own = replace(reading, section=part)
    globs, reuse = part.texts("parameters") or (), part.texts("reuse") or ()
    loss = read_loss(own, f"{name}_")
    optimizer = read_optimizer(own, lambda parameter: any(fits(parameter, glob) for glob, _ in globs))
    every = part.value("every", "Positive", 1)
    for glob, span in globs:
        _check_glob(own, glob, span)
    if loss is None or optimizer is None or not part.ok:
        return None
    if optimizer.call.name == "LBFGS":
        part.error(
            "NNC0811", optimizer.call.span, "LBFGS evaluates a batch several times: it cannot be one of several steps"
        )
    weighed = [t for t in loss.terms if BALANCED in t.call.arguments.values()]
    for term in weighed:
        message = "classes are balanced where there is one step only: write the weights as numbers"
        part.error("NNC0811", term.call.span, message)
    step = StepConfig(
        name, tuple(g for g, _ in globs), loss, optimizer, part.span, every=every, reuse=tuple(n for n, _ in reuse)
    )
    return (step, own) if part.ok else None


def _check_glob(reading: Reading, glob: str, span: Span) -> None:
    known = reading.network.parameters if reading.network else None
    if known is not None and not any(fits(p.name, glob) for p in known):
        modules = list(dict.fromkeys(p.name.partition(".")[0] for p in known))
        fix = did_you_mean(glob.removesuffix(".*"), span, modules)
        notes = (f"there are {', '.join(modules[:6])}",)
        reading.section.error("NNC0810", span, f"the network has no parameters called `{glob}`", fix=fix, notes=notes)


# -- what the steps compute --------------------------------------------------------------------------------------------


def _check_step(
    graph: Graph, steps: Sequence[tuple[StepConfig, Reading]], number: int, reading: Reading
) -> tuple[str, ...]:
    """The outputs that a step computes: those of its loss, and those that later steps take from it."""
    step, section = steps[number][0], reading.section
    key_of = {name or OUTPUT: name for name in graph.outputs}
    reused = section.texts("reuse") or ()
    for name, span in reused:
        if name not in key_of:
            fix = did_you_mean(name, span, list(key_of))
            section.error("NNC0810", span, f"the network has no output `{name}`", fix=fix)
    if not section.ok:
        return ()
    nodes = needed(graph, [key_of[n] for n in _outputs_of(step.loss, key_of)])
    for name, span in reused:
        earlier = [s for s, _ in steps[:number] if name in _computed(graph, s, key_of)]
        if not earlier:
            message = f"no step before `{step.name}` computes `{name}`"
            section.error("NNC0811", span, message, notes=("a step computes what the outputs in its loss depend on",))
        elif all(step.every % s.every for s in earlier):
            one = earlier[-1]
            message = (
                f"`{one.name}` computes `{name}` in every {one.every} batches, which are not those of `{step.name}`"
            )
            section.error("NNC0811", span, message)
    owners = {(n.shares or n.name).partition(".")[0] for n in nodes}
    stored = {o.name for n in nodes for o in _stored(graph, n)}
    network = reading.network
    mine = [p.name for p in (network.parameters if network else None) or () if any(fits(p.name, g) for g in step.match)]
    if mine and not any(name.partition(".")[0] in owners | stored for name in mine):
        at = section.values["parameters"].span
        message = f"the loss of `{step.name}` does not depend on what it trains"
        section.error(
            "NNC0811", at, message, notes=(f"it needs {', '.join(sorted(owners)) or 'nothing of the network'}",)
        )
    later = {n for s, _ in steps[number + 1 :] for n in s.reuse} & _computed(graph, step, key_of)
    wanted = _outputs_of(step.loss, key_of)
    return (*wanted, *(n for n in key_of if n in later and n not in wanted))


def _stored(graph: Graph, node: Node) -> Iterator[Node]:
    """Tensors that the network itself owns and a step takes."""
    for value in node.inputs:
        producer = graph.producers.get(value)
        if producer is not None and producer not in graph.schedule:
            yield producer


def _outputs_of(loss: LossConfig, outputs: Sequence[str] | dict[str, str]) -> tuple[str, ...]:
    """Outputs of the network that a loss takes."""
    used = {n for t in loss.terms for n in t.source} | set(loss.block.uses if loss.block else ())
    return tuple(n for n in outputs if n in used)


def _computed(graph: Graph, step: StepConfig, key_of: dict[str, str]) -> set[str]:
    """Outputs that are there after a step, but for those it was given."""
    given = [key_of[n] for n in step.reuse if n in key_of]
    made: set[Value] = {
        v for n in needed(graph, [key_of[o] for o in _outputs_of(step.loss, key_of)], given) for v in n.results
    }
    return {name for name, key in key_of.items() if graph.outputs[key] in made}


def _warn_untrained(reading: Reading, steps: Sequence[StepConfig], span: Span) -> None:
    known = reading.network.parameters if reading.network else None
    left = [p.name for p in known or () if not p.frozen and not any(s.trains(p.name) for s in steps)]
    if left:
        named = ", ".join(f"`{n}`" for n in left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
        reading.section.problems.warning("NNC0816", span, f"no step trains {named}")


# -- all steps together ------------------------------------------------------------------------------------------------


def combined_loss(steps: Sequence[StepConfig], span: Span) -> LossConfig:
    """The sum of the losses, as validation measures it."""
    return LossConfig(tuple(t for s in steps for t in s.loss.terms), span, parts=tuple(s.loss for s in steps))


def with_schedulers(
    steps: Sequence[tuple[StepConfig, Reading]], metrics: tuple[MetricConfig, ...], loss: LossConfig | None
) -> tuple[StepConfig, ...]:
    """The steps with their schedulers, which may watch what is measured."""
    found = []
    for step, reading in steps:
        scheduler = read_scheduler(reading, metrics, loss)
        names = [p.name for p in (reading.network.parameters if reading.network else None) or () if step.trains(p.name)]
        if reading.section.ok:
            check_groups(reading, step.optimizer, scheduler, names)
        found.append(replace(step, scheduler=scheduler))
    return tuple(found)
