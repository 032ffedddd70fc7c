"""`optimizer:` as an `OptimizerConfig`, with settings of their own for some of the parameters."""

from __future__ import annotations

from fnmatch import fnmatchcase

from nnc.compiler.diagnostics import Fix, Span
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Sequence, Tree
from nnc.compiler.training.config import OptimizerConfig, ParameterGroup
from nnc.compiler.training.reading import Reading
from nnc.compiler.training.registry import CallDef
from nnc.compiler.training.sections import Section

__all__ = ["read_optimizer"]


def read_optimizer(reading: Reading) -> OptimizerConfig | None:
    """None where there is none, or after reporting a fault."""
    section = reading.section
    tree = section.values.get("optimizer")
    bound = tree and reading.bind(tree, "optimizer", ("groups",))
    if not tree or not bound:
        return None
    call, found = bound
    written = tree.get("groups") if isinstance(tree, TreeMapping) else None
    if written is None:
        return OptimizerConfig(call)
    if not isinstance(written, Sequence):
        section.error("NNC0808", written.span, "`groups:` is a list of mappings with `match` and settings")
        return None
    if found.name == "LBFGS":
        section.error("NNC0811", written.span, "LBFGS has one group of parameters only")
        return None
    groups = [_group(reading, item, found) for item in written]
    return OptimizerConfig(call, tuple(g for g in groups if g is not None))


def _group(reading: Reading, tree: Tree, found: CallDef) -> ParameterGroup | None:
    """`{match: ["*.bias", "*bn*"], weight_decay: 0}`: the settings are arguments of the optimizer."""
    section = reading.section
    keys = ("match", *(a.name for a in found.arguments if a.name not in ("foreach", "fused", "maximize")))
    part = Section("groups", tree, keys, section.problems, reading.binder.names)
    part.need("match", '"*.bias"')
    patterns = part.texts("match") or ()
    annotations = found.check.__annotations__
    settings = {k: part.value(k, annotations[k], None) for k in part.values if k != "match"}
    if part.ok and not settings:
        fix = Fix("add one, such as `weight_decay: 0`")
        part.error("NNC0807", part.span, "a group without settings changes nothing", fix=fix)
    for pattern, span in patterns:
        _warn_unmatched(reading, pattern, span)
    section.ok = section.ok and part.ok
    if not part.ok:
        return None
    return ParameterGroup(tuple(p for p, _ in patterns), settings, part.span, tuple(s for _, s in patterns))


def _warn_unmatched(reading: Reading, pattern: str, span: Span) -> None:
    names = reading.network.parameters if reading.network else None
    if names is not None and not any(fnmatchcase(n, pattern) for n in names):
        near = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
        notes = (f"there are {near}",)
        reading.section.problems.warning("NNC0816", span, f"no parameter is called `{pattern}`", notes=notes)
