"""Kinds: what they accept, what they say, and that their JSON Schema means the same."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.kinds import KINDS, parse_kind
from nnc.compiler.types.dim import size
from nnc.compiler.types.tensor import TensorType

CANDIDATES: list[Any] = [
    None, True, False, -1, 0, 1, 2, 2.5, "zeros", "same", [1], [1, 2], [1, 2, 3], [0, 0], [-1, 2], [None, 2], [2.5, 1], [],
    [[1, 2], [3, 4]], "float32",
]  # fmt: skip


@pytest.mark.parametrize(
    ("annotation", "accepted", "refused"),
    [
        ("Positive", [1, 5], [0, -1, 1.0, True, None, size("H")]),
        ("PositivePair", [3, (3, 5), [1, 1]], [0, (3, 0), (1, 2, 3), 2.0]),
        ("Pair | Literal['same', 'valid']", [0, (1, 0), "same"], ["sam", -1]),
        ("OptionalPair", [7, (7, None)], [None, (None,), 0]),
        ("Probability", [0, 0.5, 1], [1.5, -0.1, True]),
        ("Size", [3, -1, size("H")], [1.5, None]),
        ("Sizes", [(1, size("H")), []], [3, ("a",)]),
        ("Operand", [TensorType((1,)), 2, 0.5, True, size("H")], ["x", None]),
        ("Index", [(slice(None), None, ..., 3), slice(0, size("H")), TensorType((2,))], ["x", 1.5]),
        ("int | None", [None, -3], [1.5, "x"]),
    ],
)
def test_accepts(annotation: str, accepted: list[object], refused: list[object]) -> None:
    kind = parse_kind(annotation)
    assert [v for v in accepted if not kind.accepts(v)] == []
    assert [v for v in refused if kind.accepts(v)] == []


@pytest.mark.parametrize("name", [n for n, k in KINDS.items() if k.schema])
def test_the_schema_means_the_same(name: str) -> None:
    """Of everything that a document can hold, the schema takes what the kind takes. (A schema cannot tell 1 from 1.0.)"""
    kind = KINDS[name]
    validator = jsonschema.Draft7Validator(dict(kind.schema))
    for candidate in CANDIDATES:
        if kind.accepts(candidate):
            assert validator.is_valid(candidate), candidate
        elif not kind.tensor and name not in ("Dtype", "Data"):
            assert not validator.is_valid(candidate), candidate


def test_words_complete_a_sentence() -> None:
    for name, op in CATALOGUE.items():
        for argument in (*op.arguments, *op.inputs, *op.calls):
            words = argument.kind.words
            assert words[0] in 'ant"' or words.startswith("true"), (name, argument.name, words)


def test_every_op_is_documented() -> None:
    for name, op in CATALOGUE.items():
        assert op.doc.rstrip().endswith((".", "`")), (name, op.doc)
