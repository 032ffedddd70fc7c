"""The pieces that a document's grammar is made of, and the JSON Schema that each of them is.

Which piece stands at a place follows from its key and its kind of node (scalar, list, mapping) alone. So every fault is
found in one small schema, and no `anyOf` has to guess which of its branches was meant: `own_schema` is a piece without
what is below it, `full_schema` the piece as editors get it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nnc.compiler.schema.names import CONTROL_KEYS, IDENTIFIER_PATTERN, LAYER_NAME_PATTERN, RESERVED_NAMES

__all__ = [
    "COMPUTED", "Choice", "Key", "Layer", "Leaf", "Listing", "Names", "Part", "Record", "Ref", "Schema", "Table",
    "computable", "full_schema", "own_schema",
]  # fmt: skip

Schema = dict[str, Any]
Names = Literal["identifier", "argument", "layer", "free"]  # argument: an identifier that is no control key

# A computed value of the mapping form: `$name`, `${expression}`. (Text beside `${…}` is refused where it is parsed.)
COMPUTED: Schema = {"type": "string", "pattern": r"^\$[^$]|\$\{"}


@dataclass(frozen=True, eq=False, slots=True)
class Leaf:
    """A value judged as a whole by one schema. `words` completes "must be …"; `code` is the diagnostic's."""

    words: str
    schema: Mapping[str, Any]
    code: str = "NNC0201"


@dataclass(frozen=True, eq=False, slots=True)
class Key:
    """A key of a record: what stands under it, and what an editor shows for it."""

    part: Part
    doc: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Record:
    """A mapping with known keys. `rest`: what further keys may hold, None where there are none. `owner` names whose
    keys they are in "… has no key"; `noun` is what they are called ("key", "argument")."""

    words: str
    keys: Mapping[str, Key]
    required: tuple[str, ...] = ()
    rest: Part | None = None
    owner: str = ""
    noun: str = "key"
    code: str = "NNC0202"


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """A mapping from names to one kind of thing."""

    words: str
    value: Part
    names: Names = "free"
    doc: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Listing:
    """A list of one kind of thing."""

    words: str
    item: Part
    least: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Choice:
    """One of several, told apart by the kind of node."""

    words: str
    scalar: Leaf | None = None
    listing: Listing | Leaf | None = None
    mapping: Record | Table | Ref | None = None

    @property
    def options(self) -> tuple[Part, ...]:
        return tuple(o for o in (self.scalar, self.listing, self.mapping) if o is not None)


@dataclass(frozen=True, eq=False, slots=True)
class Ref:
    """A piece by its name among the grammar's definitions: where pieces contain each other."""

    name: str


@dataclass(frozen=True, eq=False, slots=True)
class Layer:
    """An entry of `layers:`: a call string, a list (an nn.Sequential), or the mapping form, which is dispatched by what
    it does and by its `type`."""


Part = Leaf | Record | Table | Listing | Choice | Ref | Layer


def computable(schema: Mapping[str, Any]) -> Schema:
    """`schema`, with a computed value allowed for the whole and for every item of a list."""
    return {"anyOf": [_open_items(schema), COMPUTED]}


def _open_items(schema: Mapping[str, Any]) -> Schema:
    opened = dict(schema)
    if "items" in opened:
        opened["items"] = computable(opened["items"])
    if "anyOf" in opened:
        opened["anyOf"] = [_open_items(s) for s in opened["anyOf"]]
    return opened


_KEYS: Mapping[Names, Schema] = {
    "identifier": {"propertyNames": {"pattern": IDENTIFIER_PATTERN}},
    "argument": {"propertyNames": {"pattern": IDENTIFIER_PATTERN, "not": {"enum": sorted(CONTROL_KEYS)}}},
    "layer": {"propertyNames": {"pattern": LAYER_NAME_PATTERN, "not": {"enum": sorted(RESERVED_NAMES)}}},
    "free": {},
}


def own_schema(part: Leaf | Record | Table | Listing) -> Schema:
    """The piece alone: values of a mapping and items of a list may be anything."""
    match part:
        case Leaf(schema=schema):
            return dict(schema)
        case Record(keys=keys, required=required, rest=rest):
            known: Schema = {"type": "object", "properties": dict.fromkeys(keys, True), "required": list(required)}
            return known if rest is not None else known | {"additionalProperties": False}
        case Table():
            return {"type": "object"}
        case Listing(least=least):
            return {"type": "array", "minItems": least}


def full_schema(part: Part) -> Schema:
    """The piece with everything below it. References are to `#/definitions/`."""
    match part:
        case Leaf(words=words, schema=schema):
            return dict(schema) | {"errorMessage": f"must be {words}"}
        case Record(keys=keys, rest=rest):
            properties = {
                name: full_schema(key.part) | ({"description": key.doc} if key.doc else {})
                for name, key in keys.items()
            }
            further = {} if rest is None else {"additionalProperties": full_schema(rest)}
            return own_schema(part) | {"properties": properties} | further
        case Table(value=value, names=names):
            return own_schema(part) | _KEYS[names] | {"additionalProperties": full_schema(value)}
        case Listing(item=item):
            return own_schema(part) | {"items": full_schema(item)}
        case Choice(options=options):
            return {"anyOf": [full_schema(o) for o in options]}
        case Ref(name=name):
            return {"$ref": f"#/definitions/{name}"}
        case Layer():
            return {"$ref": "#/definitions/layer"}
