"""`unfreeze:` as `Unfreezing`s: parts of what `freeze:` names, that are trained from some epoch on."""

from __future__ import annotations

from dataclasses import replace

from nnc.compiler.graph.initial import fits
from nnc.compiler.source.tree import Sequence, Tree
from nnc.compiler.training.config import OptimizerConfig, ParameterGroup, Unfreezing
from nnc.compiler.training.read.optimizer import read_settings, settable
from nnc.compiler.training.read.reading import Reading
from nnc.compiler.training.read.sections import Section
from nnc.compiler.training.read.values import did_you_mean

__all__ = ["read_unfreeze"]


def read_unfreeze(
    reading: Reading, optimizer: OptimizerConfig, epochs: int
) -> tuple[tuple[Unfreezing, ...], OptimizerConfig]:
    """`[{match: "backbone.*", epoch: 3, lr: 1e-4}]`, and the optimizer with a group for each."""
    section = reading.section
    tree = section.values.get("unfreeze")
    if tree is None:
        return (), optimizer
    if optimizer.call.name == "LBFGS":
        section.error("NNC0811", tree.span, "LBFGS has one group of parameters only: none can join it later")
        return (), optimizer
    if optimizer.further:
        section.error("NNC0811", tree.span, "what is unfrozen later has one optimizer, not several")
        return (), optimizer
    found = [
        _rule(reading, item, optimizer, epochs) for item in (tree.items if isinstance(tree, Sequence) else (tree,))
    ]
    rules = _apart([f for f in found if f is not None])
    groups = (*optimizer.groups, *(group for _, group in rules))
    return tuple(rule for rule, _ in rules), replace(optimizer, groups=groups)


def _apart(rules: list[tuple[Unfreezing, ParameterGroup]]) -> list[tuple[Unfreezing, ParameterGroup]]:
    """A parameter has the settings of the rule that unfreezes it, which is the earliest that names it."""
    taken: frozenset[str] = frozenset()
    groups: dict[int, ParameterGroup] = {}
    for i in sorted(range(len(rules)), key=lambda i: rules[i][0].epoch):
        names = (rules[i][1].names or frozenset()) - taken
        groups[i] = replace(rules[i][1], names=names)
        taken |= names
    return [(rule, groups[i]) for i, (rule, _) in enumerate(rules)]


def _rule(
    reading: Reading, tree: Tree, optimizer: OptimizerConfig, epochs: int
) -> tuple[Unfreezing, ParameterGroup] | None:
    section = reading.section
    found = reading.binder.vocabularies["optimizer"][optimizer.call.name]
    keys = ("match", "epoch", "statistics", *settable(found))
    part = Section("unfreeze", tree, keys, section.problems, reading.binder.names)
    part.need("match", '"backbone.*"')
    part.need("epoch", "3")
    patterns = part.texts("match") or ()
    epoch, statistics = part.value("epoch", "Positive", 2), part.value("statistics", "bool", True)
    settings = read_settings(part, found)
    if part.ok and epoch == 1:
        note = "what is trained from the beginning is not frozen"
        part.error("NNC0811", part.spans["epoch"], "the first epoch is no later one", notes=(note,))
    elif part.ok and epoch > epochs:
        message = f"epoch {epoch} never comes: there are {epochs}"
        section.problems.warning("NNC0816", part.values["epoch"].span, message)
    network = reading.network
    names: frozenset[str] = frozenset()
    if part.ok and network is not None and network.parameters is not None:
        frozen = [p.name for p in network.parameters if p.frozen]
        names = frozenset(n for n in frozen if any(fits(n, glob) for glob, _ in patterns))
        for glob, span in patterns:
            if not any(fits(n, glob) for n in frozen):
                there = any(fits(p.name, glob) for p in network.parameters)
                message = f"`{glob}` is not frozen" if there else f"no parameter is called `{glob}`"
                notes = () if frozen else ("`freeze:` beside `layers:` names what training leaves alone at first",)
                fix = None if there else did_you_mean(glob, span, [*dict.fromkeys(n.partition(".")[0] for n in frozen)])
                part.error("NNC0810", span, message, notes=notes, fix=fix)
    section.ok = section.ok and part.ok
    if not part.ok:
        return None
    match = tuple(p for p, _ in patterns)
    return Unfreezing(match, epoch, part.span, statistics), ParameterGroup((), settings, part.span, names=names)
