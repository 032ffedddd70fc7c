"""What an argument of an optimizer, a loss, a transform … may be. The form is the layers' (`ops/kinds.py`), the kinds
are these.

A signature's annotations name them; for a type checker they are the plain Python types on the right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Literal

from nnc.compiler.ops.kinds import Kind
from nnc.compiler.training.config import BoundCall
from nnc.compiler.types.dtype import DType

__all__ = ["INTERPOLATION", "MULTIPROCESSING", "are_names", "is_formula", "nested_group", "parse_kind"]

Positive = int
OneOrTwo = int
OneOrThree = int
NonNegative = int
Finite = float
AtLeast0 = float
Above0 = float
Fraction = float
BelowOne = float
Share = float
Counts = Sequence[int]
Betas = tuple[float, float]
AtLeast1 = float
EpsPair = tuple[float | None, float]
TwoNumbers = tuple[float, float]
ThreeNumbers = tuple[float, float, float]
Numbers = Sequence[float]
NumberOrRange = float | tuple[float, float]
ImageSize = int | Sequence[int]
Padding = int | Sequence[int]
Fill = float | Sequence[float] | Mapping[str, object]
OneFill = float | Sequence[float]
Quality = int | Sequence[int]
Sizes = int | Sequence[int]
TwoSizes = tuple[int, int]
ThreePositive = tuple[int, int, int]
Milestones = Sequence[int]
Fields = Sequence[str]
Columns = Mapping[str, object]
Letter = str
Files = str | Sequence[str]
Tokenizer = BoundCall
ClassWeights = Mapping[str, float] | Sequence[float]
Formula = str
Formulas = Sequence[str]
Dtype = str
Interpolation = str
Balanced = str
Task = str
Micro = str
Schedulers = Sequence[object]
Transforms = Sequence[object]

MULTIPROCESSING = "Literal['fork', 'spawn', 'forkserver']"
INTERPOLATION = ("nearest", "nearest-exact", "bilinear", "bicubic", "box", "hamming", "lanczos")


def _is_int(v: object) -> bool:
    return isinstance(v, int) and not isinstance(v, bool)


def _is_number(v: object) -> bool:
    return isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v)


def _number(words: str, fits: Callable[[Any], bool], **schema: float) -> Kind:
    return Kind(words, lambda v: _is_number(v) and fits(v), {"type": "number", **schema})


def _integer(words: str, low: int) -> Kind:
    return Kind(words, lambda v: _is_int(v) and v >= low, {"type": "integer", "minimum": low})


def _several(words: str, fits: Callable[[Any], bool], least: int, most: int | None, item: dict[str, Any]) -> Kind:
    schema: dict[str, Any] = {"type": "array", "items": item, "minItems": least}
    if most is not None:
        schema["maxItems"] = most

    def accepts(v: object) -> bool:
        return isinstance(v, tuple) and least <= len(v) <= (most or len(v)) and all(fits(i) for i in v)

    return Kind(words, accepts, schema)


def _choice(*choices: str) -> Kind:
    words = " or ".join(f'"{c}"' for c in choices)
    return Kind(words, lambda v: isinstance(v, str) and v in choices, {"enum": list(choices)}, choices=choices)


def _call(words: str, group: str) -> Kind:
    return Kind(words, lambda v: isinstance(v, BoundCall) and v.group == group, {"$ref": f"#/definitions/{group}"})


def _calls(words: str, group: str) -> Kind:
    fits = _call("", group).accepts
    return _several(words, fits, 1, None, {"$ref": f"#/definitions/{group}"})


def _at_least_0(v: object) -> bool:
    return isinstance(v, int | float) and not isinstance(v, bool) and v >= 0


def _increasing(v: object) -> bool:
    return isinstance(v, tuple) and all(_is_int(i) and i >= 0 for i in v) and all(a < b for a, b in pairwise(v))


_NUMBER = {"type": "number"}
_SIZE = {"type": "integer", "minimum": 1}
_COUNT = {"type": "integer", "minimum": 0}


def _is_size(v: object) -> bool:
    return isinstance(v, int) and not isinstance(v, bool) and v >= 1


def _is_count(v: object) -> bool:
    return isinstance(v, int) and not isinstance(v, bool) and v >= 0


_QUALITY = {"type": "integer", "minimum": 1, "maximum": 100}
_FILL = {"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER, "minItems": 1}]}
_FILLS = {
    "type": "object",
    "properties": {"image": _FILL, "mask": _NUMBER},
    "additionalProperties": False,
    "minProperties": 1,
}


def _are_fills(v: object) -> bool:
    """What is filled in by kind of field."""
    if not isinstance(v, Mapping) or not v or not v.keys() <= {"image", "mask"}:
        return False
    values = v.get("image", 0)
    return _is_number(v.get("mask", 0)) and all(map(_is_number, values if isinstance(values, tuple) else (values,)))


def _are_columns(v: object) -> bool:
    def names(value: object) -> bool:
        return isinstance(value, str) or (
            isinstance(value, tuple) and len(value) > 0 and all(isinstance(i, str) for i in value)
        )

    return isinstance(v, Mapping) and len(v) > 0 and all(isinstance(k, str) and names(c) for k, c in v.items())


KINDS: dict[str, Kind] = {
    "int": Kind("an integer", _is_int, {"type": "integer"}),
    "Positive": _integer("an integer ≥ 1", 1),
    "OneOrTwo": Kind("1 or 2", lambda v: _is_int(v) and v in (1, 2), {"enum": [1, 2]}),
    "OneOrThree": Kind("1 or 3", lambda v: _is_int(v) and v in (1, 3), {"enum": [1, 3]}),
    "NonNegative": _integer("an integer ≥ 0", 0),
    "Finite": _number("a number", lambda v: True),
    "AtLeast0": _number("a number ≥ 0", lambda v: v >= 0, minimum=0),
    "Above0": _number("a number > 0", lambda v: v > 0, exclusiveMinimum=0),
    "Fraction": _number("a number from 0 to 1", lambda v: 0 <= v <= 1, minimum=0, maximum=1),
    "BelowOne": _number("a number ≥ 0 and < 1", lambda v: 0 <= v < 1, minimum=0, exclusiveMaximum=1),
    "Share": _number("a number > 0 and ≤ 1", lambda v: 0 < v <= 1, exclusiveMinimum=0, maximum=1),
    "AtLeast1": _number("a number ≥ 1", lambda v: v >= 1, minimum=1),
    "EpsPair": Kind(
        "[null or a number ≥ 0, a number ≥ 0]",
        lambda v: isinstance(v, tuple) and len(v) == 2 and (v[0] is None or _at_least_0(v[0])) and _at_least_0(v[1]),
        {"type": "array", "minItems": 2, "maxItems": 2},
    ),
    "bool": Kind("true or false", lambda v: isinstance(v, bool), {"type": "boolean"}),
    "str": Kind("a text", lambda v: isinstance(v, str), {"type": "string"}),
    "None": Kind("null", lambda v: v is None, {"type": "null"}),
    "Betas": _several(
        "two numbers ≥ 0 and < 1",
        lambda v: _is_number(v) and 0 <= v < 1,
        2,
        2,
        _NUMBER | {"minimum": 0, "exclusiveMaximum": 1},
    ),
    "TwoNumbers": _several("two numbers", _is_number, 2, 2, _NUMBER),
    "ThreeNumbers": _several("three numbers", _is_number, 3, 3, _NUMBER),
    "Numbers": _several("a list of numbers", _is_number, 1, None, _NUMBER),
    "NumberOrRange": Kind(
        "a number ≥ 0 or [least, most]",
        lambda v: (
            (_is_number(v) and v >= 0)
            or (isinstance(v, tuple) and len(v) == 2 and all(map(_is_number, v)) and v[0] <= v[1])
        ),
        {"anyOf": [_NUMBER | {"minimum": 0}, {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2}]},
    ),
    "ImageSize": _integer("an integer ≥ 1", 1) | _several("[height, width]", _is_size, 1, 2, _SIZE),
    "Padding": _integer("an integer ≥ 0", 0) | _several("1, 2 or 4 of them", _is_count, 1, 4, _COUNT),
    "Fill": _number("a number", lambda v: True)
    | _several("one number per channel", _is_number, 1, None, _NUMBER)
    | Kind("{image: a number, mask: another}", _are_fills, _FILLS),
    "OneFill": _number("a number", lambda v: True) | _several("one number per channel", _is_number, 1, None, _NUMBER),
    "Quality": Kind(
        "an integer from 1 to 100, or [least, most]",
        lambda v: all(_is_int(q) and 1 <= q <= 100 for q in (v if isinstance(v, tuple) and len(v) == 2 else (v,))),
        {"anyOf": [_QUALITY, {"type": "array", "items": _QUALITY, "minItems": 2, "maxItems": 2}]},
    ),
    "Sizes": _integer("an integer ≥ 1", 1) | _several("a list of them", _is_size, 1, None, _SIZE),
    "TwoSizes": _several("[height, width]", _is_size, 2, 2, _SIZE),
    "Counts": _several("a list of integers ≥ 0", _is_count, 1, None, _COUNT),
    "ThreePositive": _several("three integers ≥ 1", _is_size, 3, 3, _SIZE),
    "Milestones": Kind("a list of increasing integers ≥ 0", _increasing, {"type": "array", "items": _COUNT}),
    "Fields": Kind(
        "a list of array names",
        lambda v: isinstance(v, tuple) and len(v) > 0 and all(isinstance(i, str) for i in v),
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
    ),
    "Columns": Kind(
        "a mapping from a field to a column, or to a list of columns",
        _are_columns,
        {
            "type": "object",
            "additionalProperties": {
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]
            },
        },
    ),
    "Files": Kind("a file name", lambda v: isinstance(v, str) and v != "", {"type": "string", "minLength": 1})
    | _several("a list of them", lambda v: isinstance(v, str) and v != "", 1, None, {"type": "string", "minLength": 1}),
    "Folds": _integer("an integer ≥ 2", 2),
    "Paddings": Kind(
        "a mapping from a field to a number",
        lambda v: isinstance(v, Mapping) and len(v) > 0 and all(_is_number(n) for n in v.values()),
        {"type": "object", "additionalProperties": _NUMBER, "minProperties": 1},
    ),
    "Tokenizer": _call("a tokenizer such as Characters", "transform"),
    "ClassWeights": Kind(
        "a mapping from a class to a number ≥ 0",
        lambda v: isinstance(v, Mapping) and len(v) > 0 and all(_at_least_0(w) for w in v.values()),
        {"type": "object", "additionalProperties": _NUMBER | {"minimum": 0}, "minProperties": 1},
    )
    | _several("a list of them", _at_least_0, 1, None, _NUMBER | {"minimum": 0}),
    "Letter": Kind(
        "a single character", lambda v: isinstance(v, str) and len(v) == 1, {"type": "string", "maxLength": 1}
    ),
    "Formula": Kind('a formula of epoch, such as "0.95 ** epoch"', lambda v: isinstance(v, str), {"type": "string"}),
    "Formulas": _several("a list of such formulas", lambda v: isinstance(v, str), 1, None, {"type": "string"}),
    "Dtype": Kind(
        "a dtype such as float32",
        lambda v: isinstance(v, str) and v in DType.__members__,
        {"enum": [d.value for d in DType]},
    ),
    "Device": Kind(
        "auto, cpu, cuda, cuda:0 … or mps",
        lambda v: isinstance(v, str) and re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", v) is not None,
        {"type": "string", "pattern": r"^(auto|cpu|mps|cuda(:[0-9]{1,3})?)$"},
    ),
    "Interpolation": _choice(*INTERPOLATION),
    "Balanced": _choice("balanced"),
    "Task": _choice("binary", "multiclass", "multilabel"),
    "Micro": _choice("micro", "macro", "weighted"),
    "Schedulers": _calls("a list of schedulers", "scheduler"),
    "Transforms": _calls("a list of transforms", "transform"),
}


@cache
def parse_kind(annotation: str) -> Kind:
    """The kind that an annotation names: `"Above0 | None"`, `"Literal['min', 'max']"`."""
    kind: Kind | None = None
    for part in (p.strip() for p in annotation.split(" | ")):
        one = _literal(part) if part.startswith(("Literal[", "Sequence[Literal[")) else KINDS[part]
        kind = one if kind is None else kind | one
    assert kind is not None
    return kind


def _literal(part: str) -> Kind:
    inside = part.removeprefix("Sequence[").removeprefix("Literal[").rstrip("]")
    choices = tuple(c.strip().strip("'\"") for c in inside.split(",") if c.strip())
    one = _choice(*choices)
    if not part.startswith("Sequence["):
        return one
    return _several(f"a list of {one.words}", lambda v: isinstance(v, str) and v in choices, 1, None, dict(one.schema))


def nested_group(kind: Kind) -> Literal["scheduler", "transform"] | None:
    """The group whose calls an argument of this kind holds."""
    if kind is KINDS["Schedulers"]:
        return "scheduler"
    return "transform" if kind is KINDS["Transforms"] or "tokenizer" in kind.words else None


def are_names(kind: Kind) -> bool:
    """Whether the argument holds names of fields or columns, which need no quotes: `names=[image, label]`."""
    return "array names" in kind.words


def is_formula(kind: Kind) -> bool:
    """Whether the argument is a text in the expression language."""
    return "formula" in kind.words
