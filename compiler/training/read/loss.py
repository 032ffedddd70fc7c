"""`loss:` as a `LossConfig`: one of torch.nn's, a list of them that is added, or a block of layers."""

from __future__ import annotations

from nnc.compiler.diagnostics import Fix
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Sequence, Tree
from nnc.compiler.training.config import LossConfig, LossTerm
from nnc.compiler.training.read.block import read_loss_block
from nnc.compiler.training.read.reading import Reading
from nnc.compiler.training.read.sections import read_value

__all__ = ["read_loss"]


def read_loss(reading: Reading, prefix: str = "") -> LossConfig | None:
    """None where there is none, or after reporting a fault. `prefix` stands before the names of its terms."""
    tree, section = reading.section.values.get("loss"), reading.section
    if tree is None:
        return None
    if isinstance(tree, TreeMapping) and tree.get("layers") is not None:
        block = read_loss_block(section, tree, reading.data, reading.network, reading.binder.names, prefix)
        return None if block is None else LossConfig((), tree.entries[0].key.span, block)
    if not isinstance(tree, Sequence):
        term = _term(reading, tree, prefix, listed=False)
        return None if term is None else LossConfig((term,), term.call.span)
    terms = [_term(reading, item, prefix, listed=True) for item in tree]
    names: set[str] = set()
    for term in terms:
        if term is not None and term.name in names:
            fix = Fix("give one of them a `name:`")
            section.error("NNC0805", term.call.span, f"two terms of the loss are called `{term.name}`", fix=fix)
        names |= {term.name} if term else set()
    found = tuple(t for t in terms if t is not None)
    if found and all(t.train_only for t in found):
        message = "every term takes an output that comes out in training mode only: validation has no loss"
        section.error("NNC0810", tree.span, message)
    return LossConfig(found, tree.span) if found and None not in terms else None


def _term(reading: Reading, tree: Tree, prefix: str, *, listed: bool) -> LossTerm | None:
    """`{type: CrossEntropyLoss, from: [aux, label], factor: 0.4}`. Of several, each has a name of its own."""
    section, names = reading.section, reading.binder.names
    bound = reading.bind(tree, "loss", ("from", "factor", "name"))
    source = bound and reading.source(tree, *bound, training=listed)
    if not bound or source is None:
        return None
    extras = tree if isinstance(tree, TreeMapping) else None
    factor, name = extras and extras.get("factor"), extras and extras.get("name")
    weight = 1.0 if not factor else read_value("factor", factor, "Finite", section.problems, names)
    written = name and read_value("name", name, "str", section.problems, names)
    if weight is None or (name and written is None):
        section.ok = False
        return None
    hidden = reading.network.train_only if reading.network else frozenset()
    called = prefix + (written or (f"{source[0]}_loss" if listed else "loss"))
    return LossTerm(bound[0], source, called, weight, any(n in hidden for n in source))
