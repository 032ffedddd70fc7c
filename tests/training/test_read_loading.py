"""Texts, padding, samplers, folds and loaders in `data:`: every fault at its word, the expectation beside the mistake."""

from __future__ import annotations

import textwrap

import pytest

from nnc.compiler.driver import compile_text
from nnc.compiler.training import DataConfig, read_sections
from nnc.compiler.training.config import Holdout, LoaderConfig, PaddingConfig
from tests.expectations import compare

NETWORK = """\
nnc: 1
inputs: {text: {shape: [B, T], dtype: int64}}
layers: {embed: "Embedding(9, 4)", mean: "mean(embed, 1)", fc: Linear(3)}
"""
TRAIN = "train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 3}\n"
TABLE = 'fields: [text, label]\n  train: Csv("t.csv")'

FAULTS = {
    "text without a tokenizer": """
        data:
          train: TextLines("a.txt")  # error: [missing-section-key] "add `transforms: {text: [Characters]}`"
    """,
    "a list that ends too early": """
        data:
          TABLE
          transforms:
            text: [Lowercase]  # error: [conflicting-settings] "`text` is text until a tokenizer makes numbers of it"
    """,
    "a tensor's transform on text": """
        data:
          TABLE
          transforms:
            text: [ToImage, Characters]  # error: [conflicting-settings] "ToImage takes tensors, and `text` is text"
    """,
    "something after the tokenizer": """
        data:
          TABLE
          transforms:
            text: [Words, Lowercase]  # error: [conflicting-settings] "Words makes numbers of `text`, and nothing comes after it"
    """,
    "two tokenizers": """
        data:
          TABLE
          transforms:
            text:
              train: [Words]
              eval: [Characters]  # error: [conflicting-settings] "the same in training and evaluation"
    """,
    "text inside others": """
        data:
          TABLE
          transforms:
            text:
              train:
                - RandomApply([Lowercase])  # error: [conflicting-settings] "takes transforms of images"
                - Characters
              eval: [Characters]  # error: [conflicting-settings] "the same in training and evaluation"
    """,
    "a vocabulary of special tokens": """
        data:
          TABLE
          transforms:
            text:
              - Words(max_size=2)  # error: [conflicting-settings] "2 of the entries are special tokens"
    """,
    "an alphabet and a count": """
        data:
          TABLE
          transforms:
            text:
              - Characters("abc", max_size=3)  # error: [conflicting-settings] "an alphabet is given as a whole"
    """,
    "a letter twice": """
        data:
          TABLE
          transforms:
            text:
              - Characters("aba")  # error: [conflicting-settings] "a character stands twice"
    """,
    "no tokenizer": """
        data:
          train: Tokens("a.txt", 8, by=Lowercase)  # error: [conflicting-settings] "`by` is a tokenizer: Bytes, Characters"
    """,
    "tokens with transforms": """
        data:
          train: Tokens("a.npy", 8)
          transforms:  # error: [conflicting-settings] "`text` needs no transforms"
            text: [Characters]
    """,
    "too many fields": """
        data:
          fields: [text, next, label]  # error: [unknown-quantity] "TextLines has one field, or two"
          train: TextLines("a.txt")
          transforms: {text: [Characters]}
    """,
    "nothing to pad": """
        data:
          fields: [text, label]
          train: Csv("t.csv")
          padding: {multiple_of: 8}  # error: [missing-section-key] "no field is padded"
    """,
    "a field that is not there": """
        data:
          TABLE
          padding: {fields: [txt]}  # error: [unknown-quantity] "did you mean `text`"
    """,
    "a value for another": """
        data:
          TABLE
          transforms: {text: [Words]}
          padding: {value: {label: 1}}  # error: [unknown-quantity] "there is no field `label`"
    """,
    "two lengths": """
        data:
          TABLE
          transforms: {text: [Words]}
          padding: {length: 8, multiple_of: 4}  # error: [conflicting-settings] "all samples have the `length`"
    """,
    "no such sampler": """
        data:
          TABLE
          sampler: Balance  # error: [unknown-training-name] "did you mean `Balanced`"
    """,
    "a dataset for a sampler": """
        data:
          TABLE
          sampler: MNIST  # error: [unknown-training-name] "`MNIST` is a dataset, and a sampler is needed here"
    """,
    "no length to go by": """
        data:
          TABLE
          sampler: ByLength  # error: [unknown-quantity] "none is"
    """,
    "a field of one length": """
        data:
          TABLE
          transforms: {text: [Words]}
          sampler: ByLength("label")  # error: [unknown-quantity] "`label` is not padded"
    """,
    "weights of no field": """
        data:
          TABLE
          sampler: WeightedRandomSampler("weight")  # error: [unknown-quantity] "there is no field `weight`"
    """,
    "weights of nothing": """
        data:
          TABLE
          sampler:
            type: WeightedRandomSampler
            weights: {a: 0}  # error: [conflicting-settings] "one of the weights must be above 0"
    """,
    "a generator": """
        data:
          TABLE
          sampler: RandomSampler(generator=1)  # error: [refused-training-argument] "`seed:` of `train:` decides"
    """,
    "two ways to split": """
        data:
          TABLE
          validation: {size: 0.1, folds: 5}  # error: [conflicting-settings] "a `size` or `folds`"
    """,
    "no way to split": """
        data:
          TABLE
          validation: {stratify: true}  # error: [missing-section-key] "a `size` or `folds`"
    """,
    "a fold too many": """
        data:
          TABLE
          validation: {folds: 5, fold: 6}  # error: [wrong-training-value] "there are the folds 1 … 5"
    """,
    "a single fold": """
        data:
          TABLE
          validation: {folds: 1}  # error: [wrong-training-value] "an integer ≥ 2"
    """,
    "a fold of nothing": """
        data:
          TABLE
          validation: {size: 0.1, fold: 2}  # error: [missing-section-key] "a fold is one of several"
    """,
    "stratified by another": """
        data:
          TABLE
          validation: {size: 0.1, stratify: labels}  # error: [unknown-quantity] "did you mean `label`"
    """,
    "more than all": """
        data:
          TABLE
          validation: {size: 1.5}  # error: [wrong-training-value] "a fraction below 1"
    """,
    "what stands elsewhere": """
        data:
          TABLE
          loader: {batch_size: 4}  # error: [refused-training-argument] "`batch_size:` stands under `train:`"
    """,
    "workers twice": """
        data:
          TABLE
          workers: 2
          loader: {num_workers: 2}  # error: [given-twice] "`workers:` says the same"
    """,
    "a misspelled argument": """
        data:
          TABLE
          loader: {prefetch: 2}  # error: [unknown-section-key] "prefetch"
    """,
    "nobody who fetches": """
        data:
          TABLE
          loader: {num_workers: 0, prefetch_factor: 2}  # error: [conflicting-settings] "without workers nothing is fetched ahead"
    """,
    "a policy": """
        data:
          TABLE
          on_error: ignore  # error: [wrong-training-value] "\\"fail\\" or \\"skip\\""
    """,
    "an order and another": """
        data:
          TABLE
          sampler: Balanced
        train:
          loss: CrossEntropyLoss
          optimizer: Adam
          epochs: 3
          shuffle: false  # error: [conflicting-settings] "Balanced of `data:` says in which order samples come"
    """,
}


def whole(section: str) -> str:
    text = NETWORK + textwrap.dedent(section).lstrip().replace("TABLE", TABLE)
    return text if "train:\n" in text else text + TRAIN


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_reported_once_at_its_word(name: str) -> None:
    text = whole(FAULTS[name])
    assert compare(text, compile_text(text).problems.sorted()) == []


def read(section: str) -> DataConfig:
    result = compile_text(whole(section))
    assert result.ok, [str(p) for p in result.problems]
    assert result.spec is not None
    data, _ = read_sections(result.spec.sections, result.problems)
    assert data is not None
    return data


def test_what_is_read() -> None:
    data = read("""
        data:
          fields: [text, tags]
          train: Csv("t.csv")
          transforms: {text: [Words], tags: [Whitespace]}
          padding: {value: {tags: -1}, multiple_of: 8}
          validation: {folds: 5, fold: 2, stratify: text}
          loader: {num_workers: 3, multiprocessing_context: forkserver}
          sampler: {type: ByLength, field: tags, pool: 7}
    """)
    assert data.texts == ("text", "tags")
    assert data.padding == PaddingConfig(("text", "tags"), {"tags": -1}, 8)
    assert data.validation == Holdout(None, "text", 5, 2)
    assert data.loader == LoaderConfig(num_workers=3, multiprocessing_context="forkserver")
    assert data.sampler is not None
    assert dict(data.sampler.arguments) == {"field": "tags", "pool": 7}
    assert data.delivered == (
        "text", "tags", "lengths", "mask", "text_lengths", "text_mask", "tags_lengths", "tags_mask",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("train", "fields"),
    [
        ('TextLines("a.txt")', ("text",)),
        ('TextFolder("a")', ("text", "label")),
        ('Tokens("a.npy", 8)', ("text", "next")),
    ],
)
def test_fields_of_their_own(train: str, fields: tuple[str, ...]) -> None:
    transforms = "" if "Tokens" in train else "transforms: {text: [Words]}"
    assert read(f"data:\n  train: {train}\n  {transforms}\n").fields == fields


def test_the_next_token_is_filled_up_with_what_losses_ignore() -> None:
    data = read("data: {fields: [text, next], train: 'TextLines(\"a.txt\")', transforms: {text: [Words]}}\n")
    assert data.padding == PaddingConfig(("text", "next"), {"next": -100})


def test_names_of_columns_need_no_quotes() -> None:
    data = read('data:\n  fields: [text, label]\n  train: Csv("t.csv.gz", names=[text, label])\n')
    assert data.train.arguments["names"] == ("text", "label")
