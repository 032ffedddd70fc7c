"""The form of `data:`.

Only the form stands here: which keys, which kind of value. Which datasets, losses and optimizers there are, and with
which arguments, is `compiler/training`'s to say. To add a key, add a line.
"""

from __future__ import annotations

from nnc.compiler.schema.grammar import Choice, Key, Leaf, Listing, Record, Table
from nnc.compiler.schema.settings import (
    ANYTHING,
    CALL_TEXT,
    CALLS,
    DATASET,
    FLAG,
    NAMES,
    NATURAL,
    POSITIVE,
    TEXT,
    call,
    setting,
)

__all__ = ["DATA"]

TRANSFORMS = Choice(
    "a list of transforms, or `{train: […], eval: […]}`",
    listing=CALLS,
    mapping=Record(
        "a mapping with `train:` and `eval:`",
        {
            "train": Key(CALLS, "Done to the field while training."),
            "eval": Key(CALLS, "Done to the field in validation, test and prediction."),
        },
    ),
)

_HOLDOUT = Record(
    "a dataset (`type:`), or a mapping with `size:` or `folds:`",
    {
        "type": Key(CALL_TEXT, "A dataset of its own."),
        "size": Key(
            setting("a number above 0", {"type": "number", "exclusiveMinimum": 0}),
            "A fraction, or a number of samples.",
        ),
        "stratify": Key(ANYTHING, "A field, or true for the last: each of its classes is split alike."),
        "folds": Key(
            setting("an integer ≥ 2", {"type": "integer", "minimum": 2}), "Cross-validation in so many folds."
        ),
        "fold": Key(POSITIVE, "The fold that validates, from 1; `nnc train --fold 2` says another."),
    },
    rest=ANYTHING,
)

_PADDING = Record(
    "a mapping",
    {
        "fields": Key(NAMES, "Fields whose samples differ in length; those of text are padded anyway."),
        "value": Key(ANYTHING, "What is filled in: a number, or one by field. By default 0."),
        "multiple_of": Key(POSITIVE, "Lengths are rounded up to a multiple of this."),
        "length": Key(POSITIVE, "One length for all batches; longer samples are cut."),
    },
    owner="`padding:`",
    code="NNC0806",
)

_LOADER = Record(
    "a mapping with arguments of DataLoader",
    {
        "num_workers": Key(NATURAL, "Processes that read samples."),
        "prefetch_factor": Key(POSITIVE, "Batches that each of them reads ahead."),
        "persistent_workers": Key(FLAG, "Whether they live on after an epoch."),
        "pin_memory": Key(FLAG, "Whether batches are put where a GPU fetches them faster."),
        "timeout": Key(
            setting("a number ≥ 0", {"type": "number", "minimum": 0}), "Seconds to wait for a batch; 0: forever."
        ),
        "multiprocessing_context": Key(
            setting("fork, spawn or forkserver", {"enum": ["fork", "spawn", "forkserver"]}), "How they are begun."
        ),
    },
    rest=ANYTHING,
)

FIELDS = Choice(
    "a name, a list of names, or a mapping from names to kinds",
    scalar=TEXT,
    listing=Listing("a list of names", TEXT, least=1),
    mapping=Table("a mapping from names to kinds", TEXT),
)
DATA = Record(
    "a mapping with `train:`",
    {
        "fields": Key(
            FIELDS, "What one sample holds, in the dataset's order: `[image, label]`, or `{photo: image, truth: mask}`."
        ),
        "train": Key(DATASET, "The training data: torchvision's own class names and arguments."),
        "test": Key(DATASET, "The test data."),
        "validation": Key(
            Choice(
                "a fraction of the training data, a number of samples, or a dataset",
                scalar=Leaf(
                    "a fraction of the training data, a number of samples, or a dataset",
                    {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "minLength": 1}]},
                    code="NNC0804",
                ),
                mapping=_HOLDOUT,
            ),
            "A part of the training data (a fraction, a number of samples, or a fold), split off by `seed:`, or a dataset.",
        ),
        "transforms": Key(
            Table("a mapping from a field to its transforms", TRANSFORMS),
            "torchvision.transforms.v2, by field, or `image, mask:` for several with the same draws.",
        ),
        "classes": Key(NAMES, "Names of the classes, in the order of their numbers."),
        "seed": Key(NATURAL, "Decides the validation split."),
        "workers": Key(
            setting("an integer ≥ 0", {"type": ["integer", "null"], "minimum": 0}),
            "Processes that load data; by default chosen by the machine.",
        ),
        "padding": Key(_PADDING, "How samples of different lengths are put together."),
        "sampler": Key(
            call("a sampler such as `Balanced`, or a mapping with `type:`"),
            "Which training samples an epoch draws, and in which order; by default as `shuffle:` says.",
        ),
        "loader": Key(_LOADER, "Arguments of torch's DataLoader, under its own names."),
        "on_error": Key(
            setting('"fail" or "skip"', {"enum": ["fail", "skip"]}),
            "What is done about a sample that cannot be read: end the run, or leave it out and count it.",
        ),
    },
    owner="`data:`",
    code="NNC0806",
)
