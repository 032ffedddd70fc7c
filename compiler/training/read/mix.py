"""`mix:` of `train:`: CutMix and MixUp, for training batches alone."""

from __future__ import annotations

from nnc.compiler.diagnostics import Fix, Span
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Sequence, Tree
from nnc.compiler.training.config import LossConfig, Mixture
from nnc.compiler.training.read.reading import Reading
from nnc.compiler.training.read.sections import read_names, read_value
from nnc.compiler.training.read.values import did_you_mean

__all__ = ["read_mix"]

# Losses whose targets may lie between classes: the numbers of a class each, or as many numbers as the network's.
HARD = frozenset({"CrossEntropyLoss"})
SOFT = frozenset({"BCELoss", "BCEWithLogitsLoss", "KLDivLoss", "MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"})


def read_mix(reading: Reading, loss: LossConfig | None) -> tuple[Mixture, ...]:
    """One mixture or several, of which each batch gets one; () where there is none, or after reporting a fault."""
    tree, section = reading.section.values.get("mix"), reading.section
    if tree is None or loss is None:
        return ()
    if loss.block is not None:
        section.error("NNC0811", tree.span, "a loss block takes labels as they are: mixed ones need CrossEntropyLoss")
        return ()
    items = tree.items if isinstance(tree, Sequence) else (tree,)
    found = tuple(m for m in (_mixture(reading, loss, item, 1 / max(len(items), 1)) for item in items) if m is not None)
    if sum(m.p for m in found) > 1 + 1e-9:
        section.error("NNC0811", tree.span, f"the probabilities add up to {sum(m.p for m in found):g}, more than 1")
    return found


def _mixture(reading: Reading, loss: LossConfig, tree: Tree, share: float) -> Mixture | None:
    section = reading.section
    bound = reading.bind(tree, "mixture", ("p", "from"))
    if bound is None:
        return None
    call = bound[0]
    keys = tree if isinstance(tree, TreeMapping) else None
    written = keys and keys.get("p")
    p = read_value("p", written, "Fraction", section.problems, reading.binder.names) if written else share
    names = _fields(reading, loss, keys and keys.get("from"), call.span)
    if p is None or names is None:
        section.ok = False
        return None
    image, label = names
    kinds = reading.data.kinds if reading.data else {}
    for name, wanted in ((image, ("image", "frames")), (label, ("label", "values"))):
        kind = kinds.get(name)
        if kind is not None and kind not in wanted:
            section.error("NNC0811", call.span, f"{call.name} mixes images and labels, and `{name}` is a {kind}")
            return None
    classes = call.arguments.get("num_classes") or _classes(reading, loss, label, call.name, call.span)
    return Mixture(call, p, image, label, classes or None) if classes is not None else None


def _fields(reading: Reading, loss: LossConfig, tree: Tree | None, span: Span) -> tuple[str, str] | None:
    """The field of the images and that of the labels: as written, else the first field and what the loss compares with."""
    fields = reading.data.fields if reading.data else ()
    if tree is None:
        terms = [t for t in loss.terms if len(t.source) > 1]
        return (fields[0] if fields else "image", terms[0].source[1] if terms else "label")
    names = read_names("from", tree, reading.section.problems)
    if names is None:
        return None
    if len(names) != 2:
        reading.section.error(
            "NNC0810",
            tree.span,
            f"two fields are mixed, {len(names)} are named",
            fix=Fix("write `from: [image, label]`"),
        )
        return None
    for name, place in names:
        if fields and name not in fields:
            fix = did_you_mean(name, place, list(fields))
            notes = (f"the fields are {', '.join(fields)}",) if fix is None else ()
            reading.section.error("NNC0810", place, f"there is no field `{name}`", fix=fix, notes=notes)
            return None
    return names[0][0], names[1][0]


def _classes(reading: Reading, loss: LossConfig, label: str, name: str, span: Span) -> int | None:
    """How many classes there are: as many as the network has scores; 0 where labels are lists of numbers already. None after
    reporting that a loss cannot take mixed labels."""
    section, found = reading.section, 0
    for term in loss.terms:
        if label not in term.source:
            continue
        ignored = term.call.arguments.get("ignore_index", -100)
        if term.call.name in HARD and ignored >= 0:
            message = "torch's CrossEntropyLoss takes no ignore_index with labels between classes"
            section.error("NNC0811", term.call.spans["ignore_index"], message, notes=(f"{name} mixes `{label}`",))
            return None
        if term.call.name not in HARD | SOFT:
            notes = (f"these take mixed labels: {', '.join(sorted(HARD | SOFT))}",)
            section.error(
                "NNC0811",
                term.call.span,
                f"{term.call.name} needs `{label}` as it is, and {name} mixes it",
                notes=notes,
            )
            return None
        if term.call.name in HARD:
            kind = reading.network.types.get(term.source[0]) if reading.network else None
            width = kind.shape[1] if kind is not None and kind.rank > 1 else None
            if kind is not None and not isinstance(width, int):
                section.error(
                    "NNC0811", span, f"how many classes `{term.source[0]}` tells apart is not known",
                    fix=Fix(f"write {name}(num_classes=…)"),
                )  # fmt: skip
                return None
            found = width if isinstance(width, int) else 0
    return found
