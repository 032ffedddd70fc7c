"""`data:` as a `DataConfig`: which datasets, which fields, how they are split and transformed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from nnc.compiler.diagnostics import Fix, Problems
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Scalar, Tree
from nnc.compiler.training.config import BoundCall, DataConfig, Holdout, transforms_by_field
from nnc.compiler.training.read.binding import Binder
from nnc.compiler.training.read.loading import read_holdout, read_loader, read_padding, read_sampler, read_texts
from nnc.compiler.training.read.sections import Broken, Section
from nnc.compiler.training.read.transforms import read_field_kinds, read_stages
from nnc.compiler.training.read.values import did_you_mean
from nnc.compiler.training.vocabulary import VOCABULARY, Vocabularies
from nnc.compiler.training.vocabulary.dataset_parts import DEFAULT_PARTS, kinds_of, parts_of

__all__ = ["KEYS", "read_data"]

KEYS = (
    "fields", "train", "test", "validation", "transforms", "padding", "sampler", "on_error", "classes", "seed", "workers",
    "loader",
)  # fmt: skip
DEFAULT_TEXT = {"lines": ("text",), "folder": ("text", "label"), "stream": ("text", "next")}  # by trait of the dataset
EXAMPLE = 'MNIST(root="data", train=True)'


def read_data(
    tree: Tree,
    problems: Problems,
    *,
    names: Mapping[str, Any] | None = None,
    broken: Broken = frozenset(),
    imports: Mapping[str, str] | None = None,
    vocabularies: Vocabularies = VOCABULARY,
) -> DataConfig | None:
    """The section, or None after reporting its faults. `names` are the spec's arguments; `broken` what the schema check
    refused; `imports` the files of the user's own code."""
    section = Section("data", tree, KEYS, problems, names, broken)
    binder = Binder(problems, names or {}, vocabularies=vocabularies, imports=imports or {})
    bound = _bound(section, binder, section.need("train", EXAMPLE))
    declared = read_field_kinds(section)
    listed = declared or {name: "" for name, _ in section.texts("fields") or ()}
    fields = tuple(listed) or _default_fields(binder, bound)
    train = _dataset(section, binder, fields, bound)
    test = _dataset(section, binder, fields, _bound(section, binder, section.values.get("test")))
    validation = _validation(section, binder, fields)
    kinds = kinds_of(fields, declared, _parts(binder, bound))
    stages = read_stages(section, fields if bound or listed else None, kinds, vocabularies, imports)
    transforms = transforms_by_field(stages)
    held = validation if isinstance(validation, BoundCall) else None
    texts = read_texts(section, binder, {"train": train, "test": test, "validation": held}, transforms)
    padding = read_padding(section, fields, texts, _shifted(binder, train, fields))
    sampler = read_sampler(section, binder, fields, padding)
    loader = read_loader(section)
    classes = section.texts("classes")
    seed = section.value("seed", "NonNegative", 0)
    workers = section.value("workers", "NonNegative | None", None)
    if train is None or not section.ok:
        return None
    return DataConfig(
        fields=fields,
        train=train,
        test=test,
        validation=validation,
        stages=stages,
        kinds=kinds,
        classes=None if classes is None else tuple(name for name, _ in classes),
        seed=seed,
        workers=workers,
        span=section.span,
        spans=section.spans,
        padding=padding,
        sampler=sampler,
        loader=loader,
        on_error=section.value("on_error", "Literal['fail', 'skip']", "fail"),
        texts=texts,
        imports=imports or {},
    )


def _bound(section: Section, binder: Binder, tree: Tree | None) -> BoundCall | None:
    call = None if tree is None else binder.tree(tree, "dataset")
    section.ok = section.ok and (tree is None or call is not None)
    return call


def _default_fields(binder: Binder, call: BoundCall | None) -> tuple[str, ...]:
    traits = binder.vocabularies["dataset"][call.name].traits if call is not None else frozenset()
    return next((f for t, f in DEFAULT_TEXT.items() if t in traits), tuple(_parts(binder, call) or DEFAULT_PARTS))


def _parts(binder: Binder, call: BoundCall | None) -> Mapping[str, str] | None:
    """What a sample of torchvision's datasets holds."""
    return parts_of(binder.vocabularies["dataset"][call.name], call.arguments) if call is not None else None


def _shifted(binder: Binder, call: BoundCall | None, fields: tuple[str, ...]) -> str | None:
    """The field that holds the next tokens of the one before, in samples that differ in length."""
    lines = call is not None and "lines" in binder.vocabularies["dataset"][call.name].traits
    return fields[1] if lines and len(fields) == 2 else None


def _dataset(section: Section, binder: Binder, fields: tuple[str, ...], call: BoundCall | None) -> BoundCall | None:
    if call is None:
        return None
    traits = binder.vocabularies["dataset"][call.name].traits
    if "arrays" in traits:
        arrays = call.arguments.get("arrays") or fields
        if len(arrays) != len(fields):
            section.error(
                "NNC0810", call.spans["arrays"], f"{len(arrays)} arrays for {len(fields)} fields: {', '.join(fields)}",
                notes=("`arrays` names one array for each of `fields`, in their order",),
            )  # fmt: skip
    elif "table" in traits:
        _check_table(section, call, fields)
    elif not traits.isdisjoint(("lines", "stream")):
        if len(fields) > 2:
            section.error(
                "NNC0810",
                section.spans.get("fields", call.span),
                f"{call.name} has one field, or two: the second is the next token",
            )
    elif "own" not in traits:
        _check_parts(section, binder, call, fields)
    root = call.arguments.get("root")
    download = binder.vocabularies["dataset"][call.name].argument("download")
    fetches = download is not None and call.arguments.get("download", download.default)
    if fetches and isinstance(root, str) and _leaves(root):
        section.error(
            "NNC0817", call.spans["root"], "a download may only write below the folder of the spec",
            notes=("a file that one was given must not choose where to write; without `download` any folder is read",),
        )  # fmt: skip
    return call


def _check_parts(section: Section, binder: Binder, call: BoundCall, fields: tuple[str, ...]) -> None:
    """That there is a field for each part of a sample."""
    parts = tuple(_parts(binder, call) or DEFAULT_PARTS)
    if len(fields) != len(parts):
        what = f"{call.name} has {len(parts)} field{'s' * (len(parts) > 1)}, such as [{', '.join(parts)}]"
        section.error("NNC0810", section.spans.get("fields", call.span), what)


def _check_table(section: Section, call: BoundCall, fields: tuple[str, ...]) -> None:
    """That its arguments name fields of the section."""
    for argument in ("columns", "images"):
        for name in call.arguments.get(argument) or ():
            if name not in fields:
                span = call.spans[argument]
                fix = did_you_mean(name, span, list(fields))
                notes = (f"the fields are {', '.join(fields)}",)
                section.error("NNC0810", span, f"there is no field `{name}`", fix=fix and Fix(fix.title), notes=notes)


def _leaves(path: str) -> bool:
    """Whether a path leads out of the folder it starts from, on any system."""
    return (
        any(p.is_absolute() or p.drive or ".." in p.parts for p in (PurePosixPath(path), PureWindowsPath(path)))
        or path[:1] == "~"
    )


def _validation(section: Section, binder: Binder, fields: tuple[str, ...]) -> float | int | Holdout | BoundCall | None:
    tree = section.values.get("validation")
    if tree is None:
        return None
    if isinstance(tree, TreeMapping) or (
        isinstance(tree, Scalar) and isinstance(tree.value, str) and "$" not in tree.value
    ):
        if isinstance(tree, TreeMapping) and tree.get("type") is None:
            return read_holdout(section, tree, fields)
        return _dataset(section, binder, fields, _bound(section, binder, tree))
    value: Any = section.value("validation", "AtLeast0", None)
    if (isinstance(value, float) and value >= 1) or value == 0:
        section.error(
            "NNC0804",
            tree.span,
            "`validation` is a fraction below 1 of the training data, a number of samples, or a dataset",
        )
        return None
    return value  # type: ignore[no-any-return]  # checked by its kind
