"""The keys of `data:` about how samples are split, drawn and put together: `validation`, `sampler`, `padding`,
`loader`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnc.compiler.diagnostics import Fix
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Scalar, Sequence
from nnc.compiler.training.config import (
    BoundCall,
    DataConfig,
    FieldTransforms,
    Holdout,
    LoaderConfig,
    PaddingConfig,
)
from nnc.compiler.training.read.binding import Binder
from nnc.compiler.training.read.sections import Section
from nnc.compiler.training.read.values import did_you_mean
from nnc.compiler.training.vocabulary.kinds import MULTIPROCESSING

__all__ = ["IGNORED", "check_order", "read_holdout", "read_loader", "read_padding", "read_sampler", "read_texts"]

IGNORED = -100  # the class that torch's losses pass over by default
# Of DataLoader's arguments, those that stand elsewhere.
ELSEWHERE = {
    "batch_size": "`batch_size:` stands under `train:`",
    "shuffle": "`shuffle:` stands under `train:`",
    "drop_last": "`drop_last:` stands under `train:`",
    "sampler": "`sampler:` stands under `data:` itself",
    "batch_sampler": "`sampler:` of `data:` draws the samples, `batch_size:` of `train:` makes the batches",
    "collate_fn": "`padding:` of `data:` says how samples of different lengths are put together",
    "generator": "`seed:` of `train:` decides",
    "worker_init_fn": "every sample's randomness is a function of seed, epoch and sample already",
    "in_order": "the order is always the same, or a run could not be repeated",
}


def read_texts(
    section: Section, binder: Binder, calls: Mapping[str, BoundCall | None], transforms: Mapping[str, FieldTransforms]
) -> tuple[str, ...]:
    """The fields that are cut into tokens, after checking that their lists can do it. `calls` are the datasets."""
    texts = []
    vocabulary = binder.vocabularies["transform"]
    for field, both in transforms.items():
        traits = (
            [vocabulary[c.name].traits for c in both.train] if all(c.name in vocabulary for c in both.train) else []
        )
        steps = ["tokens" if "tokens" in t else "text" if "text" in t else "" for t in traits]
        inner = next((c for c in (*both.train, *both.eval) if _has_text(binder, c)), None)
        if inner is not None:
            section.error("NNC0811", inner.span, f"{inner.name} takes transforms of images, and this is one of text")
        if not any(steps) and not any("text" in vocabulary[c.name].traits for c in both.eval if c.name in vocabulary):
            continue
        texts.append(field)
        if both.train != both.eval and [str(c) for c in both.train] != [str(c) for c in both.eval]:
            at = (both.eval or both.train)[0].span
            section.error(
                "NNC0811", at, f"`{field}` is text: what is done to it is the same in training and evaluation"
            )
            continue
        wrong = next((i for i, s in enumerate(steps) if not s or (s == "tokens") != (i == len(steps) - 1)), None)
        if wrong is None:
            continue
        call, known = both.train[wrong], ", ".join(n for n, d in vocabulary.items() if "tokens" in d.traits)
        if steps[wrong] == "tokens":
            message = f"{call.name} makes numbers of `{field}`, and nothing comes after it"
        elif not steps[wrong]:
            message = f"{call.name} takes tensors, and `{field}` is text"
        else:
            message = f"`{field}` is text until a tokenizer makes numbers of it"
        section.error("NNC0811", call.span, message, notes=(f"the list ends with one of {known}",))
    for dataset in calls.values():
        if dataset is not None:
            _check_sequence(section, binder, dataset, tuple(texts), transforms)
    return tuple(texts)


def _has_text(binder: Binder, call: BoundCall) -> bool:
    """Whether a transform of transforms holds one of text."""
    nested = [v for v in call.arguments.get("transforms", ()) if isinstance(v, BoundCall)]
    vocabulary = binder.vocabularies["transform"]
    return any("text" in vocabulary[n.name].traits or _has_text(binder, n) for n in nested if n.name in vocabulary)


def _check_sequence(
    section: Section, binder: Binder, call: BoundCall, texts: tuple[str, ...], transforms: Mapping[str, FieldTransforms]
) -> None:
    """A dataset of text needs a tokenizer; one of tokens has its own."""
    found = binder.vocabularies["dataset"].get(call.name)
    traits = found.traits if found is not None else frozenset()
    if "text" in traits:
        first = _first_field(section)
        if first not in texts and section.ok:
            fix = Fix(f"add `transforms: {{{first}: [Characters]}}`")
            section.error("NNC0807", call.span, f"{call.name} has texts, and `{first}` has no tokenizer", fix=fix)
    if "stream" in traits:
        for field in transforms:
            section.error(
                "NNC0811", section.spans["transforms"], f"{call.name} delivers numbers: `{field}` needs no transforms",
                notes=("its tokenizer is an argument: `by=Words(max_size=10000)`",),
            )  # fmt: skip
            return


def _first_field(section: Section) -> str:
    match section.values.get("fields"):
        case TreeMapping(entries=entries) if entries:
            return str(entries[0].key.value)
        case Sequence() | Scalar():
            return next((name for name, _ in section.texts("fields") or ()), "text")
    return "text"


def read_padding(
    section: Section, fields: tuple[str, ...], texts: tuple[str, ...], shifted: str | None
) -> PaddingConfig:
    """`padding: {fields: [x], value: {tags: -100}, multiple_of: 8}`. Text is padded without being asked for; `shifted` is
    the field that holds another one's next tokens."""
    padded = dict.fromkeys((*texts, *((shifted,) if shifted else ())))
    values: dict[str, int | float] = {shifted: IGNORED} if shifted else {}
    tree = section.values.get("padding")
    if tree is None:
        return PaddingConfig(tuple(f for f in fields if f in padded), values)
    keys = ("fields", "value", "multiple_of", "length")
    part = Section("padding", tree, keys, section.problems, section.names, section.broken)
    for name, span in part.texts("fields") or ():
        if _known(part, name, span, fields):
            padded[name] = None
    names = tuple(f for f in fields if f in padded)
    if part.ok and not names:
        fix = Fix("name the fields whose samples differ in length: `padding: {fields: [sequence]}`")
        part.error("NNC0807", part.span, "no field is padded", fix=fix)
    value = part.value("value", "Finite | Paddings", None)
    if isinstance(value, Mapping):
        for name in value:
            _known(part, str(name), part.values["value"].span, names)
        values |= value
    elif value is not None:
        values |= dict.fromkeys(names, value)
    multiple, length = part.value("multiple_of", "Positive", 1), part.value("length", "Positive | None", None)
    if length is not None and "multiple_of" in part.values:
        part.error("NNC0811", part.spans["multiple_of"], "all samples have the `length` that is given")
    section.ok = section.ok and part.ok
    return PaddingConfig(names, values, multiple, length)


def read_sampler(section: Section, binder: Binder, fields: tuple[str, ...], padding: PaddingConfig) -> BoundCall | None:
    """`sampler: Balanced`, or one of torch's."""
    tree = section.values.get("sampler")
    if tree is None:
        return None
    call = binder.tree(tree, "sampler")
    if call is None:
        section.ok = False
        return None
    field = call.arguments.get("field")
    if field is not None and _known(section, field, call.spans["field"], fields) and call.name == "ByLength":
        if field not in padding.fields:
            notes = (f"padded are {', '.join(padding.fields)}",) if padding.fields else ()
            section.error(
                "NNC0810", call.spans["field"], f"`{field}` is not padded: all its samples are as long", notes=notes
            )
    elif call.name == "ByLength" and not padding.fields:
        message = "ByLength goes by the length of a field that is padded, and none is"
        section.error("NNC0810", call.span, message, notes=("`padding: {fields: [sequence]}` says which one is",))
    weights = call.arguments.get("weights")
    if isinstance(weights, str):
        _known(section, weights, call.spans["weights"], fields)
    return call


def check_order(train: Section, data: DataConfig, *, shuffle: bool, carried: bool) -> None:
    """That `train:` and the sampler do not both say the order, and that a state is carried in one that goes on."""
    sampler = data.sampler
    if sampler is not None and "shuffle" in train.values:
        message = f"{sampler.name} of `data:` says in which order samples come"
        train.error("NNC0811", train.spans["shuffle"], message)
    goes_on = not shuffle if sampler is None else sampler.name in ("Consecutive", "SequentialSampler")
    if carried and not goes_on:
        train.error(
            "NNC0811", train.spans["carry"], "a state is carried from batch to batch, and samples come in a random order",
            fix=Fix("add `sampler: Consecutive` to `data:`"),
            notes=("`shuffle: false` does for data whose sample r goes on in sample r + batch_size",),
        )  # fmt: skip


def read_holdout(section: Section, tree: TreeMapping, fields: tuple[str, ...]) -> Holdout | None:
    """`validation: {size: 0.1, stratify: label}`, or `{folds: 5, fold: 1}`."""
    keys = ("size", "stratify", "folds", "fold")
    part = Section("validation", tree, keys, section.problems, section.names, section.broken)
    size, folds = part.value("size", "Above0 | None", None), part.value("folds", "Folds | None", None)
    fold = part.value("fold", "Positive", 1)
    stratify: Any = part.value("stratify", "bool | str", None)
    if isinstance(stratify, str):
        _known(part, stratify, part.values["stratify"].span, fields)
    if (size is None) == (folds is None) and part.ok:
        fix = Fix("write `size: 0.1`, or `folds: 5`")
        part.error("NNC0807" if size is None else "NNC0811", part.span, "`validation` has a `size` or `folds`", fix=fix)
    if isinstance(size, float) and size >= 1:
        part.error("NNC0804", part.values["size"].span, "`size` is a fraction below 1, or a number of samples")
    if "fold" in part.values and folds is None and part.ok:
        part.error("NNC0807", part.spans["fold"], "a fold is one of several", fix=Fix("add `folds: 5`"))
    elif folds is not None and fold > folds:
        part.error("NNC0804", part.values["fold"].span, f"there are the folds 1 … {folds}")
    section.ok = section.ok and part.ok
    chosen = fields[-1] if stratify is True else stratify or None
    return Holdout(size, chosen, folds, fold) if part.ok else None


def read_loader(section: Section) -> LoaderConfig:
    """`loader: {num_workers: 4, prefetch_factor: 8}`: what DataLoader is told."""
    tree = section.values.get("loader")
    if tree is None:
        return LoaderConfig()
    keys = ("num_workers", "prefetch_factor", "persistent_workers", "pin_memory", "timeout", "multiprocessing_context")
    if isinstance(tree, TreeMapping):
        for entry in tree:
            if (name := str(entry.key.value)) in ELSEWHERE:
                section.error("NNC0809", entry.key.content, f"`{name}` cannot be given here: {ELSEWHERE[name]}")
    known = keys + (tuple(ELSEWHERE) if isinstance(tree, TreeMapping | Sequence) else ())
    part = Section("loader", tree, known, section.problems, section.names, section.broken)
    if "num_workers" in part.values and "workers" in section.values:
        part.error("NNC0805", part.spans["num_workers"], "`workers:` says the same")
    found = LoaderConfig(
        part.value("num_workers", "NonNegative | None", None),
        part.value("prefetch_factor", "Positive | None", None),
        part.value("persistent_workers", "bool | None", None),
        part.value("pin_memory", "bool | None", None),
        part.value("timeout", "AtLeast0", 0.0),
        part.value("multiprocessing_context", f"{MULTIPROCESSING} | None", None),
    )
    if found.num_workers == 0 and (found.prefetch_factor is not None or found.persistent_workers or found.timeout):
        part.error(
            "NNC0811", part.spans["num_workers"], "without workers nothing is fetched ahead, or kept, or waited for"
        )
    section.ok = section.ok and part.ok
    return found


def _known(section: Section, name: str, span: Any, fields: tuple[str, ...]) -> bool:
    if name in fields:
        return True
    fix = did_you_mean(name, span, list(fields))
    notes = (f"there are {', '.join(fields)}",) if fields else ()
    section.error("NNC0810", span, f"there is no field `{name}`", fix=fix and Fix(fix.title), notes=notes)
    return False
