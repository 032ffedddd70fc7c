"""`variants:`, ready-made settings of a network's arguments under names of their own.

    variants:
      resnet18: {block: BasicBlock, layers: [2, 2, 2, 2]}
      resnet50: {}

Choosing one makes another spec: its name is the variant's, its defaults are the variant's, and it has no variants.
"""

from __future__ import annotations

from dataclasses import replace

from nnc.compiler.diagnostics import Fix, Problems, Span
from nnc.compiler.schema.spec import ArgDecl, Spec, VariantDecl
from nnc.compiler.source.tree import Entry, Mapping, Scalar, Tree
from nnc.compiler.suggest import closest

__all__ = ["choose", "chosen", "report_unknown_settings"]


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


def chosen(tree: Mapping, name: str, span: Span, problems: Problems) -> Mapping | None:
    """The same of a file's tree, whose name and arguments another file then changes. `span` is where it is asked for."""
    variants, args = tree.entry("variants"), tree.get("args")
    table = variants.value if variants is not None else None
    settings = table.get(name) if isinstance(table, Mapping) else None
    if not isinstance(settings, Mapping):
        known = [str(e.key.value) for e in table] if isinstance(table, Mapping) else []
        meant = closest(name, known)
        fix = Fix(f"did you mean `{meant}`?") if meant else None
        problems.error("NNC0709", span, f"there is no variant `{name}`", notes=_listing(known), fix=fix)
        return None
    declared = args.entries if isinstance(args, Mapping) else ()
    unknown = [e.key for e in settings if e.key.value not in {d.key.value for d in declared}]
    if unknown:
        _report_unknown([(str(k.value), k.content) for k in unknown], [str(d.key.value) for d in declared], problems)
        return None
    given = {e.key.value: Entry(e.key, _default(e.value)) for e in settings}
    entries = [Entry(Scalar("name", span, span, exact=False), Scalar(name, span, span, exact=False))]
    for entry in tree.entries:
        if entry.key.value == "args":
            merged = tuple(given.get(d.key.value, d) for d in declared)
            entries.append(Entry(entry.key, Mapping(merged, entry.value.span)))
        elif entry.key.value not in ("name", "variants"):
            entries.append(entry)
    return Mapping(tuple(entries), tree.span, tree.flow)


def _default(value: Tree) -> Tree:
    """In `args:` no value says that one must be given; in a variant it is the value None."""
    if isinstance(value, Scalar) and value.value is None:
        return Scalar("${None}", value.span, value.content, exact=False)
    return value


def _listing(variants: list[str]) -> tuple[str, ...]:
    return (f"its variants are {', '.join(variants)}",) if variants else ("its file has no `variants:`",)


def report_unknown_settings(variant: VariantDecl, args: tuple[ArgDecl, ...], problems: Problems) -> bool:
    """Whether the variant sets what is no argument; each is reported."""
    names = [a.name for a in args]
    unknown = [(s.name, s.span) for s in variant.settings if s.name not in names]
    _report_unknown(unknown, names, problems)
    return bool(unknown)


def _report_unknown(unknown: list[tuple[str, Span]], names: list[str], problems: Problems) -> None:
    for name, span in unknown:
        notes = (f"the arguments are {', '.join(names)}",) if names else ("the spec has no `args:`",)
        meant = closest(name, names)
        fix = Fix(f"did you mean `{meant}`?", span, meant) if meant else None
        problems.error("NNC0302", span, f"there is no argument `{name}` to set", notes=notes, fix=fix)
