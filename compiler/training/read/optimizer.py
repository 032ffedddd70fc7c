"""`optimizer:` as an `OptimizerConfig`, with settings of their own for some of the parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from nnc.compiler.diagnostics import Fix, Span
from nnc.compiler.graph.initial import fits
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Sequence, Tree
from nnc.compiler.training.config import LayerDecay, OptimizerConfig, Parameter, ParameterGroup
from nnc.compiler.training.depth import levels, levels_of_globs
from nnc.compiler.training.groups import decays
from nnc.compiler.training.read.reading import Reading
from nnc.compiler.training.read.sections import Section, read_names, read_value
from nnc.compiler.training.read.values import did_you_mean
from nnc.compiler.training.vocabulary.registry import CallDef

__all__ = ["read_optimizer", "read_settings"]

KEYS = ("groups", "no_decay", "layer_decay")
PART = ("parameters", "ndim")  # what one of several optimizers is for
TAKE_SPARSE = ("Adagrad", "SGD", "SparseAdam")
SELECTORS = ("match", "type", "ndim")
DEFAULT = "default"  # of `no_decay:`


def read_optimizer(reading: Reading, trains: Callable[[str], bool] = lambda name: True) -> OptimizerConfig | None:
    """None where there is none, or after reporting a fault. `trains` says by name which parameters it is for."""
    tree = reading.section.values.get("optimizer")
    known = _known(reading)
    mine = None if known is None else [p for p in known if trains(p.name)]
    if isinstance(tree, Sequence):
        return _shared(reading, tree, mine)
    one = tree and _one(reading, tree)
    if not one:
        return None
    for key in PART:
        if isinstance(tree, TreeMapping) and (written := tree.entry(key)) is not None:
            notes = ("of a list of optimizers, each says what it is for",)
            reading.section.error("NNC0811", written.key.content, "one optimizer is for all parameters", notes=notes)
    _check_parameters(reading, one, mine)
    return one


def _one(reading: Reading, tree: Tree) -> OptimizerConfig | None:
    section = reading.section
    bound = reading.bind(tree, "optimizer", (*KEYS, *PART))
    if not bound:
        return None
    call, found = bound
    written = {k: value for k in KEYS if isinstance(tree, TreeMapping) and (value := tree.get(k)) is not None}
    if found.name == "LBFGS" and written:
        section.error("NNC0811", next(iter(written.values())).span, "LBFGS has one group of parameters only")
        return None
    groups: list[ParameterGroup | None] = []
    if "no_decay" in written:
        groups.append(_no_decay(reading, written["no_decay"], found))
    listed = written.get("groups")
    if isinstance(listed, Sequence):
        groups += [_group(reading, item, found) for item in listed]
    elif listed is not None:
        section.error("NNC0808", listed.span, "`groups:` is a list of mappings with `match` and settings")
    decay = _layer_decay(reading, written["layer_decay"]) if "layer_decay" in written else None
    return OptimizerConfig(call, tuple(g for g in groups if g is not None), decay)


# -- several of them ---------------------------------------------------------------------------------------------------


def _shared(reading: Reading, tree: Sequence, mine: list[Parameter] | None) -> OptimizerConfig | None:
    """`[{type: Muon(lr=0.02), parameters: blocks, ndim: 2}, AdamW(lr=3e-4)]`: a parameter goes to the first that takes it."""
    section, left = reading.section, list(mine or ())
    found: list[OptimizerConfig] = []
    for item in tree:
        one = _one(reading, item)
        if one is None:
            return None
        if one.call.name == "LBFGS":
            section.error("NNC0811", one.call.span, "LBFGS steps by itself: it cannot share the parameters")
        taken = _taken(reading, item, left)
        if taken is None:
            return None
        if mine is not None and not taken:
            section.problems.warning("NNC0816", item.span, f"no parameter is left for {one.call.name}")
            continue
        _check_parameters(reading, one, taken)
        left = [p for p in left if p not in taken]
        found.append(replace(one, names=frozenset(p.name for p in taken)))
    over = [p.name for p in left if not p.frozen]
    if over:
        fix = Fix("write a last one without `parameters:`, which takes the rest")
        section.error("NNC0811", section.spans["optimizer"], f"no optimizer takes `{over[0]}`", fix=fix)
    return replace(found[0], further=tuple(found[1:])) if found and section.ok else None


def _taken(reading: Reading, tree: Tree, left: list[Parameter]) -> list[Parameter] | None:
    if not isinstance(tree, TreeMapping):
        return left
    part = Section(
        "optimizer", tree, tuple(str(e.key.value) for e in tree), reading.section.problems, reading.binder.names
    )
    globs, wanted = part.texts("parameters"), part.value("ndim", "NonNegative | Counts", None)
    reading.section.ok = reading.section.ok and part.ok
    if not part.ok:
        return None
    dimensions = None if wanted is None else wanted if isinstance(wanted, tuple) else (wanted,)
    return [
        p for p in left
        if (globs is None or any(fits(p.name, glob) for glob, _ in globs)) and (dimensions is None or p.ndim in dimensions)
    ]  # fmt: skip


def _check_parameters(reading: Reading, config: OptimizerConfig, mine: list[Parameter] | None) -> None:
    """What torch would refuse in the first step."""
    call, section = config.call, reading.section
    traits = reading.binder.vocabularies["optimizer"][call.name].traits
    trained = [p for p in mine or () if not p.frozen]
    other = next((p for p in trained if p.ndim != 2), None)
    if "matrices" in traits and other is not None:
        notes = ("the usual way is a list: `[{type: Muon, parameters: blocks, ndim: 2}, AdamW]`",)
        message = f"{call.name} is for matrices, and `{other.name}` has {other.ndim} dimension{'s' * (other.ndim != 1)}"
        section.error("NNC0811", call.span, message, notes=notes)
    dense = next((p for p in trained if not p.sparse), None)
    if "sparse" in traits and dense is not None:
        notes = ("`Embedding(…, sparse=True)` has sparse ones; a list of optimizers gives each what it is for",)
        section.error(
            "NNC0811",
            call.span,
            f"{call.name} is for sparse gradients, and that of `{dense.name}` is dense",
            notes=notes,
        )
    sparse = next((p for p in trained if p.sparse), None)
    if sparse is not None and call.name not in TAKE_SPARSE:
        notes = (f"{', '.join(TAKE_SPARSE)} do",)
        section.error(
            "NNC0811", call.span, f"{call.name} takes no sparse gradients, and that of `{sparse.name}` is", notes=notes
        )


def read_settings(part: Section, found: CallDef) -> dict[str, Any]:
    """Arguments of the optimizer among the keys of a mapping."""
    annotations = found.check.__annotations__
    return {k: part.value(k, annotations[k], None) for k in part.values if k in settable(found)}


def settable(found: CallDef) -> tuple[str, ...]:
    """Arguments that a group of parameters can have for itself."""
    return tuple(a.name for a in found.arguments if a.name not in ("foreach", "fused", "maximize"))


# -- groups ------------------------------------------------------------------------------------------------------------


def _group(reading: Reading, tree: Tree, found: CallDef) -> ParameterGroup | None:
    """`{match: ["*.bias", "*bn*"], weight_decay: 0}`, `{type: LayerNorm, …}`, `{ndim: 1, …}`: the settings are arguments
    of the optimizer."""
    section = reading.section
    part = Section("groups", tree, (*SELECTORS, *settable(found)), section.problems, reading.binder.names)
    if part.ok and not any(k in part.spans for k in SELECTORS):
        part.need("match", '"*.bias"')
    patterns, types = part.texts("match") or (), part.texts("type") or ()
    wanted = part.value("ndim", "NonNegative | Counts", None)
    dimensions = None if wanted is None else wanted if isinstance(wanted, tuple) else (wanted,)
    settings = read_settings(part, found)
    if part.ok and not settings:
        fix = Fix("add one, such as `weight_decay: 0`")
        part.error("NNC0807", part.span, "a group without settings changes nothing", fix=fix)
    known = _known(reading)
    for pattern, span in patterns:
        _warn_unmatched(reading, pattern, span)
    for kind, span in types:
        _check_type(reading, part, kind, span)
    names: frozenset[str] | None = None
    if types or dimensions is not None:
        kinds = {kind for kind, _ in types}
        names = frozenset(
            p.name for p in known or ()
            if (not kinds or p.layer in kinds or not kinds.isdisjoint(p.blocks))
            and (dimensions is None or p.ndim in dimensions)
        )  # fmt: skip
    group = ParameterGroup(tuple(p for p, _ in patterns), settings, part.span, tuple(s for _, s in patterns), names)
    if part.ok and known is not None and names is not None and not any(group.fits(p.name) for p in known):
        section.problems.warning("NNC0816", part.span, "no parameter of the network is in this group")
    section.ok = section.ok and part.ok
    return group if part.ok else None


def _known(reading: Reading) -> tuple[Parameter, ...] | None:
    return reading.network.parameters if reading.network else None


def _warn_unmatched(reading: Reading, pattern: str, span: Span) -> None:
    known = _known(reading)
    if known is not None and not any(fnmatchcase(p.name, pattern) for p in known):
        notes = (f"there are {_some([p.name for p in known])}",)
        reading.section.problems.warning("NNC0816", span, f"no parameter is called `{pattern}`", notes=notes)


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")


def _check_type(reading: Reading, part: Section, kind: str, span: Span) -> None:
    """A type is a layer's, or the name of a block of the file."""
    from nnc.compiler.ops.catalogue import CATALOGUE

    blocks = reading.network.spec.blocks if reading.network and reading.network.spec else {}
    here = list(dict.fromkeys(p.layer for p in _known(reading) or () if p.layer))
    if kind in CATALOGUE or kind in blocks or kind in here or reading.network is None:
        return
    fix = did_you_mean(kind, span, [*here, *blocks, *(n for n in CATALOGUE if n[:1].isupper())])
    notes = () if fix else (f"layers with parameters here: {_some([*here, *blocks])}",)
    part.error("NNC0801", span, f"there is no layer or block `{kind}`", fix=fix, notes=notes)


# -- defaults for all parameters -----------------------------------------------------------------------------------------


def _no_decay(reading: Reading, tree: Tree, found: CallDef) -> ParameterGroup | None:
    """`no_decay: default`, or globs, or both: `[default, pos_embed]`."""
    section = reading.section
    if found.argument("weight_decay") is None:
        section.error("NNC0811", tree.span, f"{found.name} decays no weights")
        return None
    names = read_names("no_decay", tree, section.problems)
    if names is None:
        section.ok = False
        return None
    for pattern, span in names:
        if pattern != DEFAULT:
            _warn_unmatched(reading, pattern, span)
    by_default: Callable[[Parameter], bool] = lambda p: False  # noqa: E731
    if any(n == DEFAULT for n, _ in names):
        by_default = lambda p: not decays(p)  # noqa: E731
    spared = frozenset(
        p.name for p in _known(reading) or () if by_default(p) or any(fnmatchcase(p.name, g) for g, _ in names)
    )
    return ParameterGroup((), {"weight_decay": 0.0}, tree.span, names=spared)


def _layer_decay(reading: Reading, tree: Tree) -> LayerDecay | None:
    """`layer_decay: 0.75`, or `{factor: 0.75, layers: ["stem", "blocks.*", "head"]}`."""
    section = reading.section
    globs: tuple[tuple[str, Span], ...] = ()
    if isinstance(tree, TreeMapping):
        part = Section("layer_decay", tree, ("factor", "layers"), section.problems, reading.binder.names)
        part.need("factor", "0.75")
        factor, globs = part.value("factor", "Share", None), part.texts("layers") or ()
        section.ok = section.ok and part.ok
    else:
        factor = read_value("layer_decay", tree, "Share", section.problems, reading.binder.names)
    if factor is None:
        section.ok = False
        return None
    network = reading.network
    if network is None or network.parameters is None:
        return LayerDecay(factor, {}, 1, tree.span)
    modules = {
        ".".join(parts[:i])
        for p in network.parameters
        for parts in [p.name.split(".")]
        for i in range(1, len(parts) + 1)
    }
    for glob, span in globs:
        if not any(m.count(".") == glob.count(".") and fnmatchcase(m, glob) for m in modules):
            notes = ("a glob has as many dots as the names it is for: `blocks.*` names `blocks.0`",)
            section.problems.warning("NNC0816", span, f"nothing with parameters is called `{glob}`", notes=notes)
    found = levels_of_globs(network, [g for g, _ in globs]) if globs else levels(network)
    return LayerDecay(factor, found, max(found.values(), default=0) + 1, tree.span)
