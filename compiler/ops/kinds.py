"""What an argument may be: each kind checks a value, says in words what it wants, and gives its JSON Schema.

A rule's annotations name them. For a type checker they are the plain Python types on the right.
A `Size` may be symbolic (a free dimension, read from a tensor's shape at run time); other kinds need a known value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from nnc.compiler.types.dim import Dim, DimLike
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["KINDS", "Kind", "parse_kind"]

# The names that annotations use, as a type checker sees them.
Inferred = int | None
Positive = int
NonNegative = int
Probability = float
Number = int | float
Single = int | tuple[int]
Pair = int | tuple[int, int]
Triple = int | tuple[int, int, int]
PositiveSingle = Single
PositivePair = Pair
PositiveTriple = Triple
Ints = int | Sequence[int]
PositiveInts = int | Sequence[int]
OptionalPair = int | tuple[int | None, int | None]
OptionalTriple = int | tuple[int | None, int | None, int | None]
Numbers = int | float | Sequence[int | float]
Size = DimLike
Sizes = Sequence[DimLike]
Scalar = int | float | bool
Operand = TensorType | DimLike | float | bool
Index = Any  # a tuple of what stands between the brackets: an integer, slice, null, `...`, or tensor of indices
Data = Any  # a number, or equally long lists of them
Tensors = Sequence[TensorType]
Dtype = DType
Activation = str  # the name of a layer
Norm = Literal["forward", "backward", "ortho"]  # which direction of a Fourier transform divides by the number of points


@dataclass(frozen=True, slots=True)
class Kind:
    """`accepts(value)` says whether a value fits; `words` completes "must be …"; `schema` is its draft-07 JSON Schema.
    `tensor`: takes tensors; `symbolic`: may hold a free dimension."""

    words: str
    accepts: Callable[[Any], bool]
    schema: Mapping[str, Any]
    tensor: bool = False
    symbolic: bool = False
    choices: tuple[str, ...] = ()

    def __or__(self, other: Kind) -> Kind:
        return Kind(
            f"{self.words} or {other.words}",
            lambda v: self.accepts(v) or other.accepts(v),
            {"anyOf": [self.schema, other.schema]},
            self.tensor or other.tensor,
            self.symbolic or other.symbolic,
            self.choices + other.choices,
        )


def _is_int(v: object) -> bool:
    return isinstance(v, int) and not isinstance(v, bool)


def _is_number(v: object) -> bool:
    return isinstance(v, int | float) and not isinstance(v, bool)


def _ints(v: object, n: int | None, low: int) -> bool:
    if _is_int(v):
        return v >= low  # type: ignore[operator]  # narrowed by _is_int
    return isinstance(v, list | tuple) and (n is None or len(v) == n) and all(_is_int(i) and i >= low for i in v)


def _ints_schema(n: int | None, low: int | None = None) -> dict[str, Any]:
    item: dict[str, Any] = {"type": "integer"} if low is None else {"type": "integer", "minimum": low}
    items: dict[str, Any] = {"type": "array", "items": item}
    if n is not None:
        items |= {"minItems": n, "maxItems": n}
    return {"anyOf": [item, items]}


def _each(v: object, fits: Callable[[Any], bool]) -> bool:
    return all(map(fits, v)) if isinstance(v, list | tuple) else fits(v)


def _each_schema(item: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [item, {"type": "array", "items": item}]}


def _optional(v: object, n: int) -> bool:
    if isinstance(v, list | tuple):
        return len(v) == n and all(i is None or (_is_int(i) and i >= 1) for i in v)
    return _is_int(v) and isinstance(v, int) and v >= 1


def _optional_schema(n: int) -> dict[str, Any]:
    one: dict[str, Any] = {"type": "integer", "minimum": 1}
    either = {"anyOf": [one, {"type": "null"}]}
    return {"anyOf": [one, {"type": "array", "items": either, "minItems": n, "maxItems": n}]}


def _is_data(v: object) -> bool:
    return all(map(_is_data, v)) if isinstance(v, list | tuple) else isinstance(v, int | float)


def _is_index(v: object) -> bool:
    if isinstance(v, tuple | list):
        return all(map(_is_index, v))
    if isinstance(v, slice):
        return all(p is None or _is_int(p) or isinstance(p, Dim) for p in (v.start, v.stop, v.step))
    return v is None or v is Ellipsis or _is_int(v) or isinstance(v, Dim | TensorType)


_ANY_INT = -(2**63)

KINDS: dict[str, Kind] = {
    "int": Kind("an integer", _is_int, {"type": "integer"}),
    "Inferred": Kind(
        "a positive integer",
        lambda v: v is None or (_is_int(v) and v >= 1),
        {"type": ["integer", "null"], "minimum": 1},
    ),
    "Positive": Kind("a positive integer", lambda v: _is_int(v) and v >= 1, {"type": "integer", "minimum": 1}),
    "NonNegative": Kind("an integer ≥ 0", lambda v: _is_int(v) and v >= 0, {"type": "integer", "minimum": 0}),
    "float": Kind("a number", _is_number, {"type": "number"}),
    "Number": Kind("a number", _is_number, {"type": "number"}),
    "Scalar": Kind("a number", lambda v: isinstance(v, int | float), {"type": ["number", "boolean"]}),
    "Probability": Kind(
        "a number from 0 to 1", lambda v: _is_number(v) and 0 <= v <= 1, {"type": "number", "minimum": 0, "maximum": 1}
    ),
    "bool": Kind("true or false", lambda v: isinstance(v, bool), {"type": "boolean"}),
    "str": Kind("a text", lambda v: isinstance(v, str), {"type": "string"}),
    "None": Kind("null", lambda v: v is None, {"type": "null"}),
    "Single": Kind("an integer ≥ 0", lambda v: _ints(v, 1, 0), _ints_schema(1, 0)),
    "Pair": Kind("an integer ≥ 0 or two of them", lambda v: _ints(v, 2, 0), _ints_schema(2, 0)),
    "Triple": Kind("an integer ≥ 0 or three of them", lambda v: _ints(v, 3, 0), _ints_schema(3, 0)),
    "PositiveSingle": Kind("a positive integer", lambda v: _ints(v, 1, 1), _ints_schema(1, 1)),
    "PositivePair": Kind("a positive integer or two of them", lambda v: _ints(v, 2, 1), _ints_schema(2, 1)),
    "PositiveTriple": Kind("a positive integer or three of them", lambda v: _ints(v, 3, 1), _ints_schema(3, 1)),
    "Ints": Kind("an integer or a list of integers", lambda v: _ints(v, None, _ANY_INT), _ints_schema(None)),
    "PositiveInts": Kind("a positive integer or a list of them", lambda v: _ints(v, None, 1), _ints_schema(None, 1)),
    "OptionalPair": Kind(
        "a positive integer, or two of them where null keeps a size", lambda v: _optional(v, 2), _optional_schema(2)
    ),
    "OptionalTriple": Kind(
        "a positive integer, or three of them where null keeps a size", lambda v: _optional(v, 3), _optional_schema(3)
    ),
    "Numbers": Kind("a number or a list of numbers", lambda v: _each(v, _is_number), _each_schema({"type": "number"})),
    "Size": Kind("a size", lambda v: _is_int(v) or isinstance(v, Dim), {"type": "integer"}, symbolic=True),
    "Sizes": Kind(
        "a list of sizes",
        lambda v: isinstance(v, list | tuple) and all(_is_int(i) or isinstance(i, Dim) for i in v),
        {"type": "array", "items": {"type": "integer"}},
        symbolic=True,
    ),
    "Dtype": Kind("a dtype", lambda v: isinstance(v, DType), {"enum": [d.value for d in DType]}),
    "Operand": Kind(
        "a tensor or a number",
        lambda v: isinstance(v, TensorType | int | float | Dim),
        {"type": ["number", "boolean"]},
        tensor=True,
        symbolic=True,
    ),
    "Data": Kind(
        "a number or nested lists of numbers", _is_data, {"anyOf": [{"type": ["number", "boolean"]}, {"type": "array"}]}
    ),
    "Index": Kind("an index", _is_index, {}, tensor=True, symbolic=True),
    "TensorType": Kind("a tensor", lambda v: isinstance(v, TensorType), {}, tensor=True),
    "Tensors": Kind(
        "a list of tensors",
        lambda v: isinstance(v, list | tuple) and len(v) > 0 and all(isinstance(t, TensorType) for t in v),
        {},
        tensor=True,
    ),
}


def _one_of(choices: tuple[str, ...]) -> Kind:
    words = " or ".join(f'"{c}"' for c in choices)
    return Kind(words, lambda v: isinstance(v, str) and v in choices, {"enum": list(choices)}, choices=choices)


@cache
def parse_kind(annotation: str) -> Kind:
    """The kind that an annotation names: `"Pair | Literal['same', 'valid']"`."""
    kind: Kind | None = None
    for part in (p.strip() for p in annotation.split("|")):
        one = _literal(part) if part.startswith("Literal[") else KINDS[part]
        kind = one if kind is None else kind | one
    assert kind is not None
    return kind


def _literal(part: str) -> Kind:
    return _one_of(tuple(c.strip().strip("'\"") for c in part.removeprefix("Literal[").removesuffix("]").split(",")))


KINDS["Norm"] = _one_of(get_args(Norm))
KINDS["Activation"] = _one_of(
    (
        "ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "SiLU", "GELU", "Mish", "Hardswish", "Hardsigmoid", "Sigmoid", "Tanh",
        "PReLU",
    )
)  # fmt: skip
