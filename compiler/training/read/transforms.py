"""`transforms:` of `data:` as stages in the order of the file: a list for one field, or for several together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nnc.compiler.diagnostics import Fix, Problems, Span
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Scalar, Sequence, Tree
from nnc.compiler.training.config import BoundCall, FieldTransforms, TransformStage
from nnc.compiler.training.read.binding import Binder
from nnc.compiler.training.read.sections import Section
from nnc.compiler.training.read.values import did_you_mean
from nnc.compiler.training.vocabulary import VOCABULARY, Vocabularies
from nnc.compiler.training.vocabulary.dataset_parts import FIELD_KINDS, FIXED_VALUES, PICTURES

__all__ = ["read_field_kinds", "read_stages", "read_transforms"]


def read_field_kinds(section: Section) -> dict[str, str]:
    """`fields: {photo: image, truth: mask}`: the kind of each field, {} where they are a list of names. The mapping is taken
    out of the section."""
    tree = section.values.get("fields")
    if not isinstance(tree, TreeMapping):
        return {}
    del section.values["fields"]
    found: dict[str, str] = {}
    for entry in tree:
        kind = entry.value
        if not isinstance(kind, Scalar) or kind.value not in FIELD_KINDS:
            fix = did_you_mean(str(kind.value), kind.content, list(FIELD_KINDS)) if isinstance(kind, Scalar) else None
            message = f"a field is one of {', '.join(FIELD_KINDS)}"
            section.error("NNC0804", entry.value.span, message, fix=fix)
        else:
            found[str(entry.key.value)] = str(kind.value)
    return found


def read_stages(
    section: Section,
    fields: tuple[str, ...] | None,
    kinds: Mapping[str, str],
    vocabularies: Vocabularies,
    imports: Mapping[str, str] | None = None,
) -> tuple[TransformStage, ...]:
    """The stages, in the order of the file; those with a fault are reported and left out. Without `fields`, where the dataset
    that has them is not known, any name will do."""
    tree = section.values.get("transforms")
    if tree is None:
        return ()
    if not isinstance(tree, TreeMapping):
        section.error("NNC0808", tree.span, f"`transforms:` has one list for each field: {', '.join(fields or ())}")
        return ()
    stages: list[TransformStage] = []
    for entry in tree:
        names = _names(section, str(entry.key.value), entry.key.content, fields)
        if names is None:
            continue
        before = len(section.problems)
        done = read_transforms(
            entry.value, section.problems, names=section.names, vocabularies=vocabularies, imports=imports
        )
        if done is not None:
            stage = TransformStage(names, done.train, done.eval, entry.key.content)
            if len(names) > 1 and fields is not None:
                _check_joint(stage, section.problems, kinds, vocabularies)
            stages.append(stage)
        section.ok = section.ok and len(section.problems) == before
    return tuple(stages)


def _names(section: Section, key: str, span: Span, fields: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The fields of a key such as `image` or `image, mask`."""
    names = tuple(n.strip() for n in key.split(","))
    for name in names:
        if fields is not None and name not in fields:
            at = key.find(name) if name else 0
            where = span.sub(at, at + len(name)) if name and len(span.text) == len(key) else span
            fix = did_you_mean(name, where, list(fields))
            notes = (f"the fields are {', '.join(fields)}",) if fix is None else ()
            section.error("NNC0810", where, f"there is no field `{name}`", fix=fix, notes=notes)
            return None
    if len(set(names)) < len(names):
        section.error("NNC0805", span, "a field is named twice")
        return None
    return names


def _check_joint(
    stage: TransformStage, problems: Problems, kinds: Mapping[str, str], vocabularies: Vocabularies
) -> None:
    """That every field of a list for several is moved rightly by what the list holds."""
    for name in stage.fields:
        kind = kinds.get(name)
        if kind is None:
            problems.error(
                "NNC0810", stage.span, f"what `{name}` holds is not known, and a list for several fields must know it",
                fix=Fix(f"say it: `fields: {{{name}: mask}}`"), notes=(f"a field is one of {', '.join(FIELD_KINDS)}",),
            )  # fmt: skip
        elif kind not in PICTURES | FIXED_VALUES:
            message = f"`{name}` is a {kind}, which no transform moves: the list is for images and masks"
            problems.error("NNC0810", stage.span, message)
    vocabulary = vocabularies["transform"]
    fixed = [n for n in stage.fields if kinds.get(n) in FIXED_VALUES]
    for call in _leaves(stage.train if stage.eval is stage.train else (*stage.train, *stage.eval)):
        if call.name not in vocabulary:
            continue  # a class of the user's own
        traits = vocabulary[call.name].traits
        if "text" in traits:
            problems.error("NNC0811", call.span, f"{call.name} is for texts, and the list for images and masks")
        elif "alone" in traits:
            problems.error(
                "NNC0811", call.span, f"{call.name} moves the pixels of one image, and no mask with it",
                notes=("in the list of the image alone it is allowed: then a mask stays as it is",),
            )  # fmt: skip
        elif fixed and "cuts" not in traits:
            cutting = ", ".join(n for n, d in vocabulary.items() if "cuts" in d.traits)
            problems.error(
                "NNC0811", call.span,
                f"{call.name} would move the pixels of `{fixed[0]}`, whose numbers say where pixels are, and leave these",
                notes=(f"for a {kinds[fixed[0]]} there are {cutting}; what changes colors stands in a list of the images",),
            )  # fmt: skip


def _leaves(calls: tuple[BoundCall, ...]) -> Iterator[BoundCall]:
    """The calls, and those inside RandomApply, RandomChoice and RandomOrder in their place."""
    for call in calls:
        inner = tuple(v for v in call.arguments.get("transforms", ()) if isinstance(v, BoundCall))
        yield from _leaves(inner) if inner else (call,)


def read_transforms(
    tree: Tree,
    problems: Problems,
    *,
    names: Mapping[str, Any] | None = None,
    vocabularies: Vocabularies = VOCABULARY,
    imports: Mapping[str, str] | None = None,
) -> FieldTransforms | None:
    """One list, for training and evaluation alike, or `{train: […], eval: […]}`."""
    binder = Binder(problems, names or {}, vocabularies=vocabularies, imports=imports or {})
    if isinstance(tree, TreeMapping) and tree.get("type") is None:
        section = Section("transforms", tree, ("train", "eval"), problems, names)
        train = _calls(section.values.get("train"), binder)
        evaluated = _calls(section.values.get("eval"), binder)
        if train is None or evaluated is None or not section.ok:
            return None
        _refuse_random(evaluated, binder, "`eval:` transforms every sample the same way")
        return FieldTransforms(train, evaluated)
    both = _calls(tree, binder)
    if both is None:
        return None
    _refuse_random(both, binder, "this list is for training and evaluation alike")
    return FieldTransforms(both, both)


def _calls(tree: Tree | None, binder: Binder) -> tuple[BoundCall, ...] | None:
    if tree is None:
        return ()
    if not isinstance(tree, Sequence):
        binder.problems.error("NNC0808", tree.span, "the transforms of a field are a list: `- ToImage` and so on")
        return None
    calls = [binder.tree(item, "transform") for item in tree]
    return tuple(c for c in calls if c is not None) if None not in calls else None


def _refuse_random(calls: tuple[BoundCall, ...], binder: Binder, why: str) -> None:
    for call in calls:
        traits = binder.vocabularies["transform"][call.name].traits
        if "random" in traits and "own" not in traits:
            binder.problems.error(
                "NNC0812", call.span, f"{call.name} is random: {why}",
                notes=("write `{train: […], eval: […]}` with a list each, the random transforms in the first",),
            )  # fmt: skip
