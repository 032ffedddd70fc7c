"""`variants:`, ready-made settings of a network's arguments under names of their own.

    variants:
      resnet18: {block: BasicBlock, layers: [2, 2, 2, 2]}
      resnet50: {}

Choosing one makes another spec: its name is the variant's, its defaults are the variant's, and it has no variants.
"""

from __future__ import annotations

from dataclasses import replace

from nnc.compiler.diagnostics import Fix, Problems
from nnc.compiler.schema.spec import ArgDecl, Spec, VariantDecl
from nnc.compiler.suggest import closest

__all__ = ["choose", "report_unknown_settings"]


def choose(spec: Spec, name: str, problems: Problems) -> Spec | None:
    """The spec that the variant `name` is. None after reporting that there is none of this name."""
    variant = spec.variants.get(name)
    if variant is None:
        known = ", ".join(spec.variants)
        notes = (f"its variants are {known}",) if known else ("variants stand in `variants: {small: {width: 8}}`",)
        meant = closest(name, list(spec.variants))
        fix = Fix(f"did you mean `{meant}`?") if meant else None
        at = next(iter(spec.variants.values())).span if spec.variants else spec.span
        problems.error("NNC0709", at, f"{spec.name} has no variant `{name}`", notes=notes, fix=fix)
        return None
    chosen = {setting.name: setting for setting in variant.settings}
    args = tuple(chosen.get(arg.name, arg) for arg in spec.args)
    return replace(spec, name=name, args=args, variants={})


def report_unknown_settings(variant: VariantDecl, args: tuple[ArgDecl, ...], problems: Problems) -> bool:
    """Whether the variant sets what is no argument; each is reported."""
    names = [a.name for a in args]
    unknown = [s for s in variant.settings if s.name not in names]
    for setting in unknown:
        notes = (f"the arguments are {', '.join(names)}",) if names else ("the spec has no `args:`",)
        meant = closest(setting.name, names)
        fix = Fix(f"did you mean `{meant}`?", setting.span, meant) if meant else None
        problems.error("NNC0302", setting.span, f"there is no argument `{setting.name}` to set", notes=notes, fix=fix)
    return bool(unknown)
